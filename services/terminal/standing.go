package terminal

import (
	"sync"
	"time"
)

// standing is how a terminal is served, as the table sees it. Its lock is that of the table.
type standing struct {
	since time.Time // when the present session was attached, or the last one was lost, or the agent began
	last  *session  // that was attached last

	takeover, outage interruption // the last of each
	feeling          *interruption
	felt             time.Time // since when what waits has had no answer
	measured         func()    // is called when it has one; it must not block
}

// interruption is a time without a session, or the change from one to the next.
type interruption struct {
	at       time.Time // when it ended; zero: there was none
	away     time.Duration
	waiting  int
	felt     time.Duration // from the last answer before it, or the first request in it, to the first answer after it; 0: nobody waited
	from, to string
}

// lost notes that the session has ended and no other one has come.
func (s *standing) lost(before *session, now time.Time) {
	if before != nil {
		s.since = now
	}
}

// came notes that a session was attached, in place of another one or of none, with so many requests that have waited since a time.
func (s *standing) came(next, before *session, waiting int, since, now time.Time) {
	if last := s.last; last != nil {
		record := &s.outage
		if last.identity != next.identity {
			record = &s.takeover
		}
		*record = interruption{at: now, waiting: waiting, from: last.host, to: next.host}
		if before == nil {
			record.away = now.Sub(s.since)
		}
		if s.feeling = nil; waiting > 0 {
			s.feeling, s.felt = record, since
		}
	}
	s.last, s.since = next, now
}

// answered notes that an application got its answer.
func (s *standing) answered(now time.Time) {
	if s.feeling != nil {
		s.feeling.felt = now.Sub(s.felt)
		s.feeling = nil
		if s.measured != nil {
			s.measured()
		}
	}
}

// bell wakes whoever waits for something new. The zero value is ready.
type bell struct {
	mu  sync.Mutex
	now chan struct{}
}

// next is closed when the bell rings next.
func (b *bell) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.now == nil {
		b.now = make(chan struct{})
	}
	return b.now
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.now != nil {
		close(b.now)
		b.now = nil
	}
}
