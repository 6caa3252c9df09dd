package mainprocess

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/services/role"
)

const (
	// furthest is how far ahead a switchover may be scheduled.
	furthest = 7 * 24 * time.Hour
	// scheduleLook is how often the wall clock is looked at: it may be set meanwhile.
	scheduleLook = 250 * time.Millisecond
)

// schedule is the switchover that this host shall make at a time, and what the other one has said of its own.
type schedule struct {
	mu    sync.Mutex
	own   *operator.Scheduled
	drop  context.CancelFunc
	other *operator.Scheduled // of the other host, as its beats say
	run   uint64              // incarnation that said so
	role  role.Role           // after the last step; the driver's
}

// shown is what status shows: the own, or what the other host has.
func (s *schedule) shown() *operator.Scheduled {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.own != nil {
		return s.own
	}
	return s.other
}

// at is when this host shall hand over, for its beats; zero is never.
func (s *schedule) at() (time.Time, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.own == nil {
		return time.Time{}, ""
	}
	return s.own.At, s.own.By
}

// take ends what is scheduled and gives it.
func (s *schedule) take() *operator.Scheduled {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.own
	if was != nil {
		s.drop()
		s.own = nil
	}
	return was
}

// heard takes what a beat of the other host says, and gives what was lost with an earlier run of its main.
func (s *schedule) heard(host string, run uint64, at time.Time, by string) (lost *operator.Scheduled) {
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
func (s *schedule) bereft(now time.Time) (lost *operator.Scheduled) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lost, s.other = s.other, nil
	if lost != nil && !lost.At.After(now) {
		return nil // it was this very switchover
	}
	return lost
}

// planSwitchover has this host switch over at a time. It takes the place of what was scheduled before.
func (h *host) planSwitchover(_ context.Context, caller operator.Caller, request operator.ScheduleRequest) (operator.Scheduled, error) {
	wait := time.Until(request.At)
	v := h.driver.View()
	switch {
	case !v.Serving:
		return operator.Scheduled{}, fmt.Errorf("%w: only the active can hand over, and %s is %s", operator.ErrRefused, h.config.Host, v.Role)
	case wait <= 0:
		return operator.Scheduled{}, fmt.Errorf("%w: %s is past", operator.ErrRefused, request.At.UTC().Format(time.RFC3339))
	case wait > furthest:
		return operator.Scheduled{}, fmt.Errorf("%w: at most %s ahead", operator.ErrRefused, furthest)
	}
	h.schedule.take()
	planned := operator.Scheduled{At: request.At, By: callerName(caller), Host: h.config.Host}
	run, drop := context.WithCancel(h.ctx)
	h.schedule.mu.Lock()
	h.schedule.own, h.schedule.drop = &planned, drop
	h.schedule.mu.Unlock()
	h.say("a switchover is scheduled for %s by %s", planned.At.UTC().Format(time.RFC3339), planned.By)
	h.driver.work.Go(func() { h.keepSchedule(run, planned) })
	h.link.now()
	return planned, nil
}

// cancelSwitchover drops what is scheduled.
func (h *host) cancelSwitchover(_ context.Context, caller operator.Caller, _ operator.None) (operator.Scheduled, error) {
	was := h.schedule.take()
	if was == nil {
		return operator.Scheduled{}, fmt.Errorf("%w: no switchover is scheduled", operator.ErrRefused)
	}
	h.say("the switchover scheduled for %s is cancelled by %s", was.At.UTC().Format(time.RFC3339), callerName(caller))
	h.link.now()
	return *was, nil
}

// keepSchedule waits for the time and switches over.
func (h *host) keepSchedule(ctx context.Context, planned operator.Scheduled) {
	for left := time.Until(planned.At); left > 0; left = time.Until(planned.At) {
		if err := pace.Rest(ctx, min(left, scheduleLook)); err != nil {
			return // cancelled, or lost
		}
	}
	if h.schedule.take() == nil {
		return
	}
	work, cancel := context.WithTimeout(h.ctx, switchoverDeadline)
	defer cancel()
	if _, err := h.switchover(work, operator.Caller{ID: rand.Text(), From: "schedule of " + planned.By, Via: h.config.Host}, operator.None{}); err != nil {
		h.say("the switchover scheduled for %s did not happen: %s", planned.At.UTC().Format(time.RFC3339), err)
	}
}

// watchSchedule drops what can't be done any more, loudly. It runs on the driver's goroutine, after each step.
func (h *host) watchSchedule(v role.View) {
	if v.Role == h.schedule.role {
		return
	}
	h.schedule.role = v.Role
	if v.Role != role.Active && v.Role != role.Handover {
		if lost := h.schedule.take(); lost != nil {
			h.say("the switchover scheduled for %s by %s is dropped: %s does not serve any more", lost.At.UTC().Format(time.RFC3339), lost.By, lost.Host)
		}
	}
	if v.Role == role.Active {
		if lost := h.schedule.bereft(time.Now()); lost != nil {
			h.say("the switchover scheduled for %s by %s was lost with %s", lost.At.UTC().Format(time.RFC3339), lost.By, lost.Host)
		}
	}
}

// heardSchedule takes what a beat of the other host says.
func (h *host) heardSchedule(host string, run uint64, at time.Time, by string) {
	if lost := h.schedule.heard(host, run, at, by); lost != nil {
		h.say("the switchover scheduled for %s by %s was lost when main of %s ended", lost.At.UTC().Format(time.RFC3339), lost.By, lost.Host)
	}
}

// say makes an event.
func (h *host) say(format string, v ...any) {
	h.report(role.Report{Epoch: h.driver.View().Epoch, Text: fmt.Sprintf(format, v...)})
}
