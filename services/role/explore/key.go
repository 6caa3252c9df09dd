package main

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"github.com/hotpair/hotpair/services/role"
	"github.com/hotpair/hotpair/services/role/canon"
	"github.com/hotpair/hotpair/services/role/exchange"
)

// keyer makes the key of a state: equal keys, equal futures.
type keyer struct{ canon canon.Writer }

// key of a world. Without faults: of what would follow if nothing went wrong any more.
func (k *keyer) key(w *world, withFaults bool) uint64 {
	c := &k.canon
	c.Reset()
	same := min(common(w.hosts[0].disk.log, w.hosts[1].disk.log), common(w.hosts[0].disk.log, w.acked))
	c.Epoch, c.Version, c.Revision, c.Sequence = w.register.record.Epoch, w.register.record.Version, w.register.revision, uint64(same)
	for i := range w.hosts { // a register that has lost the record has no number to count from
		d := &w.hosts[i].disk
		c.Epoch, c.Version = max(c.Epoch, d.epoch, d.record.Epoch, w.hosts[i].own.Newest.Epoch), max(c.Version, d.version, w.hosts[i].own.Newest.Version)
	}
	c.Wall = wall(w.hosts[0].clock)
	if c.OwnRevisions = w.rules.Witnessless; c.OwnRevisions {
		c.Epoch &^= 1 // odd epochs and even ones are not alike
	}
	k.steps(w)
	if withFaults {
		c.Byte(w.faults.Total)
		for _, n := range w.faults.Left {
			c.Byte(n)
		}
	}
	c.Bools(w.reverse)
	c.Byte(w.cut)
	w.register.record.Canonical(c)
	c.Text(w.register.id)
	c.Bools(w.void, w.behind, w.peak.Active == w.register.record.Active)
	c.VersionNumber(w.peak.Version)
	c.EpochNumber(w.peak.Epoch)
	c.Byte(byte(len(w.older)))
	for _, r := range w.older {
		c.RevisionNumber(r.revision)
		r.record.Canonical(c)
	}
	log := func(l []entry) {
		c.Byte(byte(len(l) - same))
		for _, e := range l[same:] {
			c.EpochNumber(e.epoch)
			c.ID(e.id)
		}
	}
	log(w.acked)
	w.terms.Canonical(c)
	for _, u := range w.used {
		c.EpochNumber(u.epoch)
		c.Byte(byte(u.host))
	}
	c.Bools(w.forced != 0)
	c.EpochNumber(w.forced)
	for i := range w.hosts {
		h := &w.hosts[i]
		c.Now, c.Wall = h.clock, wall(h.clock)
		c.Bools(h.up, h.frozen, h.muted, h.attached, h.exiting, h.lied, h.upd.up, h.unkept)
		c.Text(h.disk.pair)
		c.EpochNumber(h.disk.epoch)
		c.VersionNumber(h.disk.version)
		h.disk.record.Canonical(c)
		c.Note(h.disk.note)
		log(h.disk.log)
		c.Int(int64(max(0, h.disk.committed-same)))
		if !h.up {
			c.Int(int64((h.clock - w.hosts[0].clock) / time.Millisecond))
			continue
		}
		c.ID(h.run)
		h.m.Canonical(c)
		c.Until(h.right)
		if w.rules.Witnessless {
			h.own.Canonical(c)
		}
		c.Bools(h.seen == w.terms.Seen(i))
		c.Byte(byte(h.evidence.Link)<<4 | byte(h.evidence.Replication))
		k.updater(h, same)
		c.Byte(byte(len(h.orders)))
		for _, a := range h.orders {
			exchange.CanonicalOrder(c, a)
		}
		c.Byte(byte(len(h.reads)))
		for _, r := range h.reads {
			c.RevisionNumber(r.revision)
		}
		c.ID(h.asked)
		c.Byte(h.drains)
	}
	k.wire(w)
	sum := sha256.Sum256(c.Bytes())
	return binary.LittleEndian.Uint64(sum[:])
}

