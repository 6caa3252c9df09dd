package command

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/operatortest"
)

func TestPauseCommand(t *testing.T) {
	a := &operatortest.Host{Now: operatortest.Paired(), Decided: operatortest.Decided{Pause: operator.PauseResult{ID: "C1", Host: "a", Pause: operatortest.PauseOf(), PeerKnows: true}}}
	dir := pair(t, a, &operatortest.Host{Now: operatortest.Standby()})
	out, _, err := run(t, "pause", "--dir", dir, "--for", "45m")
	if err != nil {
		t.Fatal(err)
	}
	wantScreen(t, out)
	operatortest.Golden(t, "pause", out)
	if len(a.Decided.Paused) != 1 || a.Decided.Paused[0].For != "45m" {
		t.Errorf("asked for %v", a.Decided.Paused)
	}
	a.Decided.Pause = operator.PauseResult{ID: "C2", Host: "a"}
	if out, _, err = run(t, "resume", "--dir", dir); err != nil {
		t.Fatal(err)
	}
	operatortest.Golden(t, "resume", out)
}

func TestPauseCommand_WrongDuration(t *testing.T) {
	if _, _, err := run(t, "pause", "--for", "soon", "--dir", pair(t, &operatortest.Host{}, nil)); err == nil || !strings.Contains(err.Error(), "duration") {
		t.Errorf("--for soon: %v", err)
	}
}

func TestPauseCommand_Refused_SaysWhyAndThatNothingWasDone(t *testing.T) {
	a := &operatortest.Host{Now: operatortest.Paired(), Err: fmt.Errorf("%w: the witness can't be reached", operator.ErrRefused)}
	_, _, err := run(t, "pause", "--dir", pair(t, a, nil))
	if err == nil || !strings.Contains(err.Error(), "nothing was done") || !strings.Contains(err.Error(), "witness") {
		t.Errorf("%v", err)
	}
}
