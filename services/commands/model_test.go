package commands

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hotpair/hotpair/services/modeltest"
	"github.com/hotpair/hotpair/storage/position"
)

// A small pair with one command and two machines that may pass for its terminal, and every order of what can happen to them: takings are
// asked, delayed, delivered twice, answered too late; hosts fall out of step, take over, are promoted by force, restored from a backup; agents
// are killed, their directory is put back as it was, copied to the other machine, made anew; time settles and forgets the command.

// laws are taken out of the model one by one: then it must go wrong.
type laws struct {
	tokenOnDisk bool // an agent asks under the same token after a restart, and so does a copy of it
	tokenKept   bool // it asks again under a token that was answered
	uncommitted bool // a taking is answered before the other host has it
	notVoid     bool // it counts as open although a history was taken back
	absentOpen  bool // what the pair has forgotten counts as open
	notFirst    bool // whoever asks while it is taken gets it
}

type bounds struct{ kills, tokens, forces, restores, anews uint8 }

// kept is the command as a host has it.
type kept struct {
	there     bool
	state     State
	dir, by   uint8 // of the taker: its directory, its token
	takenBack bool
}

// agent is a machine that passes for the terminal.
type agent struct {
	on     bool
	dir    uint8
	book   uint8 // on its disk: 0 nothing, 1 handed out, 2 over
	token  uint8 // of a taking that has no answer; 0: none
	asking bool
}

// ask and answer are on their way.
type ask struct {
	on         bool
	dir, token uint8
}

type answer struct {
	on    bool
	token uint8
	v     Verdict
}

type world struct {
	hosts   [2]kept
	serves  uint8
	inSync  bool
	agents  [2]agent
	asks    [2]ask
	answers [2]answer
	image   agent // of a disk; its book and directory
	backup  kept
	opened  uint8

	tokens, dirs            uint8 // that were given
	kills, forces, restores uint8
}

func (w world) command() *Command {
	k := w.hosts[w.serves]
	if !k.there {
		return nil
	}
	return &Command{Number: position.Number{Epoch: 5, Sequence: 1}, Until: 100, State: k.state, By: Taker{name("d", k.dir), name("t", k.by)}, At: 1}
}

func name(kind string, n uint8) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(kind, n)
}

// put has the pair's state be what was judged. The other host has it too, if it is in step.
func (w *world) put(l laws, k kept) {
	w.hosts[w.serves] = k
	if w.inSync && !l.uncommitted {
		w.hosts[1-w.serves] = k
	}
}

// judge is what an update does.
func (w *world) judge(l laws, q ask) Verdict {
	k, f := w.hosts[w.serves], Facts{Now: 2}
	if k.takenBack && !l.notVoid {
		f.TakenBack = 6
	}
	c := w.command()
	if c == nil && l.absentOpen {
		c = &Command{Number: position.Number{Epoch: 5, Sequence: 1}, Until: 100}
	}
	next, v := Take(c, Taker{name("d", q.dir), name("t", q.token)}, f)
	if l.notFirst && v == Doubtful {
		next, v = *c, First
	}
	if c != nil && next != *c {
		k.there, k.state = true, next.State
		if v == First {
			k.dir, k.by = q.dir, q.token
		}
		w.put(l, k)
	}
	return v
}

func (w world) next(l laws, b bounds, visit modeltest.Visit[world]) {
	do := func(what string, change func(*world)) {
		after := w
		change(&after)
		wrong := ""
		if after.opened > 1 {
			wrong = "the gate opens twice"
		}
		visit(what, after, wrong)
	}
	for p := range w.agents {
		w.ofAgent(l, b, p, func(what string, change func(*world)) { do(fmt.Sprintf("%s %d", what, p), change) })
	}
	w.ofPair(l, b, do)
}