// steps collects the values of PeerView.Steps that are still compared.
func (k *keyer) steps(w *world) {
	c := &k.canon
	if c.Steps == nil {
		c.Steps = map[string][]uint64{}
	}
	for i := range w.hosts {
		s := c.Steps[w.hosts[i].name][:0]
		if o := &w.hosts[1-i]; o.m != nil {
			s = append(s, o.m.Heard())
		}
		if b := w.beats[i]; b != nil {
			s = append(s, b.view.Steps)
		}
		if b := w.replies[1-i]; b != nil {
			s = append(s, b.view.Steps)
		}
		for _, late := range w.delayed {
			switch {
			case late.beat != nil && late.host == i:
				s = append(s, late.beat.view.Steps)
			case late.reply != nil && late.host == 1-i:
				s = append(s, late.reply.view.Steps)
			}
		}
		slices.Sort(s)
		c.Steps[w.hosts[i].name] = s
	}
}

func (k *keyer) updater(h *host, same int) {
	c, u := &k.canon, &h.upd
	c.Byte(byte(u.state))
	c.EpochNumber(u.epoch)
	c.Bools(u.prepared, u.required, u.flight != nil, u.hold != nil)
	c.ID(u.session)
	c.ID(u.grant)
	if f := u.flight; f != nil {
		c.Bools(f.needed)
		c.Byte(f.age)
	}
	if d := u.hold; d != nil {
		c.ID(d.serial)
		c.Byte(byte(max(0, d.upTo-same)))
		if d.serial != 0 {
			c.Note(d.note)
		}
		c.Bools(d.met, d.was)
	}
}

// wire writes what is on its way.
func (k *keyer) wire(w *world) {
	c := &k.canon
	for i := range w.hosts {
		c.Now = w.hosts[i].clock
		k.beat(w.beats[i])
		k.beat(w.replies[i])
	}
	c.Byte(byte(len(w.delayed)))
	for _, s := range w.delayed {
		c.Now = w.hosts[s.host].clock
		c.Byte(byte(s.host))
		k.beat(s.beat)
		k.beat(s.reply)
		c.Bools(s.message != nil, s.frame != nil, s.read != nil)
		if s.read != nil {
			c.Byte(s.age)
			c.RevisionNumber(s.read.revision)
			s.read.record.Canonical(c)
		}
		if s.message != nil {
			k.message(*s.message)
		}
		if s.frame != nil {
			k.frame(*s.frame)
		}
	}
	c.Byte(byte(len(w.requests)))
	for _, q := range w.requests {
		c.Bools(q.host == 1, q.ghost, q.storing)
		c.ID(q.write.Ticket)
		c.RevisionNumber(q.write.Expected)
		q.write.Record.Canonical(c)
	}
	c.Byte(byte(len(w.answers)))
	for _, a := range w.answers {
		c.Byte(byte(a.host))
		c.ID(a.in.Ticket)
		c.Byte(byte(a.in.Outcome))
		c.RevisionNumber(a.in.Revision)
	}
	c.Byte(byte(len(w.messages)))
	for _, m := range w.messages {
		k.message(m)
	}
	c.Byte(byte(len(w.frames)))
	for _, f := range w.frames {
		k.frame(f)
	}
}

func (k *keyer) beat(b *beat) {
	c := &k.canon
	c.Bools(b != nil)
	if b == nil {
		return
	}
	c.Since(b.sent, 2*lease)
	c.Bools(b.grant, b.error != "")
	c.ID(b.run)
	b.view.Canonical(c)
}

func (k *keyer) message(m message) {
	c := &k.canon
	c.Byte(byte(m.to))
	switch in := m.in.(type) {
	case role.HandOver:
		c.Byte(1)
		c.EpochNumber(in.Epoch)
		c.Bools(in.Drained)
		c.RevisionNumber(in.Revision)
		c.Position(in.Position)
	case role.HandOverRefused:
		c.Byte(2)
	case role.Resigned:
		c.Byte(3)
	}
}

func (k *keyer) frame(f frame) {
	c := &k.canon
	c.Bools(f.from == 1, f.back)
	c.ID(f.session)
	c.Int(max(int64(f.at)-int64(c.Sequence), -3))
	c.ID(f.entry.id)
	c.Int(int64(max(0, f.known-int(c.Sequence))))
}
