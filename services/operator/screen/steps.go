package screen

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/wording"
)

// firstShown is the first step of a switchover.
const firstShown = "B3"

// Steps shows the steps of a switchover as they happen, from the events of both hosts.
type Steps struct {
	out   io.Writer
	mu    sync.Mutex
	seen  map[string]bool
	last  string           // step that was shown last
	early []operator.Event // arrived before a step that precedes them: the hosts are asked concurrently
}

// NewSteps makes a Steps that writes to a command's output.
func NewSteps(out io.Writer) *Steps { return &Steps{out: out, seen: map[string]bool{}} }

func keyOf(e operator.Event) string { return e.Host + e.Time.UTC().Format(time.RFC3339Nano) + e.Text }

// Note shows the steps among events that have not been seen; quietly, they only count as seen.
func (s *Steps) Note(events []operator.Event, quietly bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range events {
		if s.seen[keyOf(e)] {
			continue
		}
		s.seen[keyOf(e)] = true
		if !quietly && e.Step >= firstShown {
			s.early = append(s.early, e)
		}
	}
	inOrder(s.early)
	for len(s.early) > 0 && s.early[0].Step <= s.due() {
		fmt.Fprintln(s.out, StepRow(s.early[0]))
		s.last = max(s.last, s.early[0].Step)
		s.early = s.early[1:]
	}
}

// due returns the step after the last one shown: no other can come before it.
func (s *Steps) due() string {
	if s.last == "" {
		return firstShown
	}
	return s.last[:len(s.last)-1] + string(s.last[len(s.last)-1]+1)
}

// inOrder sorts steps by their numbers. The clocks of two hosts may differ.
func inOrder(steps []operator.Event) {
	slices.SortStableFunc(steps, func(a, b operator.Event) int { return cmp.Or(cmp.Compare(a.Step, b.Step), a.Time.Compare(b.Time)) })
}

// Left returns the steps that were not shown.
func (s *Steps) Left(steps []operator.Event) (left []operator.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	left, s.early = s.early, nil
	for _, e := range steps {
		if !s.seen[keyOf(e)] {
			left = append(left, e)
		}
	}
	inOrder(left)
	return left
}

// StepRow returns one step of a switchover as a line.
func StepRow(e operator.Event) string {
	return wording.Fit(wording.Printable("  "+Pad(e.Step, 4)+Pad(e.Host, 4)+fmt.Sprintf("%10s  ", wording.Milliseconds(e.Took))+e.Text), Width)
}
