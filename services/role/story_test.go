package role_test

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/evidence"
	"github.com/hotpair/hotpair/services/membership"
	. "github.com/hotpair/hotpair/services/role"
	"github.com/hotpair/hotpair/services/role/predict"
)

var rewrite = flag.Bool("rewrite", false, "write the outputs of the stories in testdata anew")

// TestStories plays each script of testdata in a world of two machines, a register and a clock that only the script
// moves, and compares what the machines report. After every event the world checks the rules that nothing may break.
func TestStories(t *testing.T) { playStories(t, "[^f]*.txt", "f[^a]*.txt") }

// playStories plays those whose file fits.
func playStories(t *testing.T, patterns ...string) {
	t.Helper()
	var files []string
	for _, pattern := range patterns {
		fitting, err := filepath.Glob("testdata/" + pattern)
		if err != nil || len(fitting) == 0 {
			t.Fatalf("no stories %s: %v", pattern, err)
		}
		files = append(files, fitting...)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var got strings.Builder
			w := newWorld(t)
			for _, line := range strings.Split(string(text), "\n") {
				switch {
				case strings.HasPrefix(line, "#"), line == "":
					fmt.Fprintln(&got, line)
				case strings.HasPrefix(line, "> "):
					fmt.Fprintln(&got, line)
					w.command(strings.Fields(line[2:]))
					for _, l := range w.take() {
						fmt.Fprintln(&got, "  "+l)
					}
				}
			}
			out := strings.TrimRight(got.String(), "\n") + "\n"
			if *rewrite {
				if err := os.WriteFile(file, []byte(out), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if want := string(text); out != want {
				t.Errorf("the story %s goes another way; run with -rewrite and read the difference\n--- want\n%s\n--- got\n%s", file, want, out)
			}
		})
	}
}

const (
	testLease = 800 * time.Millisecond
	latency   = time.Millisecond
)

type event struct {
	at  time.Duration
	seq int
	to  string // host that must be alive and in the same life; "" for the world
	run int
	do  func()
}

// world is two hosts, their disks, the arbiter and the network, all as values.
type world struct {
	t        testing.TB
	now      time.Duration
	seq      int
	queue    []event
	hosts    map[string]*testHost
	register struct {
		record   Record
		revision uint64
		id       string
		up       bool
		older    []Record // what it held before
		swallow  bool     // the next write takes effect, its answer is lost
	}
	cut bool // the link and replication between the hosts
	// Without a witness each host has its own register, and there are terminals to ask.
	witnessless bool
	terminals   []*testTerminal
	lag         func() time.Duration // extra delay of a message or answer; nil: none
	lines       []string
	acked       uint64
	top         uint64            // highest version that was ever written
	forced      uint64            // epoch of the last forced promotion
	taken       map[uint64]string // epoch → host
}

// testHost is a host with what survives it (disk) and what does not.
type testHost struct {
	w      *world
	name   string
	lease  time.Duration
	run    int
	alive  bool
	frozen bool
	// frozenAt is when it was frozen last.
	frozenAt time.Duration
	m        *Machine
	inbox    []event // of a frozen host

	disk testDisk
	old  testDisk // the one before it was replaced
	kept testDisk // in a backup
	// The updater of this life.
	serving  uint64
	needPeer bool
	noted    bool
	asking   *Require
	since    time.Duration // when the peer began to catch up
	fenced   bool
	fresh    []string // terminals that will veto
	unfit    string
	refuseIn bool          // prepare fails
	damaged  bool          // so does it, until the journal is repaired
	stuck    bool          // its own disk takes no writes (T6)
	gone     bool          // its updater is dead, and no other one comes up
	writing  bool          // frames on their way to its disk
	stalled  bool          // its journal takes none from the other host (T7)
	waiting  time.Duration // since when the frame in flight waits
}

// testDisk is the data directory of a host.
type testDisk struct {
	identity, pair string
	epoch, version uint64
	read           uint64 // highest epoch that the pair record was noted with
	note           membership.Note
	log            uint64 // updates in the journal
	own            Record // copy of the record, without a witness
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, hosts: map[string]*testHost{}, taken: map[uint64]string{}}
	w.register.up, w.register.id = true, "W"
	for _, name := range []string{"a", "b"} {
		h := &testHost{w: w, name: name}
		h.disk.identity, h.lease = "id-"+name, testLease
		w.hosts[name] = h
	}
	return w
}

