package operator

import (
	"fmt"
	"time"

	"github.com/hotpair/hotpair/services/operator/wording"
)

// DefaultPause is how long a pause lasts by default.
const DefaultPause = 30 * time.Minute

// PauseRequest pauses automatic takeover for a time.
type PauseRequest struct {
	For string `json:"for"` // a Go duration like 30m; "" is DefaultPause
}

// Duration returns how long the pause is to last. The error is ErrUsage.
func (r PauseRequest) Duration() (time.Duration, error) {
	if r.For == "" {
		return DefaultPause, nil
	}
	d, err := time.ParseDuration(r.For)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%w: %q is not a duration like 30m or 1h30m", ErrUsage, r.For)
	}
	return d, nil
}

func (r *PauseRequest) check() error {
	_, err := r.Duration()
	return err
}

// PauseResult is the result of pausing or resuming.
type PauseResult struct {
	ID            string `json:"id"`
	Host          string `json:"host"` // the active, which changed the pair record
	Pause         *Pause `json:"pause,omitempty"`
	RecordVersion uint64 `json:"record_version"`
	// PeerKnows: the other host has confirmed. If not, it learns of the change with its next read of the record, and
	// before that no takeover of its own can succeed.
	PeerKnows bool `json:"peer_knows"`
}

// Pause is a pause in force.
type Pause struct {
	Until    time.Time `json:"until"`   // on the wall clock of the host that wrote it
	LeftMS   int64     `json:"left_ms"` // by this host's clock
	By       string    `json:"by"`
	Deferred string    `json:"held_back,omitempty"` // what this host would have done without the pause
}

// Sentence describes the pause in one line.
func (p *Pause) Sentence() string {
	text := fmt.Sprintf("PAUSED: no automatic takeover for another %s (until %s UTC, by %s)", wording.Ago(time.Duration(p.LeftMS)*time.Millisecond), wording.Time(p.Until), p.By)
	if p.Deferred != "" {
		text += "; deferred: " + p.Deferred
	}
	return text
}

// ScheduleRequest schedules a switchover.
type ScheduleRequest struct {
	At time.Time `json:"at"`
}

func (q *ScheduleRequest) check() error {
	if q.At.IsZero() {
		return fmt.Errorf("%w: at is a time like 2026-03-04T03:00:00Z", ErrUsage)
	}
	return nil
}

// Scheduled is a scheduled switchover. It is kept in the main of the active and lost with it; the other host reports
// the loss.
type Scheduled struct {
	At   time.Time `json:"at"`
	By   string    `json:"by"`
	Host string    `json:"host"` // the host that hands over
}

// Sentence describes the schedule in one line.
func (s *Scheduled) Sentence(now time.Time) string {
	return fmt.Sprintf("scheduled: %s hands over in %s (%s UTC, by %s)", s.Host, wording.Ago(s.At.Sub(now)), wording.Time(s.At), s.By)
}
