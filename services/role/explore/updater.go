package main

import (
	"slices"

	"github.com/hotpair/hotpair/services/role"
	"github.com/hotpair/hotpair/services/role/explore/plan"
)

// What services/updater and services/replication promise, in as few steps as their order of durable writes has.

// updaterState is what the heartbeat tells main.
func (w *world) updaterState(i int) role.UpdaterState {
	h := &w.hosts[i]
	s := role.UpdaterState{Position: positionAt(h.disk.log, len(h.disk.log)), Committed: positionAt(h.disk.log, h.disk.committed), Note: h.disk.note}
	if h.upd.state != serving {
		return s
	}
	switch {
	case !w.replicationOpen():
	case !w.sessionOpen(i):
		s.Peer = role.Behind
	case h.upd.hold != nil && h.upd.hold.met:
		s.Peer = role.Awaited
	default:
		s.Peer = role.Close
	}
	if f := h.upd.flight; f != nil && f.age >= uint8(patience/tick) {
		s.OldestFrame = patience
	}
	return s
}

func (w *world) sessionOpen(i int) bool {
	return w.hosts[i].upd.session != 0 && w.hosts[i].upd.session == w.hosts[1-i].upd.grant
}

// endSession ends the replication session in which host sends. What it has sent may still arrive.
func (w *world) endSession(i int) {
	u := &w.hosts[i].upd
	if u.session == 0 {
		return
	}
	w.frames = slices.DeleteFunc(w.frames, func(f frame) bool { return f.back && f.from == i })
	u.session = 0
	if u.hold != nil {
		u.hold.met = false
	}
}

// updaterDown ends an updater under a living main.
func (w *world) updaterDown(i int) {
	h := &w.hosts[i]
	w.endSession(i)
	w.endSession(1 - i)
	w.frames = slices.DeleteFunc(w.frames, func(f frame) bool { return !f.back && f.from == 1-i })
	orders, waits := h.orders, h.upd.hold
	h.orders, h.upd = nil, updater{}
	if waits != nil && waits.serial != 0 {
		h.later = append(h.later, role.Required{Serial: waits.serial, Failure: "the updater is down"})
	}
	for _, a := range orders {
		w.unanswered(i, a)
	}
	h.later = append(h.later, role.UpdaterState{Committed: h.m.View().Committed}, role.Fitness{Why: "the updater is not ready"})
	h.told = role.UpdaterState{}
	w.dropGhosts(i)
}

// resign ends the term.
func (w *world) resign(i int) {
	u := &w.hosts[i].upd
	w.endSession(i)
	u.state, u.flight, u.prepared = standby, nil, false
	w.dropHold(i)
}

// dropHold ends an order to hold; who waits for it is told so.
func (w *world) dropHold(i int) {
	u := &w.hosts[i].upd
	if u.hold == nil {
		return
	}
	if u.hold.serial != 0 {
		w.hosts[i].later = append(w.hosts[i].later, role.Required{Serial: u.hold.serial, Failure: "another order came"})
	}
	u.hold = nil
}

// canOrder: the next order can be carried out; a drain waits for the frame in flight, unless another order ends it.
func (w *world) canOrder(i int) bool {
	h := &w.hosts[i]
	if len(h.orders) == 0 || !h.upd.up {
		return false
	}
	if _, drain := h.orders[0].(role.Drain); drain && h.upd.flight != nil && w.rules.Broken != plan.NoDrain {
		return len(h.orders) > 1
	}
	return true
}

// overdue: the driver does not wait for a drain for ever.
func (w *world) overdue(i int) {
	h := &w.hosts[i]
	if len(h.orders) == 0 || h.upd.flight == nil {
		h.drains = 0
		return
	}
	d, drain := h.orders[0].(role.Drain)
	if !drain {
		return
	}
	if h.drains++; h.drains < deadline {
		return
	}
	h.drains = 0
	h.orders = h.orders[1:]
	w.silence(i)
	h.later = append(h.later, role.Drained{Serial: d.Serial, Failure: "no answer in time"})
}

// order carries out the next order and answers it.
func (w *world) order(i int) {
	h := &w.hosts[i]
	u := &h.upd
	a := h.orders[0]
	if d, drain := a.(role.Drain); drain && u.flight != nil && w.rules.Broken != plan.NoDrain {
		if r, ok := h.orders[1].(role.Require); ok && !r.Peer {
			h.orders = slices.Delete(h.orders, 1, 2)
			w.require(i, r)
			return
		}
		h.orders = h.orders[1:]
		w.silence(i)
		w.step(i, role.Drained{Serial: d.Serial, Failure: "another order came"})
		return
	}
	h.orders = h.orders[1:]
	switch a := a.(type) {
	case role.Prepare:
		w.dropHold(i)
		w.prepare(i, a)
	case role.Release:
		if u.state == preparing {
			u.state, u.prepared = standby, false
		}
	case role.Serve:
		w.serve(i, a)
	case role.Require:
		w.require(i, a)
	case role.Drain:
		w.drain(i, a)
	case role.BecomeStandby:
		w.resign(i)
		if a.Epoch > h.disk.epoch {
			u.grant = 0
			h.disk.epoch = a.Epoch
		}
	}
}

// silence: terminal-if has confirmed that it answers nobody any more.
func (w *world) silence(i int) {
	h := &w.hosts[i]
	if w.rules.Broken == plan.DeafRight {
		return
	}
	h.right, h.muted, h.attached = 0, true, false
}

