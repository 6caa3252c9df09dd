package operator

import (
	"fmt"
	"time"

	"github.com/hotpair/hotpair/services/operator/wording"
)

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