func (w *world) other(h *testHost) *testHost {
	if h.name == "a" {
		return w.hosts["b"]
	}
	return w.hosts["a"]
}

func (w *world) after(d time.Duration, h *testHost, do func()) {
	w.seq++
	if w.lag != nil && d > 0 {
		d += w.lag()
	}
	e := event{at: w.now + d, seq: w.seq, do: do}
	if h != nil {
		e.to, e.run = h.name, h.run
	}
	w.queue = append(w.queue, e)
}

func (w *world) run(until time.Duration) {
	for {
		slices.SortFunc(w.queue, func(a, b event) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.seq, b.seq)) })
		if len(w.queue) == 0 || w.queue[0].at > until {
			w.now = until
			return
		}
		e := w.queue[0]
		w.queue = w.queue[1:]
		w.now = e.at
		if e.to != "" {
			h := w.hosts[e.to]
			if !h.alive || h.run != e.run {
				continue
			}
			if h.frozen {
				h.inbox = append(h.inbox, e)
				continue
			}
		}
		e.do()
		w.check()
	}
}

// wall is the wall clock of both hosts.
func (w *world) wall() time.Time { return time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC).Add(w.now) }

func (w *world) say(format string, v ...any) {
	w.lines = append(w.lines, fmt.Sprintf("%6dms ", w.now.Milliseconds())+fmt.Sprintf(format, v...))
}

func (w *world) take() []string { l := w.lines; w.lines = nil; return l }

// check asserts, after every event, what nothing may break.
func (w *world) check() {
	a, b := w.hosts["a"], w.hosts["b"]
	holds := func(h *testHost) bool {
		if h.m == nil || !h.alive {
			return false
		}
		_, until := h.m.Right()
		return until > w.now
	}
	behind := w.register.record.Version < w.top // no promise rests on what a restored witness shows
	if holds(a) && holds(b) && !w.witnessless && min(a.m.View().Epoch, b.m.View().Epoch) >= w.forced {
		w.t.Fatalf("at %s both hosts hold the right to answer\n%s", w.now, strings.Join(w.lines, "\n"))
	}
	r := w.register.record
	for _, h := range w.hosts {
		member := Member{Host: h.name, Identity: h.disk.identity}
		if !behind && !w.witnessless && r.Has(member) && r.Epoch > 0 && !h.disk.note.Out && h.disk.log < w.acked {
			w.t.Fatalf("at %s host %s is in the set but lacks acknowledged updates: %d of %d\n%s", w.now, h.name, h.disk.log, w.acked, strings.Join(w.lines, "\n"))
		}
		if h.serving != 0 {
			if who, ok := w.taken[h.serving]; ok && who != h.name {
				w.t.Fatalf("epoch %d is served by %s and %s", h.serving, who, h.name)
			}
			w.taken[h.serving] = h.name
		}
	}
}

