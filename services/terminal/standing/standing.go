// Package standing is how a terminal is served: since when, what interrupted that last, how often that happened, and how long applications
// felt it. It is told of what happens; its lock is that of whoever tells it.
package standing

import "time"

// Standing is how a terminal is served. The zero value has never been served.
type Standing struct {
	// Since is when the present session was attached, or the last one was lost, or the agent began.
	Since time.Time
	// Measured is called when it is known how long an interruption was felt. It must not block.
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
	Felt     time.Duration // from the last answer before it, or the first request in it, to the first answer after it; 0: nobody waited
	GivenUp  int           // requests of applications whose deadline passed in it, as GaveUp notes them: Felt knows nothing of them
	From, To string
}

// Total sums up interruptions.
type Total struct {
	Count uint64
	Felt  uint64 // of them, those in which somebody waited and was answered
	For   time.Duration
}

// Session is who serves.
type Session struct{ Host, Identity string }

// Lost notes that the session has ended and no other one has come. was: there was one.
func (s *Standing) Lost(was bool, now time.Time) {
	if was {
		s.Since, s.givenUp = now, 0
	}
}

// GaveUp notes that the deadline of a request of an application has passed while no session was there. One that passes before it is noticed
// that a host is silent is not of it, nor what the agent asks for itself.
func (s *Standing) GaveUp() { s.givenUp++ }

// Came notes that a session was attached, in place of another one (instead) or of none, with so many requests that have waited since a time.
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

// Answered notes that an application got its answer.
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

// Takeover is the last time that another host came than the one before, and what all of them come to.
func (s *Standing) Takeover() (Interruption, Total) { return s.takeover.last, s.takeover.total }

// Outage is the same of the times in which a host was away and came back itself.
func (s *Standing) Outage() (Interruption, Total) { return s.outage.last, s.outage.total }

// Feels reports whether requests that waited through the last takeover have had no answer yet.
func (s *Standing) Feels() bool { return s.feeling == &s.takeover }
