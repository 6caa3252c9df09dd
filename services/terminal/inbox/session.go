package inbox

import (
	"errors"
	"fmt"
	"slices"

	"github.com/boltdb/bolt"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/notices"
	"github.com/hotpair/hotpair/services/strictjson"
)

// ErrRefused says that a batch is refused; its text goes to the host. Nothing of the batch is stored.
var ErrRefused = errors.New("notices refused")

// Reserve makes durable, outside the file, that numbers up to a limit may have been given. It returns at once if that
// is already durable.
type Reserve func(upTo uint64) error

// Session takes the notices of one attached host for a terminal.
//
// The host computes where the notices continue from the cursor that the terminal sent. If another session has written
// since, or this one and its answer was lost, that place is out of date, and the terminal would store notices twice. So
// a resume names the cursor that it was computed from, and is valid only while the terminal's cursor is the same.
type Session struct {
	box     *Box
	pair    string
	epoch   uint64
	reserve Reserve

	seen    *state // what store was computed from
	store   notices.Store
	resumed bool
	serial  uint64
}

// Session begins a session of a host that serves a pair in an epoch, and returns the cursor to send to it.
func (b *Box) Session(pair string, epoch uint64, reserve Reserve) (*Session, notices.Cursor) {
	s := &Session{box: b, pair: pair, epoch: epoch, reserve: reserve}
	return s, s.begin()
}

// begin starts the session with the durable cursor.
func (s *Session) begin() notices.Cursor {
	s.seen = s.box.current.Load()
	s.resumed, s.serial = false, 0
	s.store = notices.Store{Epoch: s.epoch, Local: s.seen.Local, Cursor: s.seen.Cursor}
	return s.seen.Cursor
}

// Take takes a batch: it is durable as a whole when Take returns, or not at all. The result has the new notices for
// applications. An error is also in the answer, and the session begins again: ErrRefused, with ErrNoRoom if the disk
// is full; any other error says that the file, or the target of Reserve, accepts no further writes.
func (s *Session) Take(b notice.Batch) ([]Published, notice.Stored, error) {
	s.box.taking.Lock()
	defer s.box.taking.Unlock()
	told, err := s.take(b)
	if err != nil {
		cursor := s.begin()
		return nil, notice.Stored{Why: err.Error(), Cursor: &cursor}, err
	}
	return told, notice.Stored{Serial: s.serial}, nil
}

// Refuse answers a message that is not a batch, like Take.
func (s *Session) Refuse(err error) notice.Stored {
	s.box.taking.Lock()
	defer s.box.taking.Unlock()
	cursor := s.begin()
	return notice.Stored{Why: err.Error(), Cursor: &cursor}
}

func (s *Session) take(b notice.Batch) ([]Published, error) {
	if err := s.check(b); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if b.Resume != nil {
		s.begin()
	}
	store, serial := s.store, s.serial
	var list []Published
	note := func(k notices.Kept, c notice.Content) error {
		p, err := s.publish(k, c)
		list = append(list, p)
		return err
	}
	if b.Resume != nil {
		k, stored, err := store.Resume(b.Epoch, *b.Resume)
		if err == nil && stored {
			err = note(k, notice.Content{})
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrRefused, err)
		}
	}
	for i := range b.Messages {
		m := &b.Messages[i]
		if m.Serial <= serial {
			continue // it was already stored, and the answer was lost
		}
		if m.Serial != serial+1 {
			return nil, fmt.Errorf("%w: message %d follows message %d", ErrRefused, m.Serial, serial)
		}
		serial++
		k, stored, err := store.Take(b.Epoch, m.Message)
		if err == nil && stored {
			err = note(k, m.Content)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrRefused, err)
		}
	}
	if err := s.write(store, list); err != nil {
		return nil, err
	}
	s.store, s.serial, s.resumed = store, serial, true
	return list, nil
}

