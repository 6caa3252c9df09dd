package main

import (
	"slices"

	"github.com/hotpair/hotpair/services/role"
)

// What services/updater and services/replication promise, in as few steps as their order of durable writes has.

func positionAt(log []entry, n int) role.Position {
	if n == 0 {
		return role.Position{}
	}
	return role.Position{Epoch: log[n-1].epoch, Sequence: uint64(n)}
}

func common(a, b []entry) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// appended gives a log of its own memory.
func appended(log []entry, more ...entry) []entry {
	return append(slices.Clip(log), more...)
}

// updaterState is what the heartbeat tells main.
func (w *world) updaterState(i int) role.UpdaterState {
	h := &w.hosts[i]
	s := role.UpdaterState{Position: positionAt(h.disk.log, len(h.disk.log)), Committed: positionAt(h.disk.log, h.disk.committed), Note: h.disk.note}
	if h.upd.duty != serving {
		return s
	}
	switch {
	case !w.replicationOpen():
	case !w.sessionOpen(i):
		s.Peer = role.Behind
	case h.upd.hold != nil && h.upd.hold.met:
		s.Peer = role.Held
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
}

// resign ends the term.
func (w *world) resign(i int) {
	u := &w.hosts[i].upd
	w.endSession(i)
	u.duty, u.flight, u.prepared = standby, nil, false
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
	if _, drain := h.orders[0].(role.Drain); drain && h.upd.flight != nil && w.rules.broken != noDrain {
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
	if d, drain := a.(role.Drain); drain && u.flight != nil && w.rules.broken != noDrain {
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
		if u.duty == preparing {
			u.duty, u.prepared = standby, false
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
	if w.rules.broken == deafRight {
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
	h.upd.duty, h.upd.epoch = preparing, a.Epoch
	if w.rules.broken == epochEarly {
		h.disk.epoch = a.Epoch
	}
	if w.rules.broken != noFence {
		h.upd.grant = 0
	}
	if p.Position.Before(a.AtLeast) {
		p.Unfit, h.upd.duty = "updates are missing", standby
	}
	h.upd.prepared = p.Unfit == ""
	w.step(i, p)
}

func (w *world) serve(i int, a role.Serve) {
	h := &w.hosts[i]
	h.muted = false
	if u := &h.upd; u.duty == serving {
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
	} else if h.upd.duty != preparing || !h.upd.prepared || h.upd.epoch != a.Epoch {
		s.Failure = "the epoch was not prepared"
	}
	if s.Failure != "" {
		h.upd.duty = standby
		w.step(i, s)
		return
	}
	h.disk.epoch, h.disk.version = a.Epoch, max(h.disk.version, a.RecordVersion)
	h.upd.duty, h.upd.epoch, h.upd.required = serving, a.Epoch, a.RequirePeer
	if w.rules.broken != noFence {
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
	case w.rules.broken == resumeBlind:
		w.commit(i, len(h.disk.log))
		return s
	case !w.replicationOpen() || o.upd.duty == preparing || o.upd.duty == serving || o.disk.epoch > a.Epoch:
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
	if u.duty != serving || u.epoch != w.hosts[i].m.View().Epoch {
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
	if w.rules.broken == addUnheld {
		u.required = was
		w.hosts[1-i].disk.note = a.Membership
		u.hold.met, u.hold.serial = true, 0
		w.step(i, role.Required{Serial: a.Serial})
	}
}

func (w *world) drain(i int, a role.Drain) {
	h := &w.hosts[i]
	u := &h.upd
	if w.rules.broken != noDrain {
		w.silence(i)
	}
	d := role.Drained{Serial: a.Serial, Position: positionAt(h.disk.log, h.disk.committed)}
	if u.duty != serving && u.duty != drained {
		d.Failure = "the epoch is not served"
	} else {
		if w.rules.broken != noDrain {
			epoch := u.epoch
			w.resign(i)
			u.duty, u.epoch = drained, epoch
		}
		h.disk.note = a.Membership
	}
	w.step(i, d)
}

// commit makes the own log visible up to n: whoever wrote it is told so.
func (w *world) commit(i, n int) {
	h := &w.hosts[i]
	h.disk.committed = max(h.disk.committed, n)
	if h.upd.duty == serving && h.upd.epoch < w.forced {
		return // an old active that has not read the record yet
	}
	if same := common(w.acked, h.disk.log); same < len(w.acked) && same < n {
		w.fail("I3: %s commits %v, but %v was acknowledged", h.name, h.disk.log[:n], w.acked)
	} else if n > len(w.acked) {
		w.acked = h.disk.log[:n:n]
	}
}

// canWrite: the host serves, nothing is in flight, and logs do not differ by more than is explored.
func (w *world) canWrite(i int) bool {
	h := &w.hosts[i]
	if h.upd.duty != serving || h.upd.flight != nil {
		return false
	}
	if len(h.orders) > 0 {
		if _, drain := h.orders[0].(role.Drain); drain {
			return false
		}
	}
	same := min(common(w.hosts[0].disk.log, w.hosts[1].disk.log), common(w.acked, h.disk.log))
	return len(h.disk.log)-same < w.rules.writes
}

// write makes a frame of one update: durable at home, and on its way.
func (w *world) write(i int) {
	h := &w.hosts[i]
	h.disk.log = appended(h.disk.log, entry{epoch: h.upd.epoch, id: w.id()})
	h.upd.flight = &flight{needed: h.upd.required && w.rules.broken != ackAlone}
	if !h.upd.flight.needed {
		h.upd.flight = nil
		w.commit(i, len(h.disk.log))
		return
	}
	if h.upd.session != 0 {
		w.send(i)
	}
}

// send puts the frame in flight on its way.
func (w *world) send(i int) {
	h := &w.hosts[i]
	n := len(h.disk.log)
	w.frames = append(w.frames, frame{from: i, session: h.upd.session, at: n - 1, entry: h.disk.log[n-1], known: h.disk.committed})
}

// canFrame: the receiver works and is reached. A frame that left before a cut may arrive while its receiver lives.
func (w *world) canFrame(k int) bool {
	f := w.frames[k]
	to := 1 - f.from
	if f.back {
		to = f.from
	}
	return w.works(to) && w.hosts[to].upd.up && (!f.back || w.replicationOpen())
}

// deliverFrame appends at the journal of the other host, if the session is still granted and the end is the expected one,
// or takes the acknowledgement.
func (w *world) deliverFrame(k int) {
	f := w.frames[k]
	w.frames = slices.Delete(w.frames, k, k+1)
	if f.back {
		h := &w.hosts[f.from]
		if u := &h.upd; u.flight != nil && u.session == f.session && f.at == len(h.disk.log)-1 {
			u.flight = nil
			w.commit(f.from, len(h.disk.log))
		}
		return
	}
	o := &w.hosts[1-f.from]
	granted := f.session == o.upd.grant || w.rules.broken == journalOpen
	switch {
	case !granted: // whoever is fenced is also thrown out
		if w.hosts[f.from].upd.session == f.session {
			w.endSession(f.from)
		}
		return
	case f.at == len(o.disk.log):
		o.disk.log = appended(o.disk.log, f.entry)
		o.disk.committed = max(o.disk.committed, min(f.known, len(o.disk.log)))
	case w.rules.broken != journalOpen && w.rules.broken != noFence:
		return
	} // else the sender has read the end again: it is stored where nobody takes it for an update (V6)
	if w.hosts[f.from].upd.session == f.session {
		f.back = true
		w.frames = append(w.frames, f)
	}
}

// canProbe: an active without an open session reaches an updater that would take it.
func (w *world) canProbe(i int) bool {
	h, o := &w.hosts[i], &w.hosts[1-i]
	if h.upd.duty != serving || w.sessionOpen(i) || !w.replicationOpen() || h.disk.epoch < o.disk.epoch {
		return false
	}
	return o.upd.duty == standby || o.upd.duty == drained && h.upd.epoch > o.upd.epoch
}

// probe begins a session: the other journal is fenced, what only it has is set aside, history is sent.
func (w *world) probe(i int) {
	h, o := &w.hosts[i], &w.hosts[1-i]
	o.disk.epoch = h.upd.epoch
	if o.disk.pair == "" {
		o.disk.pair = h.disk.pair
	}
	n := common(h.disk.log, o.disk.log)
	if w.rules.broken != keepTail {
		o.disk.log = o.disk.log[:n:n]
	}
	o.disk.committed = min(o.disk.committed, n)
	h.upd.session = w.id()
	o.upd.grant = h.upd.session
	w.feed(i)
	if f := h.upd.flight; f != nil {
		switch {
		case n == len(h.disk.log): // it has the frame already
			h.upd.flight = nil
			w.commit(i, n)
		case f.needed:
			w.send(i)
		}
	}
}

// canFeed: the other host lacks committed history.
func (w *world) canFeed(i int) bool {
	h, o := &w.hosts[i], &w.hosts[1-i]
	return h.upd.duty == serving && w.sessionOpen(i) && w.replicationOpen() &&
		(len(o.disk.log) < h.disk.committed || o.disk.committed < h.disk.committed)
}

func (w *world) feed(i int) {
	h, o := &w.hosts[i], &w.hosts[1-i]
	if n := h.disk.committed; len(o.disk.log) < n {
		o.disk.log = h.disk.log[:n:n]
	}
	o.disk.committed = min(h.disk.committed, len(o.disk.log))
}

func (w *world) canMeet(i int) bool {
	u := &w.hosts[i].upd
	return u.duty == serving && u.hold != nil && !u.hold.met && w.sessionOpen(i) && w.replicationOpen() && len(w.hosts[1-i].disk.log) >= u.hold.upTo
}

// meet: the other host holds everything before the frames that wait for it, and notes so; then main is told.
func (w *world) meet(i int) {
	u := &w.hosts[i].upd
	u.hold.met = true
	if u.hold.note.Version != 0 && u.hold.serial != 0 {
		w.hosts[1-i].disk.note = u.hold.note
	}
	if serial := u.hold.serial; serial != 0 {
		u.hold.serial = 0
		w.step(i, role.Required{Serial: serial})
	}
}
