package operator

import (
	"fmt"
	"strings"
	"testing"
)

func TestPauseCommand(t *testing.T) {
	a := &table{status: paired(), decided: decided{pause: PauseResult{ID: "C1", Host: "a", Pause: aPause(), PeerKnows: true}}}
	dir := pair(t, a, &table{status: standby()})
	out, _, err := run(t, "pause", "--dir", dir, "--for", "45m")
	if err != nil {
		t.Fatal(err)
	}
	wantScreen(t, out)
	golden(t, "pause", out)
	if len(a.decided.paused) != 1 || a.decided.paused[0].For != "45m" {
		t.Errorf("asked for %v", a.decided.paused)
	}
	a.decided.pause = PauseResult{ID: "C2", Host: "a"}
	if out, _, err = run(t, "resume", "--dir", dir); err != nil {
		t.Fatal(err)
	}
	golden(t, "resume", out)
}

func TestPauseCommand_WrongDuration(t *testing.T) {
	if _, _, err := run(t, "pause", "--for", "soon", "--dir", pair(t, &table{}, nil)); err == nil || !strings.Contains(err.Error(), "duration") {
		t.Errorf("--for soon: %v", err)
	}
}

func TestPauseCommand_Refused_SaysWhyAndThatNothingWasDone(t *testing.T) {
	a := &table{status: paired(), err: fmt.Errorf("%w: the witness can't be reached", ErrRefused)}
	_, _, err := run(t, "pause", "--dir", pair(t, a, nil))
	if err == nil || !strings.Contains(err.Error(), "nothing was done") || !strings.Contains(err.Error(), "witness") {
		t.Errorf("%v", err)
	}
}
