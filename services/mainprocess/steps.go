package mainprocess

import (
	"sync"
	"time"

	"github.com/hotpair/hotpair/services/operator"
)

// keptEvents bounds what main remembers; the log has all.
const keptEvents = 200

// steps remembers the last events and tells who listens.
type steps struct {
	mu        sync.Mutex
	events    []operator.Event
	began     time.Time
	listeners map[int]chan operator.Event
	next      int
}

func newSteps() *steps { return &steps{listeners: map[int]chan operator.Event{}} }

// add notes an event. One that opens a procedure is where the times of the later steps begin.
func (s *steps) add(host, step string, epoch uint64, text string, opens bool) operator.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := operator.Event{Time: time.Now(), Host: host, Step: step, Epoch: epoch, Text: text}
	if opens {
		s.began = e.Time
	}
	if !s.began.IsZero() && step > "B3" {
		e.Took = e.Time.Sub(s.began)
	}
	if step == "B9" || step == "B6" {
		s.began = time.Time{}
	}
	s.keep(e)
	return e
}

// note adds an event that belongs to a procedure which is over.
func (s *steps) note(host, step string, epoch uint64, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keep(operator.Event{Time: time.Now(), Host: host, Step: step, Epoch: epoch, Text: text})
}

// keep remembers an event and tells who listens. The lock is held.
func (s *steps) keep(e operator.Event) {
	s.events = append(s.events, e)
	if len(s.events) > keptEvents {
		s.events = append([]operator.Event(nil), s.events[len(s.events)-keptEvents:]...)
	}
	for _, l := range s.listeners {
		select {
		case l <- e:
		default: // a listener that does not read misses events, the log has them
		}
	}
}

func (s *steps) last(n int) []operator.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.events) > n {
		return append([]operator.Event(nil), s.events[len(s.events)-n:]...)
	}
	return append([]operator.Event(nil), s.events...)
}

// listen gives events from now on until stop is called.
func (s *steps) listen() (events <-chan operator.Event, stop func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.next
	s.next++
	c := make(chan operator.Event, 64)
	s.listeners[id] = c
	return c, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.listeners, id)
	}
}
