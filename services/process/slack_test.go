package process

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// slackOf is what a child says of its timer slack, on two of its threads.
func slackOf(t *testing.T, slack time.Duration) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "output")
	output, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	child, err := Start(Spec{Name: "slack", Environ: []string{"HELPER=slack"}, Slack: slack, Output: output})
	if err != nil {
		t.Fatal(err)
	}
	child.Wait()
	said, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(said))
}

func TestStart_GivesItsChildATimerSlack(t *testing.T) {
	if got := slackOf(t, 700*time.Microsecond); got != "700µs 700µs" {
		t.Errorf("the child has %s", got)
	}
	if got := slackOf(t, 0); got != "50µs 50µs" {
		t.Errorf("one without a wish has %s", got)
	}
}

func TestWithSlack_LeavesTheOperatorsWordAlone(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	slack := func() (now int) {
		now, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		return now
	}
	before := slack()
	defer func() { _ = unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(before), 0, 0, 0) }()
	for _, c := range []struct{ own, inside int }{{50_000, 700_000}, {80_000, 80_000}} {
		if err := unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(c.own), 0, 0, 0); err != nil {
			t.Fatal(err)
		}
		var inside int
		if err := withSlack(700*time.Microsecond, func() error { inside = slack(); return nil }); err != nil {
			t.Fatal(err)
		}
		if inside != c.inside || slack() != c.own {
			t.Errorf("of %d became %d inside and %d after", c.own, inside, slack())
		}
	}
}
