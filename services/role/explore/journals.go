package main

import (
	"slices"

	"github.com/hotpair/hotpair/services/role"
	"github.com/hotpair/hotpair/services/role/explore/plan"
	"github.com/hotpair/hotpair/storage/position"
)

func positionAt(log []entry, n int) position.Position {
	if n == 0 {
		return position.Position{}
	}
	return position.Position{Epoch: log[n-1].epoch, Sequence: uint64(n)}
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

// commit makes the own log visible up to n: whoever wrote it is told so.
func (w *world) commit(i, n int) {
	h := &w.hosts[i]
	h.disk.committed = max(h.disk.committed, n)
	if h.upd.state == serving && h.upd.epoch < w.forced {
		return // an old active that has not read the record yet
	}
	if w.rules.Terminals > 0 && w.terms.Served(i, h.upd.epoch) == 0 {
		return // nobody is told
	}
	if same := common(w.acked, h.disk.log); same < len(w.acked) && w.rules.Split {
		w.acked = h.disk.log[:n:n]
	} else if same < len(w.acked) && same < n {
		w.fail("%s commits %v, but %v was acknowledged", h.name, h.disk.log[:n], w.acked)
	} else if n > len(w.acked) {
		w.acked = h.disk.log[:n:n]
	}
}

// canWrite: the host serves, nothing is in flight, and logs do not differ by more than is explored.
func (w *world) canWrite(i int) bool {
	h := &w.hosts[i]
	if h.upd.state != serving || h.upd.flight != nil || w.rules.Terminals > 0 && w.terms.Served(i, h.upd.epoch) == 0 {
		return false
	}
	if len(h.orders) > 0 {
		if _, drain := h.orders[0].(role.Drain); drain {
			return false
		}
	}
	same := common(w.hosts[0].disk.log, w.hosts[1].disk.log)
	if w.rules.Terminals == 0 { // else nobody was told of what opens an epoch
		same = min(same, common(w.acked, h.disk.log))
	}
	return len(h.disk.log)-same < w.rules.Writes
}

// write makes a frame of one update: durable at home, and on its way.
func (w *world) write(i int) {
	h := &w.hosts[i]
	h.disk.log = appended(h.disk.log, entry{epoch: h.upd.epoch, id: w.id()})
	h.upd.flight = &flight{needed: h.upd.required && w.rules.Broken != plan.AckAlone}
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

// deliverFrame appends at the other journal, if session and end are as expected, or takes the acknowledgement.
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
	granted := f.session == o.upd.grant || w.rules.Broken == plan.JournalOpen
	switch {
	case !granted: // whoever is fenced is also thrown out
		if w.hosts[f.from].upd.session == f.session {
			w.endSession(f.from)
		}
		return
	case f.at == len(o.disk.log):
		o.disk.log = appended(o.disk.log, f.entry)
		o.disk.committed = max(o.disk.committed, min(f.known, len(o.disk.log)))
	case w.rules.Broken != plan.JournalOpen && w.rules.Broken != plan.NoFence:
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
	if h.upd.state != serving || w.sessionOpen(i) || !w.replicationOpen() || h.disk.epoch < o.disk.epoch {
		return false
	}
	return o.upd.state == standby || o.upd.state == drained && h.upd.epoch > o.upd.epoch
}

// probe begins a session: the other journal is fenced, what only it has is kept as divergent, history is sent.
func (w *world) probe(i int) {
	h, o := &w.hosts[i], &w.hosts[1-i]
	o.disk.epoch = h.upd.epoch
	if o.disk.pair == "" {
		o.disk.pair = h.disk.pair
	}
	n := common(h.disk.log, o.disk.log)
	if w.rules.Broken != plan.KeepTail {
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
	return h.upd.state == serving && w.sessionOpen(i) && w.replicationOpen() &&
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
	return u.state == serving && u.hold != nil && !u.hold.met && w.sessionOpen(i) && w.replicationOpen() && len(w.hosts[1-i].disk.log) >= u.hold.upTo
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
