package timers

import (
	"errors"
	"strings"
	"testing"

	"github.com/hotpair/hotpair/services/modeltest"
)

// One timer, whoever serves, and every order of what can happen around its run: it is set anew and cancelled by others, its handler fails,
// its service goes down, answers are lost, a host takes over with or without the update that waits.

// phase of a run.
type phase uint8

const (
	off     phase = iota
	running       // the handler has the entry
	asking        // its commit is on the way
	waiting       // its update waits for the other journal
)

// kept is an entry as far as it matters. The zero kept is none.
type kept struct{ revision, generation, parked uint8 }

func (k kept) stored() *Stored {
	if k == (kept{}) {
		return nil
	}
	return &Stored{Entry{Generation: uint64(k.generation), Parked: k.parked != 0}, uint64(k.revision)}
}

func keep(s *Stored) (k kept) {
	if s != nil {
		k = kept{uint8(s.Revision), uint8(s.Generation), 0}
		if s.Parked {
			k.parked = 1
		}
	}
	return k
}

const most = 2 // failures

type world struct {
	timer    kept
	revision uint8
	effects  [10]uint8 // of each generation
	frame    struct {
		on, ours, again bool
		after           kept
		effect          uint8 // of a generation
		next            bool  // with a law broken: the entry goes by the update after this one
	}
	run struct {
		phase phase
		took  kept
		park  bool // it asks to park
		again bool // its handler sets the timer
	}
	tries    Tries
	failures uint8 // that happened, in this term
	done     uint8 // the revision that whoever serves has done with
	down     bool
	// What may still happen.
	takeovers, sets, agains, cancels, releases, outages uint8
}

// laws are what keeps runs right. Tests take one away.
type laws struct {
	unconditional bool // a run commits whatever the entry has become
	twoUpdates    bool // the entry goes by another update than the effect comes
	unknownIsDone bool // an unknown outcome is not looked at
	setFirst      bool // what the handler does comes before its entry goes
	downIsFailure bool // a service that is down uses up tries
}

// answered has whoever serves do what follows from the outcome.
func (w *world) answered(l laws, o Outcome) {
	if l.unknownIsDone && o == Unknown {
		o = Done
	}
	if l.downIsFailure && o == Down {
		o = Failed
	}
	what, _ := w.tries.After(o, most)
	w.tries = min(w.tries, most)
	took := w.run.took
	w.run.phase, w.run.park, w.run.again, w.run.took = off, false, false, kept{}
	switch what {
	case Forget:
		w.done, w.tries = took.revision, 0
	case ParkIt:
		w.run.phase, w.run.park, w.run.took = asking, true, took
	}
}

// draft makes an update of changes, unless they are refused.
func (w *world) draft(changes ...Change) error {
	now := w.timer.stored()
	for _, c := range changes {
		var err error
		if now, err = Apply(now, c, Stamp{}, uint64(w.revision+1)); err != nil {
			return err
		}
	}
	w.frame.on, w.frame.after = true, keep(now)
	return nil
}

// commit has the update that waits take effect.
func (w *world) commit(l laws) string {
	f := w.frame
	w.frame.on, w.frame.ours, w.frame.again, w.frame.next, w.frame.effect = false, false, false, false, 0
	w.revision++
	if f.effect > 0 {
		if f.effect != w.timer.generation {
			return "a run of what was moved takes effect"
		}
		if w.effects[f.effect]++; w.effects[f.effect] > 1 {
			return "it takes effect twice"
		}
		if f.again && f.after == (kept{}) {
			return "its handler set it again, and it is gone"
		}
	}
	if w.timer = f.after; f.next {
		w.frame.on, w.frame.ours, w.frame.after = true, f.ours, kept{}
	}
	return ""
}

