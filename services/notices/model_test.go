package notices

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/hotpair/hotpair/storage/position"
)

// A small pair with one terminal, and every order of what can happen to both: notices are written, copied to the other host, committed,
// trimmed; hosts take over, are promoted by force without what the other one committed, are restored from a backup; sessions break, the
// terminal's disk is set back.

const (
	began = iota
	own
	common
	trimOwn
	trimCommon
)

// entry of a history. Its sequence is its place, counted from 1.
type entry struct {
	kind  uint8
	epoch uint8
	id    uint8 // of a notice
}

// host is one of the two.
type host struct {
	log   []entry
	done  uint8 // as many are committed
	epoch uint8 // that it serves; 0: none
	solo  bool  // it commits alone
	sent  bool  // its last entry is with the other host
}

// disk is what a terminal has.
type disk struct {
	store        Store
	live, gapped uint8 // ids that it has and that were not taken back; ids that a gap was told of
}

// session of the terminal with a host.
type session struct {
	on        bool
	host      uint8
	sender    *Sender // nil until the terminal goes on
	raw       Number  // what it said that it has
	said      Cursor  // likewise, whole
	queue     []Message
	delivered uint64 // the last message that it stored
	again     bool   // it has begun anew
}

type world struct {
	hosts    [2]host
	active   uint8 // as the witness has it
	newest   uint8 // epoch
	backup   []entry
	disk     disk
	image    *disk
	session  session
	ever     uint8 // ids that the terminal ever stored, or was told a gap of
	numbers  [8]Number
	ids      uint8
	trims    uint8
	anews    uint8 // as often a session may yet begin anew
	restored bool
	ghosts   []Message // of an earlier session, with a law broken
}

// laws are what keeps notices right. Tests take one away.
type laws struct {
	unchecked   bool // a terminal's number is taken as it is
	epochAlone  bool // the place where histories part is told by the last number alone
	twoReads    bool // the streams are read at two positions
	uncommitted bool // what is read is not committed
	silent      bool // gaps are not told
	pagesWhole  bool // a page is taken for all that there is
	rawCursor   bool // what a terminal says is trimmed by before it is checked
	lowerTaken  bool // a terminal takes what comes of an earlier term
	notBack     bool // the cursor does not go back
	staleTaken  bool // a terminal goes on from what it had when it attached, whatever it has stored since
}

// bounds of the world.
type bounds struct {
	ids, epochs, length, trims, anews uint8
	images, backups, solos            bool
}

func (w *world) clone() *world {
	c := *w
	for i := range c.hosts {
		c.hosts[i].log = slices.Clone(c.hosts[i].log)
	}
	c.session.queue = slices.Clone(c.session.queue)
	if s := c.session.sender; s != nil {
		t := *s
		t.flying = slices.Clone(t.flying)
		c.session.sender = &t
	}
	c.ghosts = slices.Clone(w.ghosts)
	return &c
}

// key is the whole world.
func (w *world) key(b []byte) string {
	flag := func(list ...bool) {
		for _, f := range list {
			if f {
				b = append(b, 1)
			} else {
				b = append(b, 0)
			}
		}
	}
	entries := func(list []entry) {
		b = append(b, byte(len(list)))
		for _, e := range list {
			b = append(b, e.kind, e.epoch, e.id)
		}
	}
	number := func(n Number) { b = append(b, byte(n.Epoch), byte(n.Sequence), byte(n.Index)) }
	marks := func(list Marks) {
		for _, m := range list {
			number(m.Number)
			b = append(b, byte(m.Count))
			flag(m.Rough)
		}
	}
	disk := func(d *disk) {
		b = append(b, d.live, d.gapped, byte(d.store.Epoch), byte(len(d.store.Cursor.Starts)))
		number(d.store.Cursor.Last)
		marks(d.store.Cursor.Marks)
		for _, s := range d.store.Cursor.Starts {
			b = append(b, byte(s.Epoch), byte(s.Sequence))
		}
	}
	message := func(m Message) {
		b = append(b, byte(m.Serial), byte(m.Stream), byte(m.Notice.Count), byte(m.Gap.Missing), byte(m.Gap.Count))
		number(m.Notice.Number)
		number(m.Gap.From)
		number(m.Gap.To)
		flag(m.Again, m.Gap.AtLeast)
	}
	for i := range w.hosts {
		h := &w.hosts[i]
		entries(h.log)
		b = append(b, h.done, h.epoch)
		flag(h.solo, h.sent)
	}
	b = append(b, w.active, w.newest, w.ever, w.ids, w.trims)
	entries(w.backup)
	flag(w.restored, w.image != nil, w.session.on, w.session.sender != nil)
	disk(&w.disk)
	if w.image != nil {
		disk(w.image)
	}
	for _, n := range w.numbers[:w.ids] {
		number(n)
	}
	if w.session.on {
		b = append(b, w.session.host, byte(w.session.delivered), byte(len(w.session.queue)), w.anews, byte(len(w.session.said.Starts)))
		number(w.session.raw)
		number(w.session.said.Last)
		marks(w.session.said.Marks)
		for _, m := range w.session.queue {
			message(m)
		}
	}
	if s := w.session.sender; s != nil {
		marks(s.marks)
		marks(s.confirmed)
		b = binary.AppendUvarint(b, s.serial)
		for _, f := range s.flying {
			b = append(b, byte(f.serial))
		}
	}
	for _, m := range w.ghosts {
		message(m)
	}
	return string(b)
}

