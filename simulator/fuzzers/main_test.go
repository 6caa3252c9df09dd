package main

import (
	"slices"
	"testing"
	"time"
)

// TestTargets_AreFound: a decoder that has a target is tried without being listed anywhere.
func TestTargets_AreFound(t *testing.T) {
	all, err := targets("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []target{{"./../../bus/batch", "FuzzDecode"}, {"./../../services/terminalif/wire", "FuzzFilter"}, {"./../../storage/backup", "FuzzRead"}} {
		if !slices.Contains(all, want) {
			t.Errorf("%+v is not among %d targets", want, len(all))
		}
	}
}

// TestRun_RefusesABadExpression: what is not understood tries nothing.
func TestRun_RefusesABadExpression(t *testing.T) {
	if err := run(t.Context(), time.Second, "("); err == nil {
		t.Error("an expression that is none was taken")
	}
}
