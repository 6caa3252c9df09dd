package main

import (
	"github.com/hotpair/hotpair/services/role"
)

// check looks whether a rule is broken in this state. What is committed is looked at where that happens.
func (w *world) check() {
	if w.void {
		return
	}
	if w.rules.Witnessless {
		w.checkWitnessless()
		return
	}
	r := w.register.record
	if w.behind {
		r = role.Record{} // what a witness shows that went back is nobody's right
	}
	for i := range w.hosts {
		h := &w.hosts[i]
		if r.Epoch > 0 && h.upd.state == serving && r.Epoch == h.upd.epoch && r.Active != w.member(i) {
			w.fail("%s serves epoch %d, which belongs to %s", h.name, h.upd.epoch, r.Active.Host)
		}
		if r.Epoch == 0 || !r.Has(w.member(i)) || h.disk.note.Out || h.disk.note.Version < r.Membership() {
			continue
		}
		if n := common(w.acked, h.disk.log); n < len(w.acked) {
			w.fail("%s may be promoted, but lacks %d of %d acknowledged updates", h.name, len(w.acked)-n, len(w.acked))
		}
	}
	a, b := &w.hosts[0], &w.hosts[1]
	if a.upd.state == serving && b.upd.state == serving && a.upd.epoch == b.upd.epoch {
		w.fail("both serve epoch %d", a.upd.epoch)
	}
	if w.mayAnswer(0) && w.mayAnswer(1) {
		w.fail("both hosts may answer: a for %s, b for %s", a.right-a.clock, b.right-b.clock)
	}
}

// respectsPause looks for a takeover during a pause, without a hand-over.
func (w *world) respectsPause(q request) {
	r, next := w.register.record, q.write.Record
	if r.Pause.Until.After(wall(w.hosts[q.host].clock)) && next.Active != r.Active && len(next.InSync) == 1 {
		w.fail("P: %s takes over by itself although that is paused", next.Active.Host)
	}
}

// acceptLoss: a host from outside the set takes an epoch. Only force lets it, and an operator has accepted that what it lacks
// is lost, with all that the old active still does before it steps down.
func (w *world) acceptLoss(q request) {
	w.unpromised(q)
	r, next, h := w.register.record, q.write.Record, &w.hosts[q.host]
	if next.Epoch == r.Epoch || w.restores(q) || r.Has(next.Active) || w.peak.Version == 0 {
		return
	}
	if !w.rules.Forces {
		w.fail("R1: %s takes an epoch from outside the set", next.Active.Host)
	}
	w.forced, w.acked = next.Epoch, w.acked[:common(w.acked, h.disk.log)]
}

// mayAnswer: terminal-if of the host holds a right, whether the host is frozen or not.
func (w *world) mayAnswer(i int) bool {
	h := &w.hosts[i]
	return h.up && h.right > h.clock && h.upd.epoch >= w.forced
}

// whole: an active with an in-sync standby, both of which know it, and updates that reach both.
func (w *world) whole() bool {
	for i := range w.hosts {
		h, o := &w.hosts[i], &w.hosts[1-i]
		if h.up && o.up && h.m.Role() == role.Active && h.upd.state == serving && h.upd.hold != nil && h.upd.hold.met &&
			o.m.Role() == role.Standby && len(w.shown(i).record.InSync) == 2 && w.shown(i).record.Active == w.member(i) && w.agree() &&
			h.m.View().Mode == role.Paired && o.m.View().Mode == role.Paired && h.upd.required {
			return true
		}
	}
	return false
}
