package main

import (
	"slices"

	"github.com/hotpair/hotpair/services/role"
	"github.com/hotpair/hotpair/services/role/explore/brief"
	"github.com/hotpair/hotpair/services/role/explore/owncopy"
	"github.com/hotpair/hotpair/services/role/explore/plan"
)

// A pair without a witness: each host keeps its own copy of the record, and terminals are asked. Its main knows the newest, and its
// disk has it as soon as it takes it.

// Arguments of evFix beside cuts.
const (
	fixTerminal = 0xf0
	fixCopy     = 0xfe
	fixLie      = 0xff
)

// shown is what a read by host i would show now.
func (w *world) shown(i int) register {
	if !w.rules.Witnessless {
		return w.register
	}
	r := w.hosts[i].own.Newest
	return register{record: r, revision: owncopy.Revision(r)}
}

// loadCopy: the updater has told what is on disk.
func (w *world) loadCopy(i int) {
	if h := &w.hosts[i]; w.rules.Witnessless {
		if w.rules.Broken == plan.CopyBack {
			h.own = owncopy.Copy{}
		}
		h.own.Load(h.disk.record)
	}
}

// learnCopy: the other host told of a newer record, which is written as soon as that can be.
func (w *world) learnCopy(i int, r role.Record) {
	h := &w.hosts[i]
	if w.rules.Broken == plan.CopyOnce { // a compare-and-set would go by what is on disk
		if h.own.Known && h.upd.up && !h.unkept {
			h.disk.record = r
			h.own.Store(r)
		}
		return
	}
	h.own.Learn(r)
}

// canKeep: something has to be written, and whether that can be is not yet told.
func (w *world) canKeep(i int) bool {
	h := &w.hosts[i]
	return w.rules.Witnessless && h.upd.up && h.own.Due() && !w.storing(i) && (!h.unkept || h.m.View().Fit.Fit)
}

// storing: a compare-and-set is being written; one write at a time.
func (w *world) storing(i int) bool {
	return slices.ContainsFunc(w.requests, func(q request) bool { return q.host == i && q.storing && !q.ghost })
}

// keep tries to write what has to be. A host whose copy can't be written says that it is not fit.
func (w *world) keep(i int) {
	h := &w.hosts[i]
	if h.unkept {
		w.step(i, role.Fitness{Why: "its local copy of the pair record can't be written"})
		return
	}
	w.dropGhosts(i)
	h.disk.record = h.own.Newest
	h.own.Store(h.own.Newest)
	if !h.m.View().Fit.Fit {
		w.step(i, role.Fitness{Fit: true})
	}
}

// dropGhosts: what a disk was late to take is older than what it takes now.
func (w *world) dropGhosts(i int) {
	if w.rules.Witnessless {
		w.requests = slices.DeleteFunc(w.requests, func(q request) bool { return q.ghost && q.host == i })
	}
}

// mayStore is the first half of a compare-and-set: what it expects stands in the own copy. Otherwise it is lost at once.
func (w *world) mayStore(k int) bool {
	q := &w.requests[k]
	h := &w.hosts[q.host]
	if q.storing {
		return true
	}
	if h.own.Known && owncopy.Revision(h.own.Newest) == q.write.Expected {
		q.storing = true
		return false
	}
	if h.own.Known && q.write.Expected > owncopy.Revision(h.own.Newest) {
		w.fail("%s goes by a newer record than its own copy has, so it can never change it", h.name)
	}
	return true
}

