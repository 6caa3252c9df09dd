package main

import (
	"slices"
	"time"

	"github.com/hotpair/hotpair/services/role"
)

// Ways in which the arbiter loses the record.
const (
	deleted  = iota // an entry that says so, under a revision of its own
	absent          // the same witness has nothing any more: its store was emptied
	replaced        // another witness answers
	back            // it was restored from a copy of one change before
	twoBack         // likewise, of two changes before
)

// read is what a read of the register answers.
func (r register) read(clock time.Duration) role.RecordRead {
	return role.RecordRead{Wall: wall(clock), Record: r.record, Revision: r.revision, WitnessID: r.id, Empty: r.record.Version == 0}
}

// accept lets a compare-and-set take effect.
func (w *world) accept(q request) {
	if err := q.write.Record.Follows(w.register.record); err != nil {
		w.fail("%s asks for what a witness refuses: %v", w.hosts[q.host].name, err)
	}
	if w.rules.Losses {
		w.older = append(w.older, w.register)
		w.older = w.older[max(0, len(w.older)-2):]
	}
	w.register = register{id: w.register.id, record: q.write.Record, revision: w.register.revision + 1}
	w.behind = false
	if q.write.Record.Version > w.peak.Version {
		w.peak = q.write.Record
	}
}

// losable lists the ways in which the record can be lost now.
func (w *world) losable() (losses []int) {
	losses = []int{deleted, absent, replaced}
	for n := range w.older {
		losses = append(losses, back+n)
	}
	return losses
}

// loseRecord makes the arbiter lose it. Unless it was deleted the witness was restarted: what was on its way to it or from it comes to
// nothing, and who waits for it is told so.
func (w *world) loseRecord(loss int) {
	if loss == deleted {
		w.register.record = role.Record{}
		w.register.revision++
		w.behind = false
		return
	}
	for _, q := range w.requests {
		if !q.ghost {
			w.hosts[q.host].later = append(w.hosts[q.host].later, role.RecordWritten{Ticket: q.write.Ticket, Outcome: role.InDoubt})
		}
	}
	for _, a := range w.answers {
		w.hosts[a.host].later = append(w.hosts[a.host].later, role.RecordWritten{Ticket: a.in.Ticket, Outcome: role.InDoubt})
	}
	w.requests, w.answers = nil, nil
	w.delayed = slices.DeleteFunc(w.delayed, func(s delayed) bool {
		if s.read != nil {
			w.hosts[s.host].later = append(w.hosts[s.host].later, role.RecordRead{Wall: wall(w.hosts[s.host].clock), Failed: true})
		}
		return s.read != nil
	})
	w.behind = false
	switch loss {
	case absent:
		w.register = register{id: w.register.id}
	case replaced:
		w.register = register{id: w.register.id + "'"}
	default:
		n := len(w.older) - 1 - (loss - back)
		w.register = w.older[n]
		w.older = w.older[:n]
		w.behind = true
	}
}

// restores: the request writes back what its host has seen. A takeover takes an epoch above all that its host knows.
func (w *world) restores(q request) bool {
	return q.write.Record.Epoch <= w.hosts[q.host].disk.record.Epoch
}

// unpromised: a witness that went back shows a record by which a host may act that has not seen the newer one. A host that hears from the
// other one that there is one must not; one that does not hear can't know, and from then on nothing is promised.
func (w *world) unpromised(q request) {
	next := q.write.Record
	if !w.behind || next.Version >= w.peak.Version && next.Epoch == w.peak.Epoch && next.Active == w.peak.Active && slices.Equal(next.InSync, w.peak.InSync) {
		return
	}
	if q.informed {
		w.fail("V12: %s changes a record that went back, although it hears of a newer one", w.hosts[q.host].name)
	}
	w.void = true
}

// admit is the operator of a pair whose witness was replaced for good.
func (w *world) admit() {
	for i := range w.hosts {
		if h := &w.hosts[i]; w.works(i) && h.m.Role() == role.Active && h.m.View().WitnessReplaced {
			w.step(i, role.WitnessWanted{By: "operator"})
		}
	}
}