// history of a host up to an entry.
func (h *host) history(end uint8) History {
	g := History{Pair: "p", Epoch: uint64(h.epoch)}
	for i, e := range h.log[:end] {
		if e.kind == began {
			g.Starts = append(g.Starts, Start{uint64(e.epoch), uint64(i + 1)})
		}
		g.End = position.Position{Epoch: uint64(e.epoch), Sequence: uint64(i + 1)}
	}
	return g
}

// stream reads one at a position: one notice for a page.
func (h *host) stream(s Stream, end uint8, after Number) (p Page) {
	trimmed := uint64(0)
	for _, e := range h.log[:end] {
		if e.kind == trimOwn+uint8(s) {
			trimmed++
		}
	}
	for i, e := range h.log[:end] {
		if e.kind != own+uint8(s) {
			continue
		}
		p.Total++
		n := numbered(uint64(e.epoch), uint64(i+1), 0)
		switch {
		case p.Total <= trimmed:
			p.Trimmed = Mark{Number: n, Count: p.Total}
		case !n.After(after):
		case len(p.Kept) == 1:
			p.More = true
		default:
			p.Kept = append(p.Kept, Notice{Number: n, Count: p.Total, Size: 1})
		}
	}
	return p
}

// view is what a sender reads.
func (w *world) view(l laws) View {
	h, s := &w.hosts[w.session.host], w.session.sender
	end := h.done
	if l.uncommitted {
		end = uint8(len(h.log))
	}
	v := View{h.stream(Own, end, s.After(Own)), h.stream(Common, end, s.After(Common))}
	if l.twoReads && end > 1 { // the own ones were read one update ago
		v[Own] = h.stream(Own, end-1, s.After(Own))
	}
	for i := range v {
		if l.pagesWhole {
			v[i].More = false
		}
		if l.silent && v[i].Trimmed.Number.After(s.marks[i].Number) {
			s.marks[i] = v[i].Trimmed
		}
	}
	return v
}

var begin = Marks{{Number: last(1, 1)}, {Number: last(1, 1)}}

// resume is what the host makes of the cursor.
func (w *world) resume(l laws) (Resumed, error) {
	c, h := w.session.said, &w.hosts[w.session.host]
	g := h.history(h.done)
	r, err := Resume(g, begin, c)
	if c.Pair == "" || err != nil {
		return r, err
	}
	high := c.high()
	switch {
	case l.notBack && r.Void != nil:
		c.Starts = r.Cursor.Starts
		return Resumed{From: r.From, Cursor: c, Void: r.Void}, nil
	case l.unchecked:
		c.Starts = r.Cursor.Starts
		return Resumed{From: r.From, Cursor: c}, nil
	case l.epochAlone && r.Void != nil:
		i := len(g.Starts) - 1
		for i > 0 && g.Starts[i].Epoch > high.Epoch {
			i--
		}
		end := last(g.Starts[i].Epoch, min(g.end(i), high.Sequence))
		if high.After(end) {
			r.Void.From, r.Cursor = end, c.back(end)
			r.Cursor.Starts = g.Starts
		}
	}
	return r, nil
}

