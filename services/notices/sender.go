package notices

import (
	"errors"
	"fmt"
	"slices"
)

// Window bounds the unconfirmed notices of a terminal. One notice always fits.
type Window struct{ Notices, Bytes int }

// DefaultWindow is the window in use.
var DefaultWindow = Window{Notices: 64, Bytes: 256 << 10}

var (
	// ErrStream says that a stream as read has gaps: nothing may be sent from it.
	ErrStream = errors.New("the stream of notices has a gap")
	// ErrConfirm says that a terminal confirms notices that were not sent.
	ErrConfirm = errors.New("confirmation of notices that were not sent")
)

// Notice is the part of a notice that decisions need; the rest stays with the caller.
type Notice struct {
	Number Number
	Count  uint64 // its place in its stream, from 1
	Size   int
}

// Page is a part of a stream, as read at the position of its [View].
type Page struct {
	Trimmed Mark     // the last discarded one
	Total   uint64   // how many the stream has had
	Kept    []Notice // the first ones after Sender.After, in order
	More    bool     // more follow
	// Unreadable says why the notice after Kept can't be read; "" if it can.
	Unreadable string `json:",omitempty"`
}

// View is a read at one committed position. Two streams read at two positions would overtake each other.
type View [streams]Page

// Message is a message to a terminal: a notice, or a gap.
type Message struct {
	Serial uint64 // counts the messages of a session from 1; a terminal confirms by it
	Stream Stream
	Notice Notice
	Again  bool // the terminal has already confirmed it, so its disk was set back
	Gap    Gap
}

// Gap is a range that was trimmed before a terminal had it. The zero Gap is none.
type Gap struct {
	Range
	Missing uint64 // how many of this terminal's
	AtLeast bool   // there may be more: the terminal had notices that are void
	Count   uint64 // the place of the last one in its stream
}

// Sender is the sending side of one session.
type Sender struct {
	window    Window
	marks     Marks
	confirmed Marks
	again     [streams]Number
	serial    uint64
	flying    []flying
	bytes     int
}

// flying is a message that is not confirmed, and what the terminal has when it is.
type flying struct {
	serial uint64
	size   int
	marks  Marks
}

// NewSender returns a sender that starts where a terminal's notices continue. had is the confirmed place that the pair
// knows of.
func NewSender(w Window, c Cursor, had [2]Number) *Sender {
	return &Sender{window: w, marks: c.Marks, confirmed: c.Marks, again: had}
}

// After is the place that the next page of a stream follows.
func (s *Sender) After(stream Stream) Number { return s.marks[stream].Number }

// Confirmed is the durable place of the terminal in each stream.
func (s *Sender) Confirmed() (had [2]Number) {
	for i, m := range s.confirmed {
		had[i] = m.Number
	}
	return had
}

// Next returns the messages to send now, in order, and counts them as sent.
func (s *Sender) Next(v View) (list []Message, err error) {
	for stream := range v {
		p := &v[stream]
		for len(p.Kept) > 0 && !p.Kept[0].Number.After(s.marks[stream].Number) {
			p.Kept = p.Kept[1:]
		}
		if m, ok := s.gap(Stream(stream), p); ok {
			if !s.room(0) {
				return list, nil
			}
			list = append(list, s.sent(m))
		}
	}
	for {
		stream, ok := v.first()
		if !ok || !s.room(v[stream].Kept[0].Size) {
			return list, nil
		}
		n := v[stream].Kept[0]
		if n.Count != s.marks[stream].Count+1 {
			return list, fmt.Errorf("%w: %v has count %d after count %d", ErrStream, n.Number, n.Count, s.marks[stream].Count)
		}
		list = append(list, s.sent(Message{Stream: stream, Notice: n, Again: !n.Number.After(s.again[stream])}))
		v[stream].Kept = v[stream].Kept[1:]
	}
}

// gap is what the terminal misses of a stream. It also finds out how many notices there were before a place that was set back.
func (s *Sender) gap(stream Stream, p *Page) (Message, bool) {
	m := &s.marks[stream]
	if !p.Trimmed.Number.After(m.Number) {
		if m.Rough && (p.Unreadable == "" || len(p.Kept) > 0) {
			m.Count, m.Rough = p.Total, false
			if len(p.Kept) > 0 {
				m.Count = p.Kept[0].Count - 1
			}
		}
		return Message{}, false
	}
	missing := uint64(max(1, int64(p.Trimmed.Count-m.Count)))
	g := Gap{Range: Range{m.Number, p.Trimmed.Number}, Missing: missing, AtLeast: m.Rough, Count: p.Trimmed.Count}
	return Message{Stream: stream, Gap: g}, true
}

// first is the stream of the next notice. If a page is not complete, a notice after its last one waits for the next
// page: a notice of that stream may precede it.
func (v View) first() (stream Stream, ok bool) {
	for i, p := range v {
		if len(p.Kept) == 0 {
			if p.More || p.Unreadable != "" { // a terminal takes them in order only
				return 0, false
			}
			continue
		}
		if !ok || v[stream].Kept[0].Number.After(p.Kept[0].Number) {
			stream, ok = Stream(i), true
		}
	}
	return stream, ok
}

// room reports whether the window has room.
func (s *Sender) room(size int) bool {
	return len(s.flying) == 0 || len(s.flying) < s.window.Notices && s.bytes+size <= s.window.Bytes
}

// sent counts a message as sent.
func (s *Sender) sent(m Message) Message {
	s.serial++
	m.Serial = s.serial
	s.marks[m.Stream] = m.mark()
	s.bytes += m.Notice.Size
	s.flying = append(s.flying, flying{m.Serial, m.Notice.Size, s.marks})
	return m
}

// mark is the place in its stream after a message.
func (m Message) mark() Mark {
	if m.Gap != (Gap{}) {
		return Mark{Number: m.Gap.To, Count: m.Gap.Count}
	}
	return Mark{Number: m.Notice.Number, Count: m.Notice.Count}
}

// Confirm records that the terminal has stored everything up to a message. Confirming it again changes nothing.
func (s *Sender) Confirm(serial uint64) error {
	if serial > s.serial {
		return fmt.Errorf("%w: %d of %d", ErrConfirm, serial, s.serial)
	}
	n := 0
	for ; n < len(s.flying) && s.flying[n].serial <= serial; n++ {
		s.bytes -= s.flying[n].size
		s.confirmed = s.flying[n].marks
	}
	s.flying = slices.Delete(s.flying, 0, n)
	return nil
}
