package operator

import (
	"context"
	"fmt"
	"time"

	"github.com/hotpair/hotpair/services/operator/wording"
)

// Paths and names of the calls.
const (
	PathSchedule       = "/api/v1/switchover/schedule"
	PathScheduleCancel = "/api/v1/switchover/cancel"
	CallSchedule       = "switchover-schedule"
	CallScheduleCancel = "switchover-cancel"
)

// Scheduling is the part of Host about a switchover at a later time. A standby forwards both to the active. Errors:
// ErrRefused, ErrForward, ErrUsage.
type Scheduling interface {
	// Schedule has the active switch over at a time. It takes the place of what was scheduled before.
	Schedule(ctx context.Context, caller Caller, request ScheduleRequest) (Scheduled, error)
	// CancelSchedule drops what is scheduled.
	CancelSchedule(ctx context.Context, caller Caller) (Scheduled, error)
}

// ScheduleRequest says when.
type ScheduleRequest struct {
	At time.Time `json:"at"`
}

// Scheduled is a switchover that shall happen. It lives in the main of the active, and is lost with it: the other host says so.
type Scheduled struct {
	At   time.Time `json:"at"`
	By   string    `json:"by"`
	Host string    `json:"host"` // that shall hand over
}

// Sentence says it for people.
func (s *Scheduled) Sentence(now time.Time) string {
	return fmt.Sprintf("scheduled: %s hands over in %s (%s UTC, by %s)", s.Host, wording.Ago(s.At.Sub(now)), wording.Time(s.At), s.By)
}

// Schedule has the active switch over at a time.
func (c *Client) Schedule(ctx context.Context, request ScheduleRequest) (Scheduled, error) {
	var done Scheduled
	return done, c.post(ctx, PathSchedule, request, &done)
}

// CancelSchedule drops what is scheduled.
func (c *Client) CancelSchedule(ctx context.Context) (Scheduled, error) {
	var done Scheduled
	return done, c.post(ctx, PathScheduleCancel, struct{}{}, &done)
}
