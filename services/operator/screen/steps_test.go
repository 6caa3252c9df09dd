package screen

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/operatortest"
)

func TestSteps_ShowsEachStepOnceFromBothHosts(t *testing.T) {
	var out strings.Builder
	l := NewSteps(&out)
	steps := operatortest.Switched().Steps
	old := operator.Event{Time: operatortest.Noon().Add(-time.Hour), Host: "a", Step: "B9", Text: "of yesterday"}
	l.Note([]operator.Event{old}, true)
	l.Note(append([]operator.Event{old}, steps[:2]...), false)
	l.Note(steps[:3], false)
	for _, e := range steps[:3] {
		if n := strings.Count(out.String(), e.Text); n != 1 {
			t.Errorf("%q is shown %d times in\n%s", e.Text, n, out.String())
		}
	}
	if strings.Contains(out.String(), old.Text) {
		t.Errorf("what was before is shown:\n%s", out.String())
	}
	if left := l.Left(steps); len(left) != len(steps)-3 {
		t.Errorf("%d steps are left of %d", len(left), len(steps))
	}
}

// The host that takes over may be heard of first: what it does is shown after what it follows.
func TestSteps_ShowsStepsInTheirOrder(t *testing.T) {
	var out strings.Builder
	l := NewSteps(&out)
	steps := operatortest.Switched().Steps
	l.Note(steps[4:6], false) // B7 and B8
	if out.Len() > 0 {
		t.Errorf("shown before what they follow:\n%s", out.String())
	}
	l.Note(steps[:3], false) // B3 to B5; B6 is told at the end only
	left := l.Left(steps)
	at := -1
	for n, e := range append(slices.Clone(steps[:3]), left...) {
		if n < 3 {
			next := strings.Index(out.String(), e.Text)
			if next <= at {
				t.Errorf("%s is not shown in its place:\n%s", e.Step, out.String())
			}
			at = next
		} else if keyOf(e) != keyOf(steps[n]) {
			t.Errorf("left in place %d: %s, want %s", n, e.Step, steps[n].Step)
		}
	}
	if len(left) != len(steps)-3 {
		t.Errorf("%d steps are left of %d", len(left), len(steps))
	}
}