func (w world) ofAgent(l laws, b bounds, p int, do func(string, func(*world))) {
	a := w.agents[p]
	if !a.on {
		if w.image.on {
			do("a copy of the disk is started as", func(w *world) { w.agents[p] = agent{on: true, dir: w.image.dir, book: over(w.image.book)} })
		}
		return
	}
	if !a.asking && a.book == 0 && (a.token != 0 || w.tokens < b.tokens) {
		do("asks", func(w *world) {
			a := &w.agents[p]
			if a.asking = true; l.tokenOnDisk {
				a.token = 100 + a.dir
			} else if a.token == 0 {
				w.tokens++
				a.token = w.tokens
			}
			w.asks[p] = ask{true, a.dir, a.token}
		})
	}
	if w.asks[p].on {
		do("is judged", func(w *world) { w.answers[p] = answer{true, w.asks[p].token, w.judge(l, w.asks[p])} })
		do("its question is lost", func(w *world) { w.asks[p].on = false })
	}
	if r := w.answers[p]; r.on && a.asking && a.token == r.token {
		do("hears "+r.v.String(), func(w *world) {
			a := &w.agents[p]
			w.answers[p], a.asking, a.book = answer{}, false, 2
			if !l.tokenKept {
				a.token = 0
			}
			if r.v == First { // written down, then handed out
				a.book = 1
				w.opened++
			}
		})
	}
	if a.asking {
		do("gives up", func(w *world) { w.agents[p].asking = false })
	}
	if a.book == 1 {
		do("waits too long for its application", func(w *world) { w.agents[p].book = 2 })
	}
	if a.book == 2 {
		do("forgets", func(w *world) { w.agents[p].book = 0 })
	}
	if !w.image.on {
		do("its disk is copied", func(w *world) { w.image = agent{on: true, dir: a.dir, book: a.book} })
	}
	if w.kills < b.kills {
		restart := func(w *world, dir, book uint8) {
			w.kills++
			w.agents[p] = agent{on: true, dir: dir, book: over(book)}
		}
		do("is killed", func(w *world) { restart(w, a.dir, a.book) })
		if w.image.on {
			do("is put back as it was", func(w *world) { restart(w, w.image.dir, w.image.book) })
		}
		if w.dirs < b.anews+1 {
			do("is set up anew", func(w *world) { w.dirs++; restart(w, w.dirs, 0) })
		}
	}
}

// over is what an agent that starts makes of its book: of what was handed out nobody knows.
func over(book uint8) uint8 {
	if book == 1 {
		return 2
	}
	return book
}

func (w world) ofPair(l laws, b bounds, do func(string, func(*world))) {
	other := 1 - w.serves
	if w.inSync {
		do("out of step", func(w *world) { w.inSync = false })
		do("takeover", func(w *world) { w.serves = other; w.inSync = !l.uncommitted })
	} else {
		do("in step", func(w *world) { w.hosts[other] = w.hosts[w.serves]; w.inSync = true })
		if w.forces < b.forces {
			do("promoted by force", func(w *world) { w.forces++; w.serves = other; w.hosts[other].takenBack = true })
		}
	}
	if w.restores < b.restores {
		if !w.backup.there {
			do("backup", func(w *world) { w.backup = w.hosts[w.serves] })
		} else {
			do("restored", func(w *world) {
				w.restores++
				w.hosts = [2]kept{w.backup, w.backup}
				w.hosts[0].takenBack, w.hosts[1].takenBack, w.inSync = true, true, true
			})
		}
	}
	if c := w.command(); c != nil {
		do("time passes for "+c.State.String(), func(w *world) {
			k := w.hosts[w.serves]
			f := Facts{Now: c.Due() + 1}
			if k.takenBack {
				f.TakenBack = 6
			}
			next, keep := Pass(c, f)
			k.state = next.State
			if !keep {
				k = kept{takenBack: k.takenBack}
			}
			w.put(l, k)
		})
	}
}

func explore(l laws, b bounds) (states int, path []string) {
	start := world{inSync: true, agents: [2]agent{{on: true, dir: 1}, {}}, dirs: 1}
	start.hosts = [2]kept{{there: true}, {there: true}}
	return modeltest.Explore(start, modeltest.Same, func(w world, visit modeltest.Visit[world]) { w.next(l, b, visit) }, func(world) string { return "" })
}

func TestModel_TheGateOpensOnce(t *testing.T) {
	for _, b := range []bounds{{kills: 1, tokens: 2}, {kills: 1, tokens: 2, anews: 1}, {kills: 1, tokens: 1, forces: 1}, {tokens: 2, forces: 1}, {tokens: 2, restores: 1}} {
		states, path := explore(laws{}, b)
		t.Logf("measured: %d states within %+v", states, b)
		if path != nil {
			t.Errorf("%+v: %s", b, strings.Join(path, "\n"))
		}
	}
}

func TestModel_GoesWrongWithoutAnyLaw(t *testing.T) {
	for _, c := range []struct {
		broken laws
		in     bounds
	}{
		{laws{tokenOnDisk: true}, bounds{kills: 1, tokens: 3}},
		{laws{tokenKept: true}, bounds{tokens: 3}},
		{laws{uncommitted: true}, bounds{tokens: 3}},
		{laws{notVoid: true}, bounds{tokens: 3, forces: 1}},
		{laws{notVoid: true}, bounds{tokens: 3, restores: 1}},
		{laws{absentOpen: true}, bounds{tokens: 3}},
		{laws{notFirst: true}, bounds{tokens: 3}},
	} {
		_, path := explore(c.broken, c.in)
		modeltest.Breaks(t, c.broken, path, "opens twice")
	}
}
