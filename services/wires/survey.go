package wires

import (
	"context"
	"errors"
	"fmt"
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

// Clocks returns the difference of the hosts' wall clocks; zero if unknown.
type Clocks interface {
	Apart() clocks.Difference
}

// Survey is main's state of all wires of its host: it asks the processes that have some, and tells them the difference
// of the clocks.
type Survey struct {
	own    *Wires
	calls  *bus.Poster
	clocks Clocks

	mu     sync.Mutex
	others map[string]Seen
}

// NewSurvey returns the survey of a main with its own wires.
func NewSurvey(own *Wires, calls *bus.Poster, c Clocks) *Survey {
	return &Survey{own: own, calls: calls, clocks: c, others: map[string]Seen{}}
}

// Run asks until ctx ends.
func (s *Survey) Run(ctx context.Context) error {
	for {
		_ = s.look(ctx, Told{Clocks: s.clocks.Apart()}) // what is seen has it
		if err := pace.Rest(ctx, pace.Next(surveyEvery)); err != nil {
			return err
		}
	}
}

// Reread makes every process of the host read its certificate files again, now. The error says which can't use them,
// or did not answer; those read them at their start.
func (s *Survey) Reread(ctx context.Context) error {
	return errors.Join(s.own.Reread(), s.look(ctx, Told{Clocks: s.clocks.Apart(), Reread: true}))
}

// look asks each process. One that does not answer is restarted by others; what it saw last stays until it does.
func (s *Survey) look(ctx context.Context, told Told) error {
	s.own.Compared(told.Clocks)
	var asking sync.WaitGroup
	var failed error
	for name, call := range map[string]bus.Endpoint[Told, Seen]{bus.ProcessUpdater: CallUpdater, bus.ProcessTerminalInterface: CallTerminals} {
		asking.Go(func() {
			seen, err := call.PostWait(ctx, s.calls, told, surveyWithin)
			s.mu.Lock()
			defer s.mu.Unlock()
			if err == nil {
				s.others[name] = seen
				if fault := seen.Certificate.Fault; fault != "" {
					err = errors.New(fault)
				}
			}
			if err != nil {
				failed = errors.Join(failed, fmt.Errorf("%s: %w", name, err))
			}
		})
	}
	asking.Wait()
	return failed
}

// Sealed reports whether there are certificate files.
func (s *Survey) Sealed() bool { return s.own.Sealed() }

// Seen returns the last state. It never blocks.
func (s *Survey) Seen() Seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Join(s.own.Seen(), s.others)
}
