package verdict_test

import (
	"strings"
	"testing"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/verdict"
)

func TestProgressOf(t *testing.T) {
	for _, c := range []struct {
		began, at, end uint64
		want           operator.CatchUp
	}{
		{0, 0, 0, operator.CatchUp{Done: 1}}, {0, 43, 100, operator.CatchUp{Done: 0.43, Missing: 57}}, {50, 40, 100, operator.CatchUp{Missing: 60}},
		{50, 75, 100, operator.CatchUp{Done: 0.5, Missing: 25}}, {0, 101, 100, operator.CatchUp{Done: 1}}, {100, 50, 90, operator.CatchUp{Missing: 40}},
	} {
		if got := *operator.ProgressOf(c.began, c.at, c.end); got != c.want {
			t.Errorf("ProgressOf(%d, %d, %d) = %+v, want %+v", c.began, c.at, c.end, got, c.want)
		}
	}
}

// A pair whose witness does not answer serves, but no host may fail: the first line must not say that either may.
func TestSummary_PairWithoutItsWitness(t *testing.T) {
	for role, right := range map[string]int64{"active": 900, "standby": 0} {
		s := operator.Status{Host: "a", Role: role, Mode: "paired", RightUntilMS: right, Peer: operator.Peer{Host: "b"}}
		if level, sentence := verdict.Summary(s); level != operator.Warning || !strings.HasSuffix(sentence, "no witness answers: the next failure stops the service") {
			t.Errorf("%s: %s %s", role, level, sentence)
		}
		s.Witness.None = true
		if level, _ := verdict.Summary(s); level != operator.Good {
			t.Errorf("%s of a pair that has none: %s", role, level)
		}
	}
}
