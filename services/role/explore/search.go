package main

import (
	"fmt"
	"io"
	"time"

	"github.com/hotpair/hotpair/services/role/explore/plan"
)

// scenario is one exploration.
type scenario struct{ plan.Scenario }

// result of an exploration.
type result struct {
	states, edges int
	depth         int
	complete      bool // every state that can be reached was
	took          time.Duration
	failure       string
	trace         []event
}

// node is how a state was reached.
type node struct {
	parent int32
	by     event
}

type frontier struct {
	w  *world
	at int32
}

// first makes the state in which a scenario begins.
func (s *scenario) first() (w *world, failure string) {
	w = newWorld(&s.Rules)
	var buffer []event
	run := func(done func() bool) {
		for n := 0; !done(); n++ {
			if n > 10_000 || w.failure != "" {
				w.fail("two fresh hosts do not become a pair")
				return
			}
			w.apply(w.next(buffer))
		}
	}
	if s.Begin != "fresh" {
		run(w.whole)
		for range 4 { // the end of a second tick, so that everything has settled
			run(func() bool { return len(w.owed(nil)) == 0 })
			w.apply(event{evTick, 0, 0})
		}
		run(func() bool { return len(w.owed(nil)) == 0 })
	}
	until := func(done func() bool) { // hosts that are down stay down
		for n := 0; n < 1000 && !done(); n++ {
			if owed := w.owed(nil); len(owed) > 0 {
				w.apply(owed[0])
			} else {
				w.apply(event{evTick, 0, 0})
			}
		}
	}
	alone := func() bool { return !w.hosts[0].upd.required && len(w.owed(nil)) == 0 }
	switch s.Begin {
	case "outvoted": // a goes on alone, which b was told by the terminals only
		w.sever(cutLinkAB | cutLinkBA | cutReplication)
		until(alone)
		w.apply(event{evWrite, 0, 0})
	case "slept": // likewise, while b was frozen
		w.hosts[1].frozen = true
		until(alone)
		w.apply(event{evWrite, 0, 0})
	case "severed": // b takes over because a is down, which it can't see
		w.sever(cutLinkAB | cutLinkBA | cutReplication)
		w.down(0)
		until(func() bool { return len(w.requests) > 0 })
	case "relieved": // b has taken over because a is frozen, and serves no terminal yet
		w.hosts[0].frozen = true
		until(func() bool { return w.hosts[1].upd.state == serving })
	}
	if s.Begin == "solo" || s.Begin == "close" {
		w.down(1)
		until(func() bool { return len(w.shown(0).record.InSync) == 1 && len(w.owed(nil)) == 0 })
	}
	if s.Begin == "close" { // b is back and about to be added
		run(func() bool { return w.sessionOpen(0) })
	}
	if s.Begin == "silent" { // b takes over because a is frozen; a will not reach the witness either when it is thawed
		w.hosts[0].frozen = true
		w.cut |= cutWitnessA
		until(func() bool { return len(w.requests) > 0 })
	}
	w.faults = s.Faults
	return w, w.failure
}

// explore visits states by breadth, so the first failure has the shortest trace.
func (s *scenario) explore(progress io.Writer) result {
	began := time.Now()
	var keys keyer
	heals := healer{good: map[uint64]bool{}}
	start, failure := s.first()
	if failure != "" {
		return result{failure: failure, took: time.Since(began)}
	}
	seen := map[uint64]struct{}{keys.key(start, true): {}}
	nodes := []node{{-1, event{}}}
	level := []frontier{{start, 0}}
	r := result{states: 1}
	buffer, moves := make([]event, 0, 64), make([]move, 0, 64)
	finish := func(at int32, failure string) result {
		r.failure, r.took = failure, time.Since(began)
		for ; at > 0; at = nodes[at].parent {
			r.trace = append([]event{nodes[at].by}, r.trace...)
		}
		return r
	}
	for len(level) > 0 {
		var next []frontier
		for i := range level {
			f := level[i]
			level[i].w = nil
			moves = f.w.moves(moves[:0], buffer)
			for _, m := range moves {
				e := m.event
				c := f.w.clone()
				if m.odd {
					c.faults.Left[plan.Disorder]--
				}
				c.apply(e)
				r.edges++
				if c.failure != "" {
					nodes = append(nodes, node{f.at, e})
					r.depth++
					return finish(int32(len(nodes)-1), c.failure)
				}
				key := keys.key(c, true)
				if _, old := seen[key]; old {
					continue
				}
				seen[key] = struct{}{}
				if c.patient() {
					continue
				}
				nodes = append(nodes, node{f.at, e})
				at := int32(len(nodes) - 1)
				r.states++
				if s.Heal {
					if failure := heals.path(c); failure != "" {
						r.depth++
						return finish(at, failure)
					}
				}
				next = append(next, frontier{c, at})
			}
			if s.States > 0 && r.states >= s.States || s.Within > 0 && time.Since(began) > s.Within {
				return finish(0, "")
			}
		}
		if len(next) > 0 {
			r.depth++
		}
		level = next
		if progress != nil {
			fmt.Fprintf(progress, "%s: depth %d, %d states, %d at the edge, %s\n", s.Name, r.depth, r.states, len(level), time.Since(began).Round(time.Millisecond))
		}
	}
	r.complete = true
	return finish(0, "")
}

// tell writes what happens along a trace.
func (s *scenario) tell(out io.Writer, trace []event) {
	w, _ := s.first()
	w.trace = func(format string, v ...any) { fmt.Fprintf(out, format+"\n", v...) }
	for n, e := range trace {
		fmt.Fprintf(out, "%3d. %s\n", n+1, w.describe(e))
		w.apply(e)
	}
	if w.failure != "" {
		fmt.Fprintf(out, "     %s\n", w.failure)
	}
}

// tellHealing writes how a pair fares once faults have ended after a trace: its last events.
func (s *scenario) tellHealing(out io.Writer, trace []event) {
	w, _ := s.first()
	for _, e := range trace {
		w.apply(e)
	}
	var lines []string
	w.trace = func(format string, v ...any) { lines = append(lines, fmt.Sprintf(format, v...)) }
	w.heal()
	w.settle()
	for ticks := 0; ticks < healing && !w.whole() && w.failure == ""; {
		e := w.next(nil)
		lines = append(lines, "  ~. "+w.describe(e))
		w.apply(e)
		if e.what == evTick {
			ticks++
		}
	}
	for i := range w.hosts {
		if w.hosts[i].m == nil {
			continue
		}
		v := w.hosts[i].m.View()
		lines = append(lines, fmt.Sprintf("%s is %s in mode %s, waiting: %s; updater %+v, waits to add %s", v.Self.Host, v.Role, v.Mode, v.Waiting, w.hosts[i].upd, v.AddWait))
	}
	lines = append(lines, w.failure)
	if n := len(lines); n > 80 {
		lines = append(lines[:30], append([]string{"  …"}, lines[n-40:]...)...)
	}
	for _, line := range lines {
		fmt.Fprintln(out, line)
	}
}