// store is the second half. What nobody waits for any more reaches the disk only.
func (w *world) store(q request) role.RecordWritten {
	h := &w.hosts[q.host]
	in := role.RecordWritten{Ticket: q.write.Ticket, Outcome: role.Lost}
	switch {
	case !q.storing:
		return in
	case !h.upd.up || h.unkept:
		in.Outcome = role.InDoubt
		return in
	case q.ghost:
		h.disk.record = q.write.Record
		return in
	}
	w.dropGhosts(q.host)
	h.disk.record = q.write.Record
	h.own.Store(q.write.Record)
	in.Outcome, in.Revision = role.Won, owncopy.Revision(q.write.Record)
	w.say("      the copy of %s: version %d epoch %d active %s in sync %s", h.name, q.write.Record.Version, q.write.Record.Epoch, q.write.Record.Active.Host, brief.Hosts(q.write.Record.InSync))
	if r := q.write.Record; r.Forced == r.Epoch {
		w.forced, w.acked = r.Epoch, w.acked[:common(w.acked, h.disk.log)]
	}
	return in
}

// asked is what terminals answer a host that asks who serves them.
func (w *world) asked(i int, serial uint64) role.TerminalsAsked {
	o := &w.hosts[1-i]
	if w.rules.Terminals > 0 {
		return w.terms.Asked(serial, i, w.works(1-i))
	}
	in := role.TerminalsAsked{Serial: serial, Asked: 1}
	if o.up && o.attached {
		in.Fresh = []string{"t"}
	}
	return in
}

// owedTerminals lists what terminals do.
func (w *world) owedTerminals(to []event, i int) []event {
	if w.rules.Terminals == 0 {
		return to
	}
	h := &w.hosts[i]
	for k := range w.terms.Len() {
		if h.attached && !h.muted && w.terms.Wants(k, i, h.m.View().Epoch) {
			to = append(to, event{evAttach, uint8(i), uint8(k)})
		}
	}
	if h.seen != w.terms.Seen(i) {
		to = append(to, event{evSeen, uint8(i), 0})
	}
	return to
}

// letGo: who does not serve any more lets its terminals go.
func (w *world) letGo() {
	for i := range w.hosts {
		if h := &w.hosts[i]; !h.attached {
			w.terms.Leave(i)
		}
	}
}

// faultyWitnessless lists the faults that only a pair without a witness, or with terminals, has.
func (w *world) faultyWitnessless(add func(k plan.Kind, host, arg int), i int) {
	h := &w.hosts[i]
	if w.rules.Witnessless && !h.unkept {
		add(plan.Unkept, i, 0)
	}
	if w.rules.Witnessless && !h.up && h.disk.record.Version > 0 {
		add(plan.CopyGone, i, 0)
	}
	for k := range w.terms.Len() {
		if !w.terms.Cut(k, i) {
			add(plan.CutTerminal, i, k)
		}
	}
}

// fix ends a fault.
func (w *world) fix(i int, arg uint8) {
	switch {
	case arg == fixLie:
		w.hosts[i].lied = false
	case arg == fixCopy:
		w.hosts[i].unkept = false
	case arg >= fixTerminal:
		w.terms.Fix(int(arg-fixTerminal), i)
	default:
		w.cut &^= arg
	}
}

// use notes that a host serves an epoch, which nobody else may ever have.
func (w *world) use(i int, epoch uint64) {
	for _, u := range w.used {
		if u.epoch == epoch && u.host != i {
			w.fail("epoch %d is served by both hosts", epoch)
		}
	}
	w.used = append(slices.DeleteFunc(w.used, func(u use) bool { return u.epoch == epoch }), use{epoch, i})
	w.used = w.used[max(0, len(w.used)-3):]
}

// agree: both hosts know the same record.
func (w *world) agree() bool {
	return !w.rules.Witnessless || w.hosts[0].own.Newest.Equal(w.hosts[1].own.Newest)
}

// checkWitnessless looks whether a rule is broken where nobody arbitrates.
func (w *world) checkWitnessless() {
	if !w.whole() {
		return
	}
	for i := range w.hosts {
		h := &w.hosts[i]
		if n := common(w.acked, h.disk.log); n < len(w.acked) && !w.rules.Split {
			w.fail("the pair is whole again, but %s lacks %d of %d acknowledged updates", h.name, len(w.acked)-n, len(w.acked))
		}
	}
}
