package round

import (
	"testing"

	"github.com/hotpair/hotpair/bus"
)

func TestRound_CountsTheFirstWordOfEach(t *testing.T) {
	r := New([]string{"a", "b", "c"}, 2)
	r.Report("a", Attached)
	r.Report("a", Refused) // it has said so before
	r.Report("x", Attached)
	r.Report("b", Refused)
	if got := r.Outcome(); got != (bus.Attached{Attached: 1, Refused: 1, Unreachable: 3}) {
		t.Errorf("%+v", got)
	}
	select {
	case <-r.Done():
		t.Error("one has not reported")
	default:
	}
	r.Report("c", Unreachable)
	<-r.Done()
	if got := r.Outcome(); got != (bus.Attached{Attached: 1, Refused: 1, Unreachable: 3}) {
		t.Errorf("%+v", got)
	}
	<-New[string](nil, 1).Done()
}
