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
	// furthest bounds how far ahead a switchover may be scheduled.
	furthest = 7 * 24 * time.Hour
	// scheduleLook is how often the wall clock is read: it may be set meanwhile.
	scheduleLook = 250 * time.Millisecond
)

// Schedule holds this host's scheduled switchover, and the other host's as reported by its heartbeats. The zero value
// is ready for use.
type Schedule struct {
	mu    sync.Mutex
	own   *operator.Scheduled
	drop  context.CancelFunc
	other *operator.Scheduled // of the other host, from its heartbeats
	run   uint64              // incarnation of the other main that reported it
	role  role.Role           // after the last step; the driver's
}

// shown returns what status shows: the own schedule, or the other host's.
func (s *Schedule) shown() *operator.Scheduled {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.own != nil {
		return s.own
	}
	return s.other
}

// At returns when this host is to hand over and by whose order, for its heartbeats; zero if not scheduled.
func (s *Schedule) At() (at time.Time, by string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.own == nil {
		return time.Time{}, ""
	}
	return s.own.At, s.own.By
}

// take removes the scheduled switchover and returns it.
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

// Heard takes the schedule from a heartbeat of the other host, and returns one that was lost with an earlier run of
// its main; nil if none was.
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

// bereft returns what the other host had scheduled, when this one serves in its place.
func (s *Schedule) bereft(now time.Time) (lost *operator.Scheduled) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lost, s.other = s.other, nil
	if lost != nil && !lost.At.After(now) {
		return nil // the scheduled switchover has happened
	}
	return lost
}

// answerSchedule answers the calls that schedule and cancel a switchover.
func (o *Operations) answerSchedule(r *registry.Registry) {
	registry.Answer(r, operator.CallSchedule, o.planSwitchover)
	registry.Answer(r, operator.CallCancelSchedule, o.cancelSwitchover)
}

// planSwitchover schedules a switchover of this host. It replaces an earlier one.
func (o *Operations) planSwitchover(_ context.Context, caller operator.Caller, request operator.ScheduleRequest) (operator.Scheduled, error) {
	wait := time.Until(request.At)
	v := o.Machine.View()
	switch {
	case !v.Serving:
		return operator.Scheduled{}, fmt.Errorf("%w: only the active can hand over, and %s is %s", operator.ErrRefused, o.Host.Host, v.Role)
	case wait <= 0:
		return operator.Scheduled{}, fmt.Errorf("%w: %s is in the past", operator.ErrRefused, request.At.UTC().Format(time.RFC3339))
	case wait > furthest:
		return operator.Scheduled{}, fmt.Errorf("%w: a switchover can be scheduled at most %s ahead", operator.ErrRefused, furthest)
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

// cancelSwitchover cancels the scheduled switchover.
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

// watchSchedule drops a switchover that is no longer possible, with an event. It runs on the driver's goroutine, after
// each step.
func (o *Operations) watchSchedule(v role.View) {
	if v.Role == o.Schedule.role {
		return
	}
	o.Schedule.role = v.Role
	if v.Role != role.Active && v.Role != role.Handover {
		if lost := o.Schedule.take(); lost != nil {
			o.say("the switchover scheduled for %s by %s is dropped: %s no longer serves", lost.At.UTC().Format(time.RFC3339), lost.By, lost.Host)
		}
	}
	if v.Role == role.Active {
		if lost := o.Schedule.bereft(time.Now()); lost != nil {
			o.say("the switchover scheduled for %s by %s was lost with the restart or failure of %s", lost.At.UTC().Format(time.RFC3339), lost.By, lost.Host)
		}
	}
}

// Scheduled returns the scheduled switchover of this host or the other one; nil if there is none.
func (o *Operations) Scheduled() *operator.Scheduled { return o.Schedule.shown() }
