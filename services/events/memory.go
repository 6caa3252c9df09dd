package events

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/hotpair/hotpair/bus"
)

const (
	// keptEvents bounds how much of the end of the pair's log main remembers, for the status and for followers.
	keptEvents = 500
	// pendingEvents bounds the events that are not in the pair's log yet. Beyond it the oldest are dropped and counted.
	pendingEvents = 5000
)

// pendingEvent is an event that is not known to be in the pair's log.
type pendingEvent struct {
	bus.Event
	serial uint64 // number among the events to hand on, those of earlier mains included
}

// Trail is called with each event of this main, and with each call of an operator even if the log folds it; in order
// and under the lock of the memory: it must neither block nor call the memory.
type Trail interface {
	Write(e bus.Event)
}

// Memory holds the events of this main, and the known end of the pair's log. Adding an event never blocks: the recorder
// does the rest.
type Memory struct {
	host        string
	incarnation uint64
	now         func() time.Time
	trails      []Trail

	mu        sync.Mutex
	number    uint64
	serial    uint64
	began     time.Time // of the procedure under way (B3–B9)
	pending   []pendingEvent
	dropped   uint64
	handed    []handedEvent // in the log, and not yet read from it
	log       []bus.Event   // end of the pair's log
	pins      []bus.Alarm   // alarms of the pair that wait to be acknowledged
	listeners map[int]chan bus.Event
	next      int
	folds     Folds
	holding   chan struct{} // one token: something was held back
	changed   chan struct{} // closed and replaced at each change
}

// handedEvent is an event that is in the pair's log at or before the number last.
type handedEvent struct {
	bus.Event
	last uint64
}

// NewMemory makes the memory of a main, which calls the trails with its events.
func NewMemory(host string, incarnation uint64, trails ...Trail) *Memory {
	return &Memory{host: host, incarnation: incarnation, now: time.Now, trails: trails, listeners: map[int]chan bus.Event{}, changed: make(chan struct{}), holding: make(chan struct{}, 1)}
}

// Add adds a step of a takeover or an event beside it. An event that opens a procedure is the origin of the later
// steps' times. told: the event was not withheld as a repetition.
func (s *Memory) Add(e bus.Event, opens bool) (_ bus.Event, told bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.Time = s.now()
	if opens {
		s.began = e.Time
	}
	if !s.began.IsZero() && e.Step > "B3" {
		e.Took = e.Time.Sub(s.began)
	}
	if e.Step == "B9" || e.Step == "B6" {
		s.began = time.Time{}
	}
	return s.fold(e)
}

// Note adds an event that belongs to no procedure under way.
func (s *Memory) Note(e bus.Event) bus.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.Time = s.now()
	e, _ = s.fold(e)
	return e
}

// fold keeps an event, or withholds it. Listeners get it in either case. The lock is held.
func (s *Memory) fold(e bus.Event) (_ bus.Event, told bool) {
	e.Host, e.Incarnation = s.host, s.incarnation
	e.Cut()
	if s.folds.Take(e) {
		e = s.keep(e)
		s.hear(e)
		return e, true
	}
	s.hear(e)
	if e.Kind == bus.EventOperator { // an operator must not hide a call behind many others
		s.trail(e)
	}
	select {
	case s.holding <- struct{}{}:
	default:
	}
	return e, false
}

// release keeps one event for the withheld ones whose time has come; all: now. wait is until the next one; 0 is never.
func (s *Memory) release(all bool) (told []bus.Event, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list, wait := s.folds.Due(s.now(), all)
	for _, e := range list {
		told = append(told, s.keep(e))
	}
	return told, wait
}

// hear passes an event to the listeners. The lock is held.
func (s *Memory) hear(e bus.Event) {
	for _, l := range s.listeners {
		select {
		case l <- e:
		default: // a listener that does not read misses events, the log has them
		}
	}
}

// keep numbers an event and remembers it. The lock is held.
func (s *Memory) keep(e bus.Event) bus.Event {
	s.number++
	e.Number = s.number
	e.Cut()
	s.await(e)
	s.tell()
	s.trail(e)
	return e
}

// trail passes an event to the trails. The lock is held.
func (s *Memory) trail(e bus.Event) {
	for _, t := range s.trails {
		t.Write(e)
	}
}

// await appends an event to those that are not in the log yet. The lock is held.
func (s *Memory) await(e bus.Event) {
	s.serial++
	s.pending = append(s.pending, pendingEvent{e, s.serial})
	if over := len(s.pending) - pendingEvents; over > 0 {
		s.pending = slices.Clone(s.pending[over:])
		s.dropped += uint64(over)
	}
}

func (s *Memory) tell() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// changes returns a channel that is closed at the next change.
func (s *Memory) changes() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// inherit takes over the events that earlier mains of this host could not hand on. They come before those of this one.
func (s *Memory) inherit(earlier []bus.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	own := s.pending
	s.pending = nil
	for _, e := range earlier {
		s.await(e)
	}
	for _, p := range own {
		s.await(p.Event)
	}
	s.tell()
}

