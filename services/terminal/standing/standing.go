// Package standing records how a terminal is served: since when, what interrupted that last, how often, and how long
// requests waited. Its caller reports the events and holds the lock.
package standing

import "time"

// Standing records how a terminal is served. The zero value has never been served.
type Standing struct {
	// Since is when the present session was attached, or the last one was lost, or the agent started.
	Since time.Time
	// Measured is called when the waiting time of an interruption is known. It must not block.
	Measured func()

	served         bool // ever
	host, identity string

	takeover, outage series
	feeling          *series
	felt             time.Time // since when what waits has had no answer
	givenUp          int       // since the session ended
}

// series are the interruptions of a kind.
type series struct {
	last  Interruption
	total Total
}

// Interruption is a time without a session, or the change from one to the next.
type Interruption struct {
	At       time.Time // when it ended; zero: there was none
	Away     time.Duration
	Waiting  int
	Felt     time.Duration // from the last answer before it, or the first request in it, to the first answer after it; 0: no request waited
	GivenUp  int           // requests of applications whose deadline passed in it, reported by GaveUp; Felt does not include them
	From, To string
}

// Total is a sum of interruptions.
type Total struct {
	Count uint64
	Felt  uint64 // of them, those in which a request waited and was answered
	For   time.Duration
}

// Session is the host that serves.
type Session struct{ Host, Identity string }

// Lost records that the session has ended without a successor. was: there was one.
func (s *Standing) Lost(was bool, now time.Time) {
	if was {
		s.Since, s.givenUp = now, 0
	}
}

// GaveUp records that the deadline of an application's request has passed without a session. Deadlines that pass
// before a silent host is noticed do not count, nor do the agent's own requests.
func (s *Standing) GaveUp() { s.givenUp++ }

// Came records that a session was attached, in place of another one (instead) or of none, with the number of requests
// that have waited since a time.
func (s *Standing) Came(next Session, instead bool, waiting int, since, now time.Time) {
	if s.served {
		record := &s.outage
		if s.identity != next.Identity {
			record = &s.takeover
		}
		record.last = Interruption{At: now, Waiting: waiting, From: s.host, To: next.Host}
		record.total.Count++
		if !instead {
			record.last.Away, record.last.GivenUp = now.Sub(s.Since), s.givenUp
		}
		if s.feeling = nil; waiting > 0 {
			s.feeling, s.felt = record, since
		}
	}
	s.served, s.host, s.identity, s.Since = true, next.Host, next.Identity, now
}

// Answered records that an application got its answer.
func (s *Standing) Answered(now time.Time) {
	if s.feeling == nil {
		return
	}
	felt := now.Sub(s.felt)
	s.feeling.last.Felt = felt
	s.feeling.total.Felt++
	s.feeling.total.For += felt
	s.feeling = nil
	if s.Measured != nil {
		s.Measured()
	}
}

// Takeover returns the last attach of another host than the one before, and the sum of all.
func (s *Standing) Takeover() (Interruption, Total) { return s.takeover.last, s.takeover.total }

// Outage returns the last absence of a host that came back itself, and the sum of all.
func (s *Standing) Outage() (Interruption, Total) { return s.outage.last, s.outage.total }

// Feels reports whether requests that waited through the last takeover are still without an answer.
func (s *Standing) Feels() bool { return s.feeling == &s.takeover }