func (w world) next(l laws, visit func(what string, after world, wrong string)) {
	try := func(what string, if_ bool, change func(*world) string) {
		if if_ {
			after := w
			wrong := change(&after)
			visit(what, after, wrong)
		}
	}
	quiet := func(f func(*world)) func(*world) string { return func(a *world) string { f(a); return "" } }
	there := w.timer != (kept{}) && w.timer.parked == 0
	try("the timer is taken", w.run.phase == off && there && !w.down && w.done != w.timer.revision, quiet(func(a *world) {
		a.run.phase, a.run.took, a.run.park, a.run.again = running, w.timer, false, false
	}))
	running := w.run.phase == running
	try("the handler is done", running, quiet(func(a *world) { a.run.phase = asking }))
	try("the handler is done, and sets the timer again", running && w.agains > 0, quiet(func(a *world) {
		a.agains--
		a.run.phase, a.run.again = asking, true
	}))
	try("the handler fails", running, quiet(func(a *world) { a.failures = min(most, a.failures+1); a.answered(l, Failed) }))
	try("others are faster than the handler", running, quiet(func(a *world) { a.answered(l, Conflict) }))
	try("the service goes down", running && w.outages > 0, quiet(func(a *world) { a.down = true; a.outages--; a.answered(l, Down) }))
	try("the service is back", w.down, quiet(func(a *world) { a.down = false }))
	try("the commit is lost", w.run.phase == asking, quiet(func(a *world) { a.answered(l, Unknown) }))
	try("the commit is taken", w.run.phase == asking && !w.frame.on, func(a *world) string {
		revision := uint64(w.run.took.revision)
		if l.unconditional {
			revision = uint64(w.timer.revision)
		}
		var err error
		switch again := (Change{Kind: Set}); {
		case w.run.park:
			err = a.draft(Change{Kind: Park, Revision: revision})
		case l.setFirst && w.run.again:
			err = a.draft(again, Change{Kind: Cancel})
		case w.run.again:
			err = a.draft(Change{Kind: Fire, Revision: revision}, again)
		default:
			err = a.draft(Change{Kind: Fire, Revision: revision})
		}
		if err != nil {
			if !errors.Is(err, ErrMoved) {
				return err.Error()
			}
			a.answered(l, Moved)
			return ""
		}
		a.run.phase, a.frame.ours, a.frame.again = waiting, true, w.run.again
		if w.run.park && a.failures < most {
			return "it is parked without having failed"
		}
		if !w.run.park {
			a.frame.effect = w.run.took.generation
			if l.twoUpdates && !w.run.again {
				a.frame.after, a.frame.next = w.timer, true
				a.frame.after.revision = w.revision + 1
			}
		}
		return ""
	})
	try("the answer is lost", w.run.phase == waiting, quiet(func(a *world) { a.frame.ours = false; a.answered(l, Unknown) }))
	try("the update is committed", w.frame.on, func(a *world) string {
		wrong := a.commit(l)
		if w.frame.ours && !a.frame.ours {
			a.answered(l, Done)
		}
		return wrong
	})
	for _, kept := range []bool{true, false} {
		what := map[bool]string{true: "the other host takes over with what waits", false: "the other host takes over without what waits"}[kept]
		try(what, w.takeovers > 0 && (w.frame.on || !kept), func(a *world) (wrong string) {
			a.takeovers--
			if kept {
				wrong = a.commit(l)
			}
			a.frame, a.run, a.tries, a.failures, a.done = world{}.frame, world{}.run, 0, 0, 0
			return wrong
		})
	}
	try("somebody sets it", w.sets > 0 && !w.frame.on, func(a *world) string { a.sets--; return text(a.draft(Change{Kind: Set})) })
	try("somebody cancels it", w.cancels > 0 && !w.frame.on && w.timer != (kept{}), func(a *world) string {
		a.cancels--
		return text(a.draft(Change{Kind: Cancel}))
	})
	try("an operator releases it", w.releases > 0 && !w.frame.on && w.timer.parked != 0, func(a *world) string {
		a.releases--
		a.failures, a.tries = 0, 0
		return text(a.draft(Change{Kind: Release, Revision: uint64(w.timer.revision)}))
	})
}

func text(err error) string {
	if err != nil {
		return err.Error()
	}
	return ""
}

// forgotten says when the timer is there, and nobody will take it.
func (w world) forgotten() string {
	if w.timer != (kept{}) && w.timer.parked == 0 && w.done == w.timer.revision && w.run.phase == off && !w.frame.on {
		return "it is forgotten"
	}
	return ""
}

// explore visits every world, and gives a shortest way to a wrong one, nil if there is none.
func explore(l laws) (states int, path []string) {
	start := world{timer: kept{revision: 1, generation: 1}, revision: 1, takeovers: 2, sets: 1, agains: 1, cancels: 1, releases: 1, outages: 1}
	return modeltest.Explore(start, modeltest.Same, func(w world, visit modeltest.Visit[world]) { w.next(l, visit) }, world.forgotten)
}

func TestModel_EachRunTakesEffectOnce(t *testing.T) {
	states, path := explore(laws{})
	t.Logf("measured: %d states", states)
	if path != nil {
		t.Errorf("%s", strings.Join(path, "\n"))
	}
	for _, c := range []struct {
		broken laws
		says   string
	}{
		{laws{unconditional: true}, "moved"},
		{laws{twoUpdates: true}, "twice"},
		{laws{unknownIsDone: true}, "forgotten"},
		{laws{setFirst: true}, "set it again"},
		{laws{downIsFailure: true}, "without having failed"},
	} {
		_, path := explore(c.broken)
		modeltest.Breaks(t, c.broken, path, c.says)
	}
}
