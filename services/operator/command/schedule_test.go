package command

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/operatortest"
)

func TestWhenText(t *testing.T) {
	now := operatortest.Noon()
	for text, want := range map[string]time.Time{
		"+10m": now.Add(10 * time.Minute), "13:30": now.Add(90 * time.Minute), "11:00": now.Add(23 * time.Hour), "12:00:05": now.Add(5 * time.Second),
		"2026-03-05T03:00:00Z": time.Date(2026, 3, 5, 3, 0, 0, 0, time.UTC),
	} {
		if at, err := whenText(text, now); err != nil || !at.Equal(want) {
			t.Errorf("%s: %v %v, want %v", text, at, err, want)
		}
	}
	for _, text := range []string{"", "soon", "+0s", "-10m", "+x", "25:00"} {
		if at, err := whenText(text, now); err == nil {
			t.Errorf("%q was taken for %v", text, at)
		}
	}
}

func TestSwitchoverCommand_AtATime(t *testing.T) {
	a := &operatortest.Host{Now: operatortest.Paired()}
	dir := pair(t, a, nil)
	before := time.Now()
	out, _, err := run(t, "switchover", "--at", "+10m", "--dir", dir)
	if err != nil || !strings.Contains(out, "scheduled: a hands over in 9m59s") && !strings.Contains(out, "in 10m00s") {
		t.Errorf("%v\n%s", err, out)
	}
	if len(a.Decided.Scheduled) != 1 || a.Decided.Scheduled[0].Before(before.Add(10*time.Minute-time.Second)) {
		t.Errorf("scheduled %v", a.Decided.Scheduled)
	}
	if out, _, err = run(t, "switchover", "--cancel", "--dir", dir); err != nil || !strings.Contains(out, "cancelled: a stays active") {
		t.Errorf("%v\n%s", err, out)
	}
	if _, _, err = run(t, "switchover", "--cancel", "--at", "+1m", "--dir", dir); err == nil {
		t.Error("--cancel with --at was taken")
	}
	if w := request(t, a, http.MethodPost, operator.CallSchedule.Path, `{}`, nil); w.Code != http.StatusBadRequest {
		t.Errorf("no time: %d", w.Code)
	}
}

func TestLive_ShowsEachStepOnceFromBothHosts(t *testing.T) {
	var out strings.Builder
	l := &live{out: &out, seen: map[string]bool{}}
	steps := operatortest.Switched().Steps
	old := operator.Event{Time: operatortest.Noon().Add(-time.Hour), Host: "a", Step: "B9", Text: "of yesterday"}
	l.note([]operator.Event{old}, true)
	l.note(append([]operator.Event{old}, steps[:2]...), false)
	l.note(steps[:3], false)
	for _, e := range steps[:3] {
		if n := strings.Count(out.String(), e.Text); n != 1 {
			t.Errorf("%q is shown %d times in\n%s", e.Text, n, out.String())
		}
	}
	if strings.Contains(out.String(), old.Text) {
		t.Errorf("what was before is shown:\n%s", out.String())
	}
	if left := l.left(steps); len(left) != len(steps)-3 {
		t.Errorf("%d steps are left of %d", len(left), len(steps))
	}
}

// The host that takes over may be heard of first: what it does is shown after what it follows.
func TestLive_ShowsStepsInTheirOrder(t *testing.T) {
	var out strings.Builder
	l := &live{out: &out, seen: map[string]bool{}}
	steps := operatortest.Switched().Steps
	l.note(steps[4:6], false) // B7 and B8
	if out.Len() > 0 {
		t.Errorf("shown before what they follow:\n%s", out.String())
	}
	l.note(steps[:3], false) // B3 to B5; B6 is told at the end only
	left := l.left(steps)
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

func FuzzWhenText(f *testing.F) {
	for _, text := range []string{"+10m", "03:00", "2026-03-04T03:00:00Z", "+99999999h", "24:00", "+-1s"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if at, err := whenText(text, operatortest.Noon()); err == nil && at.IsZero() {
			t.Errorf("%q is no time at all", text)
		}
	})
}
