package metrics

import (
	"context"
	"sync"
	"time"

	"github.com/hotpair/hotpair/services/histogram"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/pace"
)

const (
	// Every is the interval of a Recorder's points, and Kept how many it keeps: ten minutes, so that an operator who
	// opens the console because of an alarm still sees what led to it.
	Every = time.Second
	Kept  = 600
)

// Recorder keeps the measurements of a host's last minutes.
type Recorder struct {
	source Source

	mu     sync.Mutex
	before Measures
	at     time.Time // of before; zero until the first look
	points []operator.Point
}

// NewRecorder makes the recorder of a host; it records while Run runs.
func NewRecorder(s Source) *Recorder { return &Recorder{source: s} }

// Run records until ctx ends.
func (r *Recorder) Run(ctx context.Context) error {
	tick := time.NewTimer(pace.Next(Every))
	defer tick.Stop()
	for {
		r.look(ctx, time.Now())
		select {
		case <-tick.C:
			tick.Reset(pace.Next(Every))
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Points returns the points after a time, oldest first: those after the point of exactly that time, also when the wall
// clock was set back meanwhile.
func (r *Recorder) Points(after time.Time) []operator.Point {
	r.mu.Lock()
	defer r.mu.Unlock()
	from := len(r.points)
	for from > 0 && !r.points[from-1].Time.Equal(after) {
		from--
	}
	if from == 0 { // none is of that time
		for from < len(r.points) && !r.points[from].Time.After(after) {
			from++
		}
	}
	return append([]operator.Point(nil), r.points[from:]...)
}

// look adds the point of the time since the last look.
func (r *Recorder) look(ctx context.Context, now time.Time) {
	m, s := r.source.Measures(), r.source.Status(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	before, at := r.before, r.at
	r.before, r.at = m, now
	took := now.Sub(at).Seconds()
	if at.IsZero() || took <= 0 {
		return // nothing to compare with, or the wall clock was set back
	}
	requests, commits := m.Terminals.Request.Since(before.Terminals.Request), m.Updater.Commit.Since(before.Updater.Commit)
	updates := m.Updater.Updates
	if updates >= before.Updater.Updates {
		updates -= before.Updater.Updates
	}
	p := operator.Point{
		Host: s.Host, Time: now, Requests: float64(requests.Count()) / took, Updates: float64(updates) / took,
		RequestMedianMS: milliseconds(requests.Quantile(0.5)), RequestSlowMS: milliseconds(requests.Quantile(0.99)),
		CommitMedianMS: milliseconds(commits.Quantile(0.5)), CommitSlowMS: milliseconds(commits.Quantile(0.99)),
		InFlight: m.InFlight, ApplyLag: s.Lag, NotifyLag: s.Committed.Sequence - min(s.Notified.Sequence, s.Committed.Sequence),
		OldestMS: milliseconds(m.Oldest), Role: s.Role, Takeovers: m.Takeovers, GapMS: milliseconds(gapIn(m.Gap.Since(before.Gap))),
	}
	r.points = append(r.points, p)
	if len(r.points) > Kept {
		r.points = append(make([]operator.Point, 0, Kept+Kept/4), r.points[len(r.points)-Kept:]...)
	}
}

// gapIn returns the mean of the gaps of an interval, which usually has only one.
func gapIn(s histogram.Sample) time.Duration {
	if n := s.Count(); n > 0 {
		return s.Sum / time.Duration(n)
	}
	return 0
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
