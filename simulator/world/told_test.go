package world

import (
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/simulator/pair"
)

// TestFault_A6_WhatRefusalsSayToDoWorks: a refusal told an operator to restart a host and to force it then, which was refused too. Each
// is asked for here on whole hosts, must name what is done next, and that works.
func TestFault_A6_WhatRefusalsSayToDoWorks(t *testing.T) {
	const a, b = pair.HostA, pair.HostB
	for name, c := range map[string]struct {
		stuck   func(w *clocked)
		at      string
		refused string   // what is asked for, in vain
		do      []string // what the refusal says to do
		again   bool     // and what was asked for works then
		serves  string
	}{
		"switchover while nobody serves": {func(w *clocked) { w.pause(); w.down(a) }, b, "hotpair switchover", []string{"hotpair explain", "hotpair resume"}, false, b},
		"admit while no witness is there": {func(w *clocked) { w.KillWitness(); w.move(w.dir(pair.Witness), w.dir(pair.Witness)+".gone") }, a,
			"hotpair admit witness", []string{"start one"}, true, a},
		"admit the witness of another pair": {func(w *clocked) { w.foreignWitness() }, a, "hotpair admit witness", []string{"empty its data directory"}, true, a},
		"force beside who serves":           {func(w *clocked) {}, b, "hotpair promote --force", []string{"hotpair switchover"}, false, b},
		"force while the other knows more, which can't be promoted": {func(w *clocked) { w.knowsMore() }, b, "hotpair promote --force",
			[]string{"stop it"}, false, b}, // by itself: it can't know better
		"force while the other knows more": {func(w *clocked) { w.knowsMoreOf() }, b, "hotpair promote --force", []string{"promote it there"}, false, a},
		"force while the other has no witness": {func(w *clocked) { w.knowsMore(); w.network.RepairAll(); w.cutBoth(b, pair.Witness) }, a, "",
			[]string{"hotpair promote --force"}, false, a},
		"pause without a witness": {func(w *clocked) { w.KillWitness(); time.Sleep(untilRead) }, a, "hotpair pause", []string{"start it"}, true, a},
		"force while the other knows more, and this one more than the witness": {func(w *clocked) { w.knowsMost() }, b, "",
			[]string{"stop it", "hotpair promote --force"}, false, b},
		"pause beside nobody":            {func(w *clocked) { w.down(b) }, a, "hotpair pause", []string{"start it"}, true, a},
		"the old witness is there again": {func(w *clocked) { w.newWitness() }, b, "", []string{"bring that back"}, false, a},
		"the facts are no facts":         {func(w *clocked) { w.down(b); w.spoil(b, "facts.json", "{}"); w.start(b) }, b, "", []string{"move the whole data directory away"}, false, a},
		"the facts are damaged":          {func(w *clocked) { w.down(b); w.spoil(b, "facts.json", "{"); w.start(b) }, b, "", []string{"move the whole data directory away"}, false, a},
		"the database is none":           {func(w *clocked) { w.down(b); w.spoil(b, database, strings.Repeat("0", 64<<10)); w.start(b) }, b, "", []string{"move it away"}, false, a},
		"the database is short":          {func(w *clocked) { w.down(b); w.cut(b, database); w.start(b) }, b, "", []string{"move it out of the data directory"}, false, a},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newClocked(t)
				defer w.Close()
				if name == "pause beside nobody" {
					w.witnessless()
				}
				w.Start()
				if err := w.AwaitPaired(t.Context()); err != nil {
					t.Fatal(err)
				}
				c.stuck(w)
				time.Sleep(untilRead)
				var refusal error
				if c.refused != "" {
					if refusal = w.order(c.at, c.refused); refusal == nil {
						t.Fatal("it is not refused")
					}
					t.Log(refusal)
				}
				for _, words := range c.do {
					w.follow(c.at, words, refusal)
				}
				time.Sleep(untilRead)
				if !strings.HasPrefix(c.do[0], "hotpair ") && c.refused == "" && len(c.do) == 1 { // nothing was given up: all is as before
					if err := w.AwaitPaired(t.Context()); err != nil {
						t.Error(err)
					}
				}
				if c.again {
					if err := w.order(c.at, c.refused); err != nil {
						t.Errorf("refused again: %v", err)
					}
				}
				w.await(time.Minute, "service by "+c.serves, func() bool {
					s, err := w.Status(t.Context(), c.serves)
					return err == nil && s.Serves() && s.Terminals.Attached == terminals
				})
			})
		})
	}
}