// next gives every world that can follow, each with what happens. wrong: a law of the terminal is broken.
func (w *world) next(l laws, b bounds, visit func(what string, after *world, wrong string)) {
	can := func(what string, if_ bool, change func(*world) string) {
		if if_ {
			after := w.clone()
			visit(what, after, change(after))
		}
	}
	quiet := func(f func(*world)) func(*world) string { return func(a *world) string { f(a); return "" } }
	for i := range w.hosts {
		h, o := &w.hosts[i], &w.hosts[1-i]
		name, u := string(rune('a'+i)), uint8(i)
		idle, room := h.epoch > 0 && len(h.log) == int(h.done), len(h.log) < int(b.length)
		for kind, what := range map[uint8]string{own: "own", common: "common"} {
			can(name+" writes a notice of the stream "+what, idle && room && w.ids < b.ids, quiet(func(a *world) {
				g := &a.hosts[i]
				g.log, g.sent = append(g.log, entry{kind, g.epoch, a.ids}), false
				a.numbers[a.ids] = numbered(uint64(g.epoch), uint64(len(g.log)), 0)
				a.ids++
			}))
			kept := h.stream(Stream(kind-own), h.done, Number{}).Kept
			can(name+" trims the oldest notice of the stream "+what, idle && room && w.trims < b.trims && len(kept) > 0, quiet(func(a *world) {
				g := &a.hosts[i]
				g.log, g.sent = append(g.log, entry{kind + trimOwn - own, g.epoch, 0}), false
				a.trims++
			}))
		}
		waits := h.epoch > 0 && len(h.log) > int(h.done)
		can(name+" copies its update", waits && !h.solo && !h.sent && o.epoch == 0, quiet(func(a *world) {
			a.hosts[1-i].log, a.hosts[1-i].done, a.hosts[i].sent = slices.Clone(a.hosts[i].log), a.hosts[i].done, true
		}))
		can(name+" commits", waits && (h.solo || h.sent), quiet(func(a *world) { a.hosts[i].done = uint8(len(a.hosts[i].log)) }))
		can(name+" goes on alone", b.solos && h.epoch > 0 && !h.solo && w.active == u, quiet(func(a *world) { a.hosts[i].solo = true }))
		can("the other host joins "+name, b.solos && idle && h.solo && w.active == u, quiet(func(a *world) {
			g := &a.hosts[i]
			g.solo, g.sent = false, true
			a.hosts[1-i] = host{log: slices.Clone(g.log), done: g.done}
			a.leave(1 - u)
		}))
		// Whoever is in sync takes over; whoever is not is promoted by force, and what it lacks is lost.
		free := w.active != u && h.epoch == 0 && len(h.log) > 0
		can(name+" becomes active", free && room && w.newest < b.epochs, quiet(func(a *world) { a.begin(u) }))
		can(name+" hears of the later term", h.epoch > 0 && w.active != u, quiet(func(a *world) { a.hosts[i].epoch = 0; a.leave(u) }))
		can("a backup is made", b.backups && w.backup == nil && h.epoch > 0 && h.done > 1, quiet(func(a *world) {
			a.backup = slices.Clone(h.log[:h.done])
		}))
		can(name+" is restored", w.backup != nil && !w.restored && w.newest < b.epochs && len(w.backup) < int(b.length), quiet(func(a *world) {
			a.restored = true
			a.hosts = [2]host{}
			a.hosts[i].log = slices.Clone(a.backup)
			a.leave(0)
			a.leave(1)
			a.begin(u)
		}))
		lets := h.epoch > 0 && uint64(h.epoch) >= w.disk.store.Epoch
		can("the terminal attaches to "+name, lets && (!w.session.on || w.session.host != u), func(a *world) string {
			if l.lowerTaken {
				a.ghosts = a.session.queue
			}
			a.session = session{on: true, host: u, raw: a.disk.store.Cursor.high(), said: a.disk.store.Cursor}
			if a.disk.store.Attach(uint64(h.epoch)) != nil {
				return "the terminal refuses a higher epoch"
			}
			return ""
		})
	}
	can("the session breaks", w.session.on, quiet(func(a *world) { a.session = session{} }))
	can("an image of the disk is made", b.images && w.image == nil && w.disk.live != 0, quiet(func(a *world) { d := a.disk; a.image = &d }))
	can("the disk is set back", w.image != nil && w.image.live != w.disk.live, quiet(func(a *world) {
		a.disk, a.session, a.ghosts = *a.image, session{}, nil
	}))
	can("the terminal goes on", w.session.on && w.session.sender == nil, func(a *world) string { return a.goOn(l) })
	can("a batch fails, and the host begins anew", w.anews > 0 && w.session.on && w.session.sender != nil, quiet(func(a *world) {
		s := &a.session
		s.sender, s.queue, s.delivered, s.again = nil, nil, 0, true
		a.anews--
	}))
	if w.session.on && w.session.sender != nil {
		after := w.clone()
		list, err := after.session.sender.Next(after.view(l))
		if after.session.queue = append(after.session.queue, list...); err != nil {
			visit("the host sends", after, err.Error())
		} else if len(list) > 0 {
			visit("the host sends", after, "")
		}
		confirmed := w.session.sender.serial - uint64(len(w.session.sender.flying))
		can("the host is told what the terminal has", w.session.delivered > confirmed, func(a *world) string {
			if err := a.session.sender.Confirm(a.session.delivered); err != nil {
				return err.Error()
			}
			return ""
		})
	}
	can("a message arrives", len(w.session.queue) > 0, func(a *world) string {
		m := a.session.queue[0]
		a.session.queue, a.session.delivered = a.session.queue[1:], m.Serial
		return a.take(m, uint64(a.hosts[a.session.host].epoch))
	})
	can("a message of an earlier term arrives", len(w.ghosts) > 0, func(a *world) string {
		m := a.ghosts[0]
		a.ghosts = a.ghosts[1:]
		return a.take(m, a.disk.store.Epoch)
	})
}