// write makes new notices durable. A resume without notices is not written: it is computed again at the next attach,
// so that thousands of terminals that attach in a takeover write nothing.
func (s *Session) write(store notices.Store, list []Published) error {
	if len(list) == 0 {
		return nil
	}
	if err := s.reserve(store.Local); err != nil {
		return err
	}
	size, entries := 0, make([]entry, len(list))
	for i, p := range list {
		entries[i] = entry{p.Number, p.Data}
		size += len(p.Data)
	}
	next := &state{s.seen.record}
	next.Local, next.Cursor = store.Local, store.Cursor
	next.Cursor.Starts = slices.Clone(store.Cursor.Starts)
	err := s.box.file.write(change{s.box.terminal, func(b *bolt.Bucket) error { return next.apply(b, entries) }}, size)
	if errors.Is(err, ErrNoRoom) {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if err != nil {
		return err
	}
	s.box.current.Store(next)
	s.seen = next
	return nil
}

// check refuses messages that no host would send, or that are not of this place.
func (s *Session) check(b notice.Batch) error {
	switch current := s.box.current.Load(); {
	case b.Epoch < s.epoch:
		return fmt.Errorf("%w: %d, but this session attached in %d", notices.ErrLower, b.Epoch, s.epoch)
	case b.Epoch > s.epoch:
		return fmt.Errorf("epoch %d, but this session attached in epoch %d", b.Epoch, s.epoch)
	case b.Resume == nil && !s.resumed:
		return errors.New("the first message of a session must say where the notices continue")
	case b.Resume == nil && s.seen != current:
		return errors.New("another session has sent notices to this terminal since")
	}
	if b.Resume != nil {
		if err := s.checkResume(b.Resume); err != nil {
			return err
		}
	}
	for i := range b.Messages {
		if err := s.checkMessage(&b.Messages[i]); err != nil {
			return fmt.Errorf("message %d: %w", b.Messages[i].Serial, err)
		}
	}
	return nil
}

func (s *Session) checkResume(r *notices.Resumed) error {
	if r.Cursor.Pair != s.pair {
		return fmt.Errorf("notices continue in pair %.80q, but this session attached for pair %q", r.Cursor.Pair, s.pair)
	}
	if n := len(r.Cursor.Starts); n > notices.MaxStarts {
		return fmt.Errorf("the starts of %d epochs, at most %d are allowed", n, notices.MaxStarts)
	}
	high := r.Cursor.Last.Epoch
	for _, m := range r.Cursor.Marks {
		high = max(high, m.Number.Epoch)
	}
	for _, start := range r.Cursor.Starts {
		high = max(high, start.Epoch)
	}
	if high > s.epoch {
		return fmt.Errorf("notices continue in epoch %d, but epoch %d is served", high, s.epoch)
	}
	return nil
}

func (s *Session) checkMessage(m *notice.Message) error {
	if int(m.Stream) >= len(notices.Marks{}) {
		return fmt.Errorf("unknown stream %d", m.Stream)
	}
	if e := max(m.Notice.Number.Epoch, m.Gap.To.Epoch); e > s.epoch {
		return fmt.Errorf("a notice of epoch %d, but epoch %d is served", e, s.epoch)
	}
	if m.Gap != (notices.Gap{}) {
		return nil // its other fields are ignored
	}
	switch c := &m.Content; {
	case !bus.ValidName(c.Service) || c.Service == notice.System || !bus.ValidName(c.Topic):
		return fmt.Errorf("invalid service %.80q or topic %.80q", c.Service, c.Topic)
	case c.Fenced != nil && (!bus.ValidName(c.Fenced.Topic) || len(c.Body) > 0):
		return fmt.Errorf("invalid fenced command of service %s: topic %.80q, body of %d bytes", c.Service, c.Fenced.Topic, len(c.Body))
	case len(c.Body) > 0 && strictjson.Depth(c.Body) <= outbox.MaxDepth: // else it is not told
		if err := strictjson.Check(c.Body); err != nil {
			return fmt.Errorf("its body: %w", err)
		}
	}
	return nil
}
