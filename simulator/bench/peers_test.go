package main

import (
	"errors"
	"io"
	"slices"
	"syscall"
	"testing"

	"github.com/hotpair/hotpair/simulator/bench/comparison"
	"github.com/hotpair/hotpair/simulator/bench/result"
)

// newPeers is the measurement with its defaults.
func newPeers(t *testing.T, args ...string) *peersBench {
	t.Helper()
	p, f := &peersBench{}, newOptions("peers")
	p.options(f)
	if err := f.parse(args); err != nil {
		t.Fatal(err)
	}
	return p
}

// All clients of all systems have as many connections, and each number of them is measured of each system.
func TestPeers_MeasureAllThatHasAGoal(t *testing.T) {
	works := newPeers(t).works()
	for _, w := range works {
		if w.Connections() != min(w.Clients, 8) {
			t.Errorf("%+v: %d connections", w, w.Connections())
		}
	}
	var rows []string
	for _, w := range works {
		rows = append(rows, w.Row(comparison.Pair))
	}
	for _, target := range newPeers(t).targets() {
		rows = append(rows, target.row())
	}
	for _, g := range goals() {
		if g.What == "peers" && !slices.Contains(rows, g.Row) {
			t.Errorf("nothing measures %q", g.Row)
		}
	}
}

func TestTargets_LoseTheLeaderByTheSignalOfTheLoss(t *testing.T) {
	want := map[string]syscall.Signal{comparison.Killed: syscall.SIGKILL, comparison.Frozen: syscall.SIGSTOP}
	for _, target := range newPeers(t).targets() {
		if target.signal() != want[target.loss] {
			t.Errorf("%s: %s", target.row(), target.signal())
		}
		if target.system == comparison.Pair && target.setting.Name != comparison.Shipped {
			t.Errorf("%s: the pair is measured as shipped", target.row())
		}
	}
}

func TestUsable_SaysWhatCanNotBeMeasured(t *testing.T) {
	t.Setenv("PATH", t.TempDir()) // nothing is installed
	r := &run{out: io.Discard, result: &result.Result{}}
	list, err := newPeers(t).usable(r, nil)
	if err != nil || !slices.Equal(list, []string{comparison.Pair, comparison.StandIns}) || len(r.result.Notes) != 3 {
		t.Errorf("%q, %v: %q", list, err, r.result.Notes)
	}
	if _, err := newPeers(t, "-systems", "hotpair,other").usable(r, nil); !errors.Is(err, errUsage) {
		t.Errorf("an unknown system: %v", err)
	}
}