// leave ends a session with a host.
func (w *world) leave(u uint8) {
	if w.session.on && w.session.host == u {
		w.session = session{}
	}
}

// begin has a host take the next epoch.
func (w *world) begin(u uint8) {
	w.newest++
	w.active = u
	h := &w.hosts[u]
	h.epoch, h.solo, h.sent = w.newest, true, false
	h.log = append(h.log, entry{began, w.newest, 0})
	h.done = uint8(len(h.log))
}

// goOn begins the notices of a session.
func (w *world) goOn(l laws) string {
	r, err := w.resume(l)
	if err != nil {
		return err.Error()
	}
	if l.staleTaken {
		r.From = w.disk.store.Cursor
	}
	_, _, err = w.disk.store.Resume(w.disk.store.Epoch, r)
	switch {
	case errors.Is(err, ErrOrder) && w.session.again:
		w.session.said = w.disk.store.Cursor // which comes with the refusal
		return ""
	case err != nil:
		return err.Error()
	}
	if w.anews == 0 {
		w.session.said = Cursor{}
	}
	if r.Void != nil {
		for id, n := range w.numbers[:w.ids] {
			if n.After(r.Void.From) {
				w.disk.live &^= 1 << id
				w.disk.gapped &^= 1 << id
			}
		}
	}
	w.session.sender = NewSender(Window{Notices: 2, Bytes: 1 << 10}, r.Cursor, [2]Number{})
	return ""
}

// take stores a message, or says what is wrong with that.
func (w *world) take(m Message, epoch uint64) string {
	_, stored, err := w.disk.store.Take(epoch, m)
	if err != nil {
		return err.Error()
	}
	if !stored {
		return ""
	}
	h := &w.hosts[w.session.host]
	missing := uint64(0)
	for i, e := range h.log[:h.done] {
		n, bit := numbered(uint64(e.epoch), uint64(i+1), 0), uint8(1)<<e.id
		if m.Gap != (Gap{}) && e.kind == own+uint8(m.Stream) && n.After(m.Gap.From) && !n.After(m.Gap.To) && w.disk.live&bit == 0 {
			w.disk.gapped |= bit
			w.ever |= bit
			missing++
		}
	}
	if m.Gap != (Gap{}) {
		if missing < m.Gap.Missing || missing > m.Gap.Missing && !m.Gap.AtLeast {
			return fmt.Sprintf("%d are missing, told %d", missing, m.Gap.Missing)
		}
		return ""
	}
	id := slices.Index(w.numbers[:w.ids], m.Notice.Number)
	at := slices.Index(h.log[:h.done], entry{own + uint8(m.Stream), uint8(m.Notice.Number.Epoch), uint8(id)})
	switch bit := uint8(1) << id; {
	case id < 0 || at < 0:
		return "it is not committed where the terminal is attached"
	case w.disk.live&bit != 0:
		return "it is stored twice"
	default:
		w.disk.live |= bit
		w.disk.gapped &^= bit
		w.ever |= bit
	}
	for i, n := range w.numbers[:w.ids] {
		if i != id && w.disk.live&(1<<i) != 0 && n.After(m.Notice.Number) {
			return "it comes after a later one"
		}
	}
	return ""
}