func (w *world) prepare(i int, a role.Prepare) {
	h := &w.hosts[i]
	p := role.Prepared{Serial: a.Serial, Position: positionAt(h.disk.log, len(h.disk.log))}
	w.resign(i)
	if a.Epoch <= h.disk.epoch {
		p.Unfit = "the epoch is not above the known one"
		w.step(i, p)
		return
	}
	h.upd.state, h.upd.epoch = preparing, a.Epoch
	if w.rules.Broken == plan.EpochEarly {
		h.disk.epoch = a.Epoch
	}
	if w.rules.Broken != plan.NoFence {
		h.upd.grant = 0
	}
	if p.Position.Before(a.AtLeast) {
		p.Unfit, h.upd.state = "updates are missing", standby
	}
	h.upd.prepared = p.Unfit == ""
	w.step(i, p)
}

func (w *world) serve(i int, a role.Serve) {
	h := &w.hosts[i]
	h.muted = false
	if u := &h.upd; u.state == serving {
		s := role.Served{Epoch: a.Epoch, Position: positionAt(h.disk.log, h.disk.committed)}
		if u.epoch != a.Epoch {
			s.Failure = "another epoch is served"
		}
		w.step(i, s)
		return
	}
	s := role.Served{Epoch: a.Epoch}
	if a.Resume {
		s = w.resume(i, a)
	} else if h.upd.state != preparing || !h.upd.prepared || h.upd.epoch != a.Epoch {
		s.Failure = "the epoch was not prepared"
	}
	if s.Failure != "" {
		h.upd.state = standby
		w.step(i, s)
		return
	}
	w.use(i, a.Epoch)
	h.disk.epoch, h.disk.version = a.Epoch, max(h.disk.version, a.RecordVersion)
	h.upd.state, h.upd.epoch, h.upd.required = serving, a.Epoch, a.RequirePeer
	if w.rules.Broken != plan.NoFence {
		h.upd.grant = 0
	}
	if n := len(h.disk.log); !a.Resume || !a.RequirePeer {
		w.commit(i, n)
	}
	if a.RequirePeer {
		h.upd.hold = &hold{upTo: h.disk.committed, was: true, met: h.upd.session != 0}
	}
	s.Position = positionAt(h.disk.log, len(h.disk.log))
	if s.Position.Epoch != a.Epoch {
		w.write(i) // the entry that opens the epoch
	}
	w.step(i, s)
}

// resume reads both journals first (V2).
func (w *world) resume(i int, a role.Serve) role.Served {
	h, o := &w.hosts[i], &w.hosts[1-i]
	s := role.Served{Epoch: a.Epoch}
	switch {
	case h.disk.epoch != a.Epoch:
		s.Failure = "this host has noted another epoch"
		return s
	case !a.RequirePeer:
		return s
	case w.rules.Broken == plan.ResumeBlind:
		w.commit(i, len(h.disk.log))
		return s
	case !w.replicationOpen() || o.upd.state == preparing || o.upd.state == serving || o.disk.epoch > a.Epoch:
		s.Failure, s.Unreadable = "the other journal can't be read", true
		return s
	}
	o.disk.epoch = a.Epoch
	n := common(h.disk.log, o.disk.log)
	switch {
	case n < len(h.disk.log) && n < len(o.disk.log):
		s.Failure = "the other host holds another history"
		return s
	case n == len(h.disk.log):
		h.disk.log = o.disk.log
	default:
		o.disk.log = h.disk.log
	}
	h.upd.session = w.id()
	o.upd.grant = h.upd.session
	w.commit(i, len(h.disk.log))
	o.disk.committed = max(o.disk.committed, len(o.disk.log))
	return s
}

func (w *world) require(i int, a role.Require) {
	u := &w.hosts[i].upd
	if u.state != serving || u.epoch != w.hosts[i].m.View().Epoch {
		w.step(i, role.Required{Serial: a.Serial, Failure: "the epoch is not served"})
		return
	}
	w.dropHold(i)
	was := u.required
	u.required = a.Peer
	if !a.Peer {
		if u.flight != nil && u.flight.needed {
			u.flight = nil
			w.commit(i, len(w.hosts[i].disk.log))
		}
		w.step(i, role.Required{Serial: a.Serial})
		return
	}
	u.hold = &hold{serial: a.Serial, upTo: w.hosts[i].disk.committed, note: a.Membership, was: was}
	if w.rules.Broken == plan.AddUnheld {
		u.required = was
		w.hosts[1-i].disk.note = a.Membership
		u.hold.met, u.hold.serial = true, 0
		w.step(i, role.Required{Serial: a.Serial})
	}
}

func (w *world) drain(i int, a role.Drain) {
	h := &w.hosts[i]
	u := &h.upd
	if w.rules.Broken != plan.NoDrain {
		w.silence(i)
	}
	d := role.Drained{Serial: a.Serial, Position: positionAt(h.disk.log, h.disk.committed)}
	if u.state != serving && u.state != drained {
		d.Failure = "the epoch is not served"
	} else {
		if w.rules.Broken != plan.NoDrain {
			epoch := u.epoch
			w.resign(i)
			u.state, u.epoch = drained, epoch
		}
		h.disk.note = a.Membership
	}
	w.step(i, d)
}