// waiting returns the first events that are not in the log, up to a number, and how many were dropped before them.
func (s *Memory) waiting(most int) (batch []pendingEvent, dropped uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.pending[:min(most, len(s.pending))]), s.dropped
}

// after returns the events that are not in the log and have a higher serial, and whether none at all is left.
func (s *Memory) after(serial uint64) (batch []pendingEvent, none bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, _ := slices.BinarySearchFunc(s.pending, serial+1, func(p pendingEvent, serial uint64) int {
		switch {
		case p.serial < serial:
			return -1
		case p.serial > serial:
			return 1
		}
		return 0
	})
	return slices.Clone(s.pending[i:]), len(s.pending) == 0
}

// handedOn records that the log has everything up to a serial, at or before the number last.
func (s *Memory) handedOn(serial, last uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := 0
	for ; i < len(s.pending) && s.pending[i].serial <= serial; i++ {
		s.handed = append(s.handed, handedEvent{s.pending[i].Event, last})
	}
	s.pending = slices.Clone(s.pending[i:])
	s.handed = slices.Clone(s.handed[max(0, len(s.handed)-keptEvents):])
	s.settle()
	s.tell()
}

// isPending reports whether an event of this main is not known to be in the log.
func (s *Memory) isPending(number uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.pending, func(p pendingEvent) bool { return p.Incarnation == s.incarnation && p.Number == number })
}

// Await waits until the pair's log has an event of this main.
func (s *Memory) Await(ctx context.Context, e bus.Event) error {
	for {
		changed := s.changes()
		if !s.isPending(e.Number) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// settle forgets events that were read from the log.
func (s *Memory) settle() {
	read := s.lastRead()
	s.handed = slices.DeleteFunc(s.handed, func(h handedEvent) bool { return h.last <= read })
}

// lastRead is the newest number that was read from the log. The lock is held.
func (s *Memory) lastRead() uint64 {
	if len(s.log) == 0 {
		return 0
	}
	return s.log[len(s.log)-1].ID
}

// newest returns the newest event that was read from the log.
func (s *Memory) newest() (e bus.Event, any bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.log) == 0 {
		return e, false
	}
	return s.log[len(s.log)-1], true
}

// read takes events read from the log; fresh: they replace all that were known instead of following them.
func (s *Memory) read(list []bus.Event, pins []bus.Alarm, fresh bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if fresh {
		s.log = nil
	}
	s.log = append(s.log, list...)
	s.log = slices.Clone(s.log[max(0, len(s.log)-keptEvents):])
	s.pins = pins
	s.settle()
	s.tell()
}

// Pinned returns the pair's alarms that wait for an acknowledgement, as last read.
func (s *Memory) Pinned() []bus.Alarm {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.pins)
}

// known returns what main remembers: the end of the pair's log, then events that this host could not yet add to it.
func (s *Memory) known() []bus.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	type name struct{ incarnation, number uint64 }
	in := make(map[name]bool, len(s.log))
	for _, e := range s.log {
		if e.Host == s.host {
			in[name{e.Incarnation, e.Number}] = true
		}
	}
	all := slices.Clone(s.log)
	for _, h := range s.handed {
		if !in[name{h.Incarnation, h.Number}] {
			all = append(all, h.Event)
		}
	}
	for _, p := range s.pending {
		if !in[name{p.Incarnation, p.Number}] {
			all = append(all, p.Event)
		}
	}
	return all
}

// Starts returns the starts of mains of this host in the known events: for each main the last event about it.
func (s *Memory) Starts() []time.Time {
	last := map[uint64]time.Time{}
	for _, e := range s.known() {
		if e.Host == s.host && e.Kind == bus.EventProcess && e.Details[DetailProcess] == bus.ProcessMain && e.Time.After(last[e.Incarnation]) {
			last[e.Incarnation] = e.Time
		}
	}
	return slices.Collect(maps.Values(last))
}

// Last returns the last events that main remembers.
func (s *Memory) Last(n int) []bus.Event {
	all := s.known()
	return all[max(0, len(all)-n):]
}

// from returns the events of the log from a number on, as far as main remembers them; ok is false when it does not
// reach back that far.
func (s *Memory) from(id uint64) (list []bus.Event, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.log) == 0 || id < s.log[0].ID {
		return nil, false
	}
	i, _ := slices.BinarySearchFunc(s.log, id, func(e bus.Event, id uint64) int {
		switch {
		case e.ID < id:
			return -1
		case e.ID > id:
			return 1
		}
		return 0
	})
	return slices.Clone(s.log[i:]), true
}

// Listen returns this main's own events from now on until stop is called.
func (s *Memory) Listen() (events <-chan bus.Event, stop func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.next
	s.next++
	c := make(chan bus.Event, 64)
	s.listeners[id] = c
	return c, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.listeners, id)
	}
}
