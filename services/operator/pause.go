package operator

import (
	"fmt"
	"time"

	"github.com/hotpair/hotpair/services/operator/wording"
)

// DefaultPause is how long a pause lasts when nobody says.
const DefaultPause = 30 * time.Minute

// PauseRequest says how long.
type PauseRequest struct {
	For string `json:"for"` // a Go duration like 30m; "" is DefaultPause
}

// Duration gives how long the pause shall last. The error is ErrUsage.
func (r PauseRequest) Duration() (time.Duration, error) {
	if r.For == "" {
		return DefaultPause, nil
	}
	d, err := time.ParseDuration(r.For)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%w: %q is no duration like 30m or 1h30m", ErrUsage, r.For)
	}
	return d, nil
}

func (r *PauseRequest) check() error {
	_, err := r.Duration()
	return err
}

// PauseResult is what became of a call.
type PauseResult struct {
	ID            string `json:"id"`
	Host          string `json:"host"` // the active, which changed the pair record
	Pause         *Pause `json:"pause,omitempty"`
	RecordVersion uint64 `json:"record_version"`
	// PeerKnows: the other host has said that it knows. Until then its next read of the record tells it, and before that
	// no takeover of its own can succeed.
	PeerKnows bool `json:"peer_knows"`
}

// Pause is a pause that lasts.
type Pause struct {
	Until    time.Time `json:"until"`   // on the wall clock of who set it
	LeftMS   int64     `json:"left_ms"` // as this host counts
	By       string    `json:"by"`
	Deferred string    `json:"held_back,omitempty"` // what would have been done without it
}

// Sentence says it for people.
func (p *Pause) Sentence() string {
	text := fmt.Sprintf("PAUSED: no automatic takeover for another %s (until %s UTC, by %s)", wording.Ago(time.Duration(p.LeftMS)*time.Millisecond), wording.Time(p.Until), p.By)
	if p.Deferred != "" {
		text += "; held back: " + p.Deferred
	}
	return text
}

// ScheduleRequest says when.
type ScheduleRequest struct {
	At time.Time `json:"at"`
}

func (q *ScheduleRequest) check() error {
	if q.At.IsZero() {
		return fmt.Errorf("%w: at is a time like 2026-03-04T03:00:00Z", ErrUsage)
	}
	return nil
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