func (w *world) command(words []string) {
	var h *testHost
	if len(words) > 1 {
		h = w.hosts[words[1]]
	}
	switch words[0] {
	case "start":
		h.start()
	case "lease": // from its next start on
		d, err := time.ParseDuration(words[2])
		if err != nil {
			w.t.Fatal(err)
		}
		h.lease = d
	case "kill":
		h.kill()
	case "restart":
		h.kill()
		h.start()
	case "freeze":
		h.frozen, h.frozenAt = true, w.now
	case "thaw":
		h.frozen = false
		h.step(TickAfter(w.now-h.frozenAt, h.lease/8)) // as the driver does before anything else
		inbox := h.inbox
		h.inbox = nil
		for _, e := range inbox {
			e.at = w.now
			w.queue = append(w.queue, e)
		}
	case "wipe":
		h.old, h.disk = h.disk, testDisk{identity: h.disk.identity + "'"}
	case "backup":
		h.kept = h.disk
	case "restore": // and finished, in place of the pair
		h.disk = testDisk{identity: h.disk.identity + "'", pair: h.kept.pair, epoch: h.kept.epoch, log: h.kept.log, note: membership.Note{Out: true}}
	case "putback": // the disk that was replaced
		h.disk = h.old
	case "cut":
		w.cut = true
	case "heal":
		w.cut = false
		for _, h := range []*testHost{w.hosts["a"], w.hosts["b"]} {
			if h.alive {
				h.step(PeerEvidence{Link: evidence.Connected, Replication: evidence.Connected})
			}
		}
	case "witnessless":
		w.witnessless = true
		for _, name := range words[1:] {
			w.terminals = append(w.terminals, &testTerminal{name: name, reached: map[string]bool{"a": true, "b": true}})
		}
	case "noterminal":
		for _, terminal := range w.terminals {
			if slices.Contains(words[2:], terminal.name) {
				terminal.reached[h.name] = false
			}
		}
	case "witness":
		w.register.up = words[1] == "up"
	case "rollback": // the witness was restored from an older copy
		r := &w.register
		w.top = max(w.top, r.record.Version)
		r.record, r.older = r.older[len(r.older)-1], r.older[:len(r.older)-1]
		r.revision--
	case "empty": // and this one has lost what it held
		w.register.record, w.register.revision = Record{}, 0
	case "delete": // somebody deleted the entry: it is empty, under a revision of its own
		w.register.record = Record{}
		w.register.revision++
	case "forge": // somebody wrote a record that no pair can have come to
		w.register.older = append(w.register.older, w.register.record)
		w.register.record.Version += 1 << 40
		w.register.revision++
	case "busy": // a frame is on its way to the own disk whenever somebody looks
		h.writing = true
	case "stuck":
		h.stuck = true
	case "stall":
		h.stalled = true
	case "flow":
		h.stuck, h.stalled = false, false
	case "swallow":
		w.register.swallow = true
	case "veto":
		h.fresh = words[2:]
	case "unfit":
		h.unfit = strings.Join(words[2:], " ")
		h.step(Fitness{Why: h.unfit})
	case "noprepare":
		h.refuseIn = true
	case "damagejournal":
		h.damaged = true
	case "switchover":
		h.step(SwitchoverWanted{Cause: "operator"})
	case "stop":
		h.step(StopWanted{})
	case "force":
		in := ForceWanted{By: "an operator", Unknown: words[2] == "unknown"}
		if !in.Unknown {
			if _, err := fmt.Sscan(words[2], &in.Accepted); err != nil {
				w.t.Fatal(err)
			}
		}
		f := h.m.Force()
		w.say("%s by force: needless=%t missing=%d known=%t %s", h.name, f.Needless, f.Missing, f.Known, f.Against)
		h.step(in)
	case "admit":
		if words[2] == "witness" {
			h.step(WitnessWanted{By: "an operator"})
		} else {
			h.step(AdmitWanted{By: "an operator", Host: words[2]})
		}
	case "replacewitness":
		r := &w.register
		r.id += "'"
		r.record, r.revision = Record{}, 0
	case "predict":
		before := fmt.Sprintf("%+v", *h.m)
		o := predict.After(h.m, predict.Loss(words[2]))
		if after := fmt.Sprintf("%+v", *h.m); after != before {
			w.t.Fatalf("the prediction changed the machine:\n%s\n%s", before, after)
		}
		for _, move := range o.Moves {
			w.say("  %s would after %s: %-2s %s", h.name, move.After.Round(time.Millisecond), move.Step, move.Text)
		}
		w.say("%s if %s: %s %s serves=%t after %s, in sync %s %s", h.name, o.Loss, o.Role, o.Mode, o.Serves, o.ServedAfter.Round(time.Millisecond), names(o.InSync), o.Waiting)
	case "pause":
		d, err := time.ParseDuration(words[2])
		if err != nil {
			w.t.Fatal(err)
		}
		h.step(PauseWanted{Pause: Pause{Until: w.wall().Add(d), For: d, By: "an operator"}})
	case "resume":
		h.step(PauseWanted{})
	case "failed":
		h.step(ProcessFailed{Process: words[2]})
	case "updater":
		h.updaterRestart()
	case "updatergone":
		h.updaterGone()
	case "terminals":
		h.step(Terminals{})
	case "run":
		d, err := time.ParseDuration(words[1])
		if err != nil {
			w.t.Fatal(err)
		}
		w.run(w.now + d)
	case "state":
		for _, name := range []string{"a", "b"} {
			h := w.hosts[name]
			if !h.alive {
				w.say("%s: down", name)
				continue
			}
			v := h.m.View()
			w.say("%s: %s %s epoch=%d record=v%d/%s %s", name, v.Role, v.Mode, v.Epoch, v.Record.Version, names(v.Record.InSync), v.Waiting)
		}
		w.say("acknowledged=%d a=%d b=%d", w.acked, w.hosts["a"].disk.log, w.hosts["b"].disk.log)
	default:
		w.t.Fatalf("unknown command %v", words)
	}
	w.run(w.now)
}
