package main

import "github.com/hotpair/hotpair/services/role/explore/plan"

// healing is how many ticks a pair may take to be whole again once all faults have ended: promises, deadlines of a
// hand-over and healthyTime before a host is added again, one after the other.
const healing = 100 + 2*int(healthyTime/tick)

// healthyTime is the longest explored wait before an add. Real ones double up to minutes, without new states.
const healthyTime = 4 * lease

// heal ends all faults.
func (w *world) heal() {
	w.cut, w.reverse, w.healed = 0, false, true
	w.faults = plan.Faults{}
	for i := range w.hosts {
		h := &w.hosts[i]
		h.frozen, h.lied, h.unkept = false, false, false
		for k := range w.terms.Len() {
			w.terms.Fix(k, i)
		}
	}
}

// patient: a host has fallen out so often that what comes next has been seen with shorter waits.
func (w *world) patient() bool {
	if w.void {
		return true
	}
	for i := range w.hosts {
		if m := w.hosts[i].m; m != nil && m.View().AddWait > healthyTime {
			return true
		}
	}
	return false
}

// next is what happens in a pair without faults: what is owed, in a fixed order, then time.
func (w *world) next(buffer []event) event {
	for i := range w.hosts {
		if !w.hosts[i].up {
			return event{evStart, uint8(i), 0}
		}
	}
	if owed := w.owed(buffer[:0]); len(owed) > 0 {
		return owed[0]
	}
	return event{evTick, 0, 0}
}

// notWhole is the failure of a state from which there is no way back.
const notWhole = "once faults end the pair does not become whole again"

// onceEnded is behind a rule that is broken on the way back.
const onceEnded = " (once faults had ended)"

// healer finds out whether there is a way back from a state, and remembers from which states there is.
type healer struct {
	keys   keyer
	good   map[uint64]bool
	buffer []event
	Steps  int
}

// way gives "" if the pair is whole again within the time allowed, otherwise the rule that is broken. The path is that of a pair without faults, so a
// state that fails has more against it than having no way out: it does not come back by itself.
func (r *healer) path(w *world) string {
	w = w.clone()
	w.heal()
	w.settle()
	var path []uint64
	ok := false
	for ticks := 0; ticks < healing && w.failure == ""; {
		if w.whole() || w.void {
			ok = true
			break
		}
		e := w.next(r.buffer)
		if e.what == evTick {
			ticks++
			key := r.keys.key(w, false)
			if r.good[key] {
				ok = true
				break
			}
			path = append(path, key)
		}
		w.apply(e)
		r.Steps++
	}
	switch {
	case ok:
		for _, key := range path {
			r.good[key] = true
		}
		return ""
	case w.failure != "":
		return w.failure + onceEnded
	}
	return notWhole
}
