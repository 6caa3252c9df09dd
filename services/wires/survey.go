package wires

import (
	"context"
	"sync"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/clocks"
	"github.com/hotpair/hotpair/services/pace"
)

const (
	// surveyEvery is how often a main asks the processes of its host, surveyWithin how long it waits for each.
	surveyEvery  = 5 * time.Second
	surveyWithin = 2 * time.Second
)

// Clocks says how far the wall clocks of the hosts are apart; zero when it is not known.
type Clocks interface {
	Apart() clocks.Difference
}

// Survey is what a main knows of all wires of its host: it asks the processes that have some, and tells them of the clocks.
type Survey struct {
	own    *Wires
	calls  *bus.Poster
	clocks Clocks

	mu     sync.Mutex
	others map[string]Seen
}

// NewSurvey makes the survey of a main with wires of its own.
func NewSurvey(own *Wires, calls *bus.Poster, c Clocks) *Survey {
	return &Survey{own: own, calls: calls, clocks: c, others: map[string]Seen{}}
}

// Run asks until ctx ends.
func (s *Survey) Run(ctx context.Context) error {
	for {
		s.look(ctx)
		if err := pace.Rest(ctx, pace.Next(surveyEvery)); err != nil {
			return err
		}
	}
}

// look asks each process. One that does not answer is restarted by others; what it saw last stays until it does.
func (s *Survey) look(ctx context.Context) {
	told := Told{Clocks: s.clocks.Apart()}
	s.own.Compared(told.Clocks)
	var asking sync.WaitGroup
	for name, call := range map[string]bus.Endpoint[Told, Seen]{bus.ProcessUpdater: CallUpdater, bus.ProcessTerminalInterface: CallTerminals} {
		asking.Go(func() {
			seen, err := call.PostWait(ctx, s.calls, told, surveyWithin)
			if err != nil {
				return
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			s.others[name] = seen
		})
	}
	asking.Wait()
}

// Seen is what was seen last. It never blocks.
func (s *Survey) Seen() Seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Join(s.own.Seen(), s.others)
}
