package command

import (
	"net/http"
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
