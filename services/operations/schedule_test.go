package operations

import (
	"context"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/role"
)

func TestSchedule_IsLostOnlyLoudly(t *testing.T) {
	at := time.Date(2026, 3, 4, 3, 0, 0, 0, time.UTC)
	s := &Schedule{}
	if lost := s.Heard("a", 1, at, "somebody"); lost != nil {
		t.Errorf("lost %v before anything was", lost)
	}
	if got := s.shown(); got == nil || got.Host != "a" || !got.At.Equal(at) {
		t.Errorf("shown is %v", got)
	}
	if lost := s.Heard("a", 1, time.Time{}, ""); lost != nil || s.shown() != nil {
		t.Errorf("cancelled by the same run, but lost %v, shown %v", lost, s.shown())
	}
	s.Heard("a", 1, at, "somebody")
	if lost := s.Heard("a", 2, time.Time{}, ""); lost == nil || !lost.At.Equal(at) {
		t.Errorf("main of a was restarted and nothing said: %v", lost)
	}
	s.Heard("a", 2, at, "somebody")
	if lost := s.bereft(at.Add(-time.Hour)); lost == nil {
		t.Error("this host serves in the place of a, and nothing said")
	}
	s.Heard("a", 2, at, "somebody")
	if lost := s.bereft(at.Add(time.Second)); lost != nil {
		t.Errorf("it was that very switchover, but %v is said to be lost", lost)
	}
}

func TestSchedule_TakeEndsIt(t *testing.T) {
	ctx, drop := context.WithCancel(context.Background())
	s := &Schedule{own: &operator.Scheduled{Host: "a"}, drop: drop}
	if s.take() == nil || ctx.Err() == nil || s.take() != nil || s.shown() != nil {
		t.Error("it is still there, or still waited for")
	}
}

func TestStanding_RemembersSinceWhen(t *testing.T) {
	began := time.Date(2026, 3, 4, 3, 0, 0, 0, time.UTC)
	s := &standing{}
	look := func(unmet string, after time.Duration) {
		s.look([]role.Condition{{Name: "witness", Unmet: unmet}}, began.Add(after))
	}
	look("", 0)
	look("", time.Second)
	if got := s.at("witness"); !got.Equal(began) {
		t.Errorf("since %v", got)
	}
	look("gone", 2*time.Second)
	look("gone for longer", 3*time.Second)
	if got := s.at("witness"); !got.Equal(began.Add(2 * time.Second)) {
		t.Errorf("since %v, with another text", got)
	}
	if got := s.at("never looked at"); !got.IsZero() {
		t.Errorf("since %v", got)
	}
}
