package world

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/simulator/pair"
)

// remedy is a state in which nobody serves, and what the operations guide says ends it.
type remedy struct {
	before func(w *clocked) // what is other than usual before the hosts start
	stuck  func(w *clocked) // brings about the state: a serves and b is in sync until then
	at     string           // who is asked
	says   string           // what it says: the row of the guide
	do     []string         // what is done, in the words of that row
	serves string           // who serves then; "" is either
}

// remedies by what happened.
func remedies() map[string]remedy {
	const a, b = pair.HostA, pair.HostB
	const (
		other   = "start the other host"
		witness = "start the witness"
		another = "start one with an empty directory in its place"
		force   = "`hotpair promote --force`"
		admit   = "`hotpair admit NAME`"
	)
	const (
		alone    = "waiting for …, which alone holds every acknowledged update"
		out      = "out of the in-sync set after a clean stop or a loss on its disk: waiting for …"
		older    = "the note of membership (version …) is older than the pair record (version …): the data may be old"
		back     = "the witness went back to version … of the pair record, but this host has seen …"
		elsewise = "witness … answers, but witness … kept the pair record"
		emptied  = "the witness has lost the pair record"
		foreign  = "the witness keeps the record of another pair (…, this host belongs to …)"
		unread   = "the witness can't be reached, so it is unknown which host may serve"
		ended    = "nobody serves: … is active but may not answer: its right has ended"
		unsure   = "waiting for …: without a witness a restarted host can't know whether it is still in sync"
		sure     = "… is in sync, and takes over once it is sure that … is gone"
		ahead    = "waiting for …: … updates ahead"
		served   = "terminals were served in epoch …, this host only knows epoch …: waiting for the other host"
		apart    = "waiting for the other host: …"
		more     = "… has seen version … of the pair record, but the witness shows version …"
		damaged  = "not fit: the journal is damaged after …: start the other host, which has the updates after that; …"
		replaced = "the in-sync set has this host under another identity: its data directory was replaced"
	)
	return map[string]remedy{
		"paused when the active died": {stuck: func(w *clocked) { w.pause(); w.down(a) }, at: b,
			says: "… does not take over: automatic takeover is paused", do: []string{"`hotpair resume`"}, serves: b},
		"the witness, then the active": {stuck: func(w *clocked) { w.KillWitness(); w.down(a) }, at: b,
			says: "… can't take over: no witness answers", do: []string{witness}, serves: b},
		"a new witness, then the active": {stuck: func(w *clocked) { w.KillWitness(); w.down(a) }, at: b,
			says: "… can't take over: no witness answers", do: []string{another, other}},
		"the standby, then the active": {stuck: func(w *clocked) { w.solo(); w.down(a); w.Host(b).Start() }, at: b,
			says: alone, do: []string{other}, serves: a},
		"the standby, then the active for good": {stuck: func(w *clocked) { w.solo(); w.down(a); w.Host(b).Start() }, at: b,
			says: alone, do: []string{force}, serves: b},
		"the standby stopped without a witness": {stuck: func(w *clocked) { w.resigned() }, at: b, says: out, do: []string{other}, serves: a},
		"the same, and the active for good":     {stuck: func(w *clocked) { w.resigned() }, at: b, says: out, do: []string{force}, serves: b},
		"an old copy of the data":               {stuck: func(w *clocked) { w.oldData() }, at: b, says: older, do: []string{other}, serves: a},
		"an old copy, and the active for good":  {stuck: func(w *clocked) { w.oldData() }, at: b, says: older, do: []string{force}, serves: b},
		"a witness of an older copy":            {stuck: func(w *clocked) { w.older() }, at: b, says: back, do: []string{other}},
		"the same, with one host left":          {stuck: func(w *clocked) { w.older() }, at: b, says: back, do: []string{force}, serves: b},
		"another witness": {stuck: func(w *clocked) { w.newWitness(); w.down(a) }, at: b,
			says: elsewise, do: []string{other}},
		"another witness, with one host left": {stuck: func(w *clocked) { w.newWitness(); w.down(a) }, at: b,
			says: elsewise, do: []string{force}, serves: b},
		"an emptied witness": {before: func(w *clocked) { w.keepEmpty() }, stuck: func(w *clocked) { w.down(a, b); w.empty(); w.Host(b).Start() }, at: b,
			says: emptied, do: []string{other}},
		"an emptied witness, with one host left": {before: func(w *clocked) { w.keepEmpty() }, stuck: func(w *clocked) { w.down(a, b); w.empty(); w.Host(b).Start() }, at: b,
			says: emptied, do: []string{force}, serves: b},
		"the witness of another pair": {stuck: func(w *clocked) { w.otherWitness() }, at: a, says: foreign, do: []string{another}},
		"all but the witness lost power": {stuck: func(w *clocked) { w.down(a, b); w.KillWitness(); w.start(a, b) }, at: a,
			says: unread, do: []string{witness}},
		"all lost power, the witness for good": {stuck: func(w *clocked) { w.down(a, b); w.KillWitness(); w.start(a, b) }, at: a,
			says: unread, do: []string{another}, serves: a},
		"the witness for good, then the standby": {stuck: func(w *clocked) { w.KillWitness(); w.down(b) }, at: a, says: ended, do: []string{another, other}},
		"the standby and the witness":            {stuck: func(w *clocked) { w.KillWitness(); w.down(b) }, at: a, says: ended, do: []string{witness}, serves: a},
		"no witness, and a restart": {before: func(w *clocked) { w.witnessless() }, stuck: func(w *clocked) { w.down(a, b); w.start(b) }, at: b,
			says: unsure, do: []string{other}, serves: a},
		"no witness, and the active for good": {before: func(w *clocked) { w.witnessless() }, stuck: func(w *clocked) { w.down(a, b); w.start(b) }, at: b,
			says: unsure, do: []string{force}, serves: b},
		"the active was replaced":       {stuck: func(w *clocked) { w.down(a, b); w.replace(a); w.start(a, b) }, at: b, says: sure, do: []string{admit}, serves: b},
		"the replaced active was asked": {stuck: func(w *clocked) { w.down(a, b); w.replace(a); w.start(a, b) }, at: a, says: replaced, do: []string{admit}, serves: b},
		"the solo host was replaced":    {stuck: func(w *clocked) { w.solo(); w.down(a); w.replace(a); w.start(a, b) }, at: b, says: alone, do: []string{force}, serves: b},
		"a service that is needed": {before: func(w *clocked) { w.needy(b) }, stuck: func(w *clocked) { w.down(a) }, at: b,
			says: "not fit: …", do: []string{other}, serves: a},
		"the first host alone": {before: func(w *clocked) { w.StartWitness(); w.start(a) }, at: a,
			says: "no pair record yet: both empty hosts must see each other and the witness", do: []string{other}, serves: a},
		"the standby fell behind, then the active":       {stuck: func(w *clocked) { w.behind() }, at: b, says: ahead, do: []string{other}, serves: a},
		"the same for good":                              {stuck: func(w *clocked) { w.behind() }, at: b, says: ahead, do: []string{force}, serves: b},
		"no witness, and the later of two actives":       {before: func(w *clocked) { w.witnessless() }, stuck: func(w *clocked) { w.followed() }, at: a, says: served, do: []string{other}},
		"no witness, and the later of both for good":     {before: func(w *clocked) { w.witnessless() }, stuck: func(w *clocked) { w.followed() }, at: a, says: served, do: []string{force}, serves: a},
		"who knows more does not reach the witness":      {stuck: func(w *clocked) { w.knowsMore() }, at: b, says: more, do: []string{"fix the network to it"}},
		"a foreign directory":                            {stuck: func(w *clocked) { w.pairless() }, at: b, says: "nobody serves: … is starting", do: []string{"fix what they name"}, serves: b},
		"no witness, and cut off meanwhile":              {before: func(w *clocked) { w.witnessless() }, stuck: func(w *clocked) { w.parted() }, at: b, says: apart, do: []string{other}, serves: a},
		"no witness, and cut off, the other for good":    {before: func(w *clocked) { w.witnessless() }, stuck: func(w *clocked) { w.parted() }, at: b, says: apart, do: []string{force}, serves: b},
		"a damaged journal":                              {stuck: func(w *clocked) { w.down(a, b); w.damage(b); w.start(b) }, at: b, says: damaged, do: []string{other}, serves: a},
		"a damaged journal, and the other host for good": {stuck: func(w *clocked) { w.down(a, b); w.damage(b); w.start(b) }, at: b, says: damaged, do: []string{force}, serves: b},
		"a foreign file": {stuck: func(w *clocked) { w.down(a, b); w.spoil(b, "facts.json", "{}"); w.start(b) }, at: b,
			says: "nobody serves: … is starting", do: []string{other}, serves: a},
	}
}

