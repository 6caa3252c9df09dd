package main

import (
	"testing"

	"github.com/hotpair/hotpair/simulator/bench/result"
	"github.com/hotpair/hotpair/simulator/clustertest"
)

// What was measured with stand-ins must not be taken for what was measured with agents.
func TestTakeover_StandInsHaveRowsOfTheirOwn(t *testing.T) {
	binary, err := clustertest.Build(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	args := []string{"standins", "-binary", binary, "-keep", dir, "-terminals", "3", "-clients", "2", "-trials", "1",
		"-kinds", "host killed,switchover"}
	if err := command(t.Context(), args, t.Output()); err != nil {
		t.Fatal(err)
	}
	r, err := result.Newest(dir, "standins")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"host killed", "switchover"} {
		for _, metric := range []string{"gap", "last terminal", "processor of the stand-ins", phaseSwitch, phaseFirst} {
			if s := r.Find(kind+", 3 stand-ins", metric); s == nil || s.Samples[0] <= 0 {
				t.Errorf("%s, %s: %+v", kind, metric, s)
			}
		}
		if s := r.Find(kind+", 3 stand-ins", "failed requests"); s == nil || s.Samples[0] != 0 {
			t.Errorf("%s, failed requests: %+v", kind, s)
		}
		if s := r.Find(kind+", 3 terminals", "gap"); s != nil {
			t.Errorf("%s has a row as if of agents: %+v", kind, s)
		}
	}
}
