package operations

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/registry"
	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/services/role"
)

const (
	// furthest is how far ahead a switchover may be scheduled.
	furthest = 7 * 24 * time.Hour
	// scheduleLook is how often the wall clock is looked at: it may be set meanwhile.
	scheduleLook = 250 * time.Millisecond
)

// Schedule is the switchover that this host shall make at a time, and what the other one has said of its own. The zero value
// is ready for use.
type Schedule struct {
	mu    sync.Mutex
	own   *operator.Scheduled
	drop  context.CancelFunc
	other *operator.Scheduled // of the other host, as its beats say
	run   uint64              // incarnation that said so
	role  role.Role           // after the last step; the driver's
}

// shown is what status shows: the own, or what the other host has.
func (s *Schedule) shown() *operator.Scheduled {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.own != nil {
		return s.own
	}
	return s.other
}

// At is when this host shall hand over, for its beats, and by whose order; zero is never.
func (s *Schedule) At() (at time.Time, by string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.own == nil {
		return time.Time{}, ""
	}
	return s.own.At, s.own.By
}

// take ends what is scheduled and gives it.
func (s *Schedule) take() *operator.Scheduled {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.own
	if was != nil {
		s.drop()
		s.own = nil
	}
	return was
}

// Heard takes what a beat of the other host says, and gives what was lost with an earlier run of its main; nil is nothing.
func (s *Schedule) Heard(host string, run uint64, at time.Time, by string) (lost *operator.Scheduled) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.other != nil && run != s.run && at.IsZero() {
		lost = s.other
	}
	s.run, s.other = run, nil
	if !at.IsZero() {
		s.other = &operator.Scheduled{At: at, By: by, Host: host}
	}
	return lost
}

// bereft gives what the other host had scheduled, when this one serves in its place.
func (s *Schedule) bereft(now time.Time) (lost *operator.Scheduled) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lost, s.other = s.other, nil
	if lost != nil && !lost.At.After(now) {
		return nil // it was this very switchover
	}
	return lost
}

// answerSchedule answers what shall happen later.
func (o *Operations) answerSchedule(r *registry.Registry) {
	registry.Answer(r, operator.CallSchedule, o.planSwitchover)
	registry.Answer(r, operator.CallCancelSchedule, o.cancelSwitchover)
}

// planSwitchover has this host switch over at a time. It takes the place of what was scheduled before.
func (o *Operations) planSwitchover(_ context.Context, caller operator.Caller, request operator.ScheduleRequest) (operator.Scheduled, error) {
	wait := time.Until(request.At)
	v := o.Machine.View()
	switch {
	case !v.Serving:
		return operator.Scheduled{}, fmt.Errorf("%w: only the active can hand over, and %s is %s", operator.ErrRefused, o.Host.Host, v.Role)
	case wait <= 0:
		return operator.Scheduled{}, fmt.Errorf("%w: %s is past", operator.ErrRefused, request.At.UTC().Format(time.RFC3339))
	case wait > furthest:
		return operator.Scheduled{}, fmt.Errorf("%w: at most %s ahead", operator.ErrRefused, furthest)
	}
	o.Schedule.take()
	planned := operator.Scheduled{At: request.At, By: caller.By(), Host: o.Host.Host}
	run, drop := context.WithCancel(o.ctx)
	o.Schedule.mu.Lock()
	o.Schedule.own, o.Schedule.drop = &planned, drop
	o.Schedule.mu.Unlock()
	o.say("a switchover is scheduled for %s by %s", planned.At.UTC().Format(time.RFC3339), planned.By)
	o.Group.Go(func() { o.keepSchedule(run, planned) })
	o.Main.Announce()
	return planned, nil
}

// cancelSwitchover drops what is scheduled.
func (o *Operations) cancelSwitchover(_ context.Context, caller operator.Caller, _ operator.None) (operator.Scheduled, error) {
	was := o.Schedule.take()
	if was == nil {
		return operator.Scheduled{}, fmt.Errorf("%w: no switchover is scheduled", operator.ErrRefused)
	}
	o.say("the switchover scheduled for %s is cancelled by %s", was.At.UTC().Format(time.RFC3339), caller.By())
	o.Main.Announce()
	return *was, nil
}

// keepSchedule waits for the time and switches over.
func (o *Operations) keepSchedule(ctx context.Context, planned operator.Scheduled) {
	for left := time.Until(planned.At); left > 0; left = time.Until(planned.At) {
		if err := pace.Rest(ctx, min(left, scheduleLook)); err != nil {
			return // cancelled, or lost
		}
	}
	if o.Schedule.take() == nil {
		return
	}
	if _, err := o.switchover(o.ctx, operator.Caller{Person: operator.Person{Name: "schedule of " + planned.By}, ID: rand.Text(), Via: o.Host.Host}, operator.None{}); err != nil {
		o.say("the switchover scheduled for %s did not happen: %s", planned.At.UTC().Format(time.RFC3339), err)
	}
}

// watchSchedule drops what can't be done any more, loudly. It runs on the driver's goroutine, after each step.
func (o *Operations) watchSchedule(v role.View) {
	if v.Role == o.Schedule.role {
		return
	}
	o.Schedule.role = v.Role
	if v.Role != role.Active && v.Role != role.Handover {
		if lost := o.Schedule.take(); lost != nil {
			o.say("the switchover scheduled for %s by %s is dropped: %s does not serve any more", lost.At.UTC().Format(time.RFC3339), lost.By, lost.Host)
		}
	}
	if v.Role == role.Active {
		if lost := o.Schedule.bereft(time.Now()); lost != nil {
			o.say("the switchover scheduled for %s by %s was lost with %s", lost.At.UTC().Format(time.RFC3339), lost.By, lost.Host)
		}
	}
}

// Scheduled is the switchover that this host, or the other one, shall make at a time; nil is none.
func (o *Operations) Scheduled() *operator.Scheduled { return o.Schedule.shown() }