// TestFault_A16_EveryRemedyWorks: a refusal told an operator to restart a host and to force it then, which was refused
// too. Each state in which nobody serves is brought about on whole hosts; the host that is asked must say what the
// guide has as a row, and what that row says to do is done, word for word. Then somebody serves, and an application is
// answered.
func TestFault_A16_EveryRemedyWorks(t *testing.T) {
	rows := guide(t)
	for name, c := range remedies() {
		t.Run(name, func(t *testing.T) {
			remedy, is := rows[c.says]
			if !is {
				t.Fatalf("the guide has no row %q", c.says)
			}
			bubble(t, func(t *testing.T) {
				w := newClocked(t)
				defer w.Close()
				if c.before != nil {
					c.before(w)
				}
				if c.stuck != nil {
					w.Start()
					if err := w.AwaitPaired(t.Context()); err != nil {
						t.Fatal(err)
					}
					c.stuck(w)
				} else {
					w.startAgents()
				}
				said := pattern(c.says)
				w.await(30*time.Second, "state "+c.says, func() bool {
					s, err := w.Status(t.Context(), c.at)
					return err == nil && s.ServedBy == "" && strings.Contains(s.Sentence, "serve") && said.MatchString(s.Sentence)
				})
				time.Sleep(5 * time.Second) // it does not pass by itself
				if s, err := w.Status(t.Context(), c.at); err != nil || !said.MatchString(s.Sentence) {
					t.Fatalf("it says %q, %v", s.Sentence, err)
				}
				for _, words := range c.do {
					if !strings.Contains(strings.ToLower(remedy), words) && !strings.Contains(remedy, words) {
						t.Errorf("the guide does not say %q there: %s", words, remedy)
					}
					if err := w.order(c.at, strings.Trim(words, "`")); err != nil {
						t.Fatalf("%s: %v", words, err)
					}
				}
				w.await(time.Minute, "service", func() bool {
					return slices.ContainsFunc(pair.Hosts(), func(host string) bool {
						s, err := w.Status(t.Context(), host)
						return err == nil && s.Serves() && s.Terminals.Attached == terminals && (c.serves == "" || c.serves == host)
					})
				})
				if code := w.put(0); code != "" {
					t.Errorf("an application got %s", code)
				}
			})
		})
	}
}

// pattern finds what a row of the guide says, where … is anything.
func pattern(row string) *regexp.Regexp {
	return regexp.MustCompile(strings.ReplaceAll(regexp.QuoteMeta(row), "…", ".+?"))
}

// guide gives the rows of the operations guide on states in which nobody serves: what is said, and the way out.
func guide(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../../deployments/OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, is := strings.Cut(string(text), "\n## When nobody serves\n")
	if !is {
		t.Fatal("the guide has no section \"When nobody serves\"")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	rows := map[string]string{}
	for _, line := range strings.Split(section, "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 5 {
			continue
		}
		for _, says := range strings.Split(cells[1], "<br>") {
			if says = strings.TrimSpace(says); strings.HasPrefix(says, "*") {
				rows[strings.Trim(says, "*")] = cells[3]
			}
		}
	}
	return rows
}
