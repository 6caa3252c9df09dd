package main

import (
	"cmp"
	"errors"
	"flag"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/role/explore/plan"
	"github.com/hotpair/hotpair/simulator/mutation"
)

var (
	long  = flag.Bool("long", false, "explore and break for as long as it takes")
	which = flag.String("which", "", "only mutants whose name has this")
	hunt  = flag.Bool("hunt", false, "try every scenario on every mutant")
)

// mutated builds the program with all mutants of role compiled in, off unless chosen.
func mutated(t *testing.T) (program string) {
	t.Helper()
	var mutants [][]mutation.Edit
	for _, m := range roleMutants {
		var edits []mutation.Edit
		for _, e := range append([]edit{m.edit}, m.also...) {
			edits = append(edits, mutation.Edit{File: "services/role/" + e.file, Old: e.old, New: e.new})
		}
		mutants = append(mutants, edits)
	}
	return mutation.Build(t, "../../..", mutants, "build")
}

// TestMutants breaks each rule in the code of role, and each promise that the driver and its processes make to it, one at
// a time, and each must be found.
func TestMutants(t *testing.T) {
	program := mutated(t)
	for n, m := range roleMutants {
		if !strings.Contains(m.name, *which) {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			run(t, program, m.scenario, mutation.Environ(n+1))
		})
	}
	for _, name := range slices.Sorted(maps.Keys(plan.Promises)) {
		scenario := plan.Promises[name]
		if !strings.Contains(name, *which) {
			continue
		}
		t.Run(name, func(t *testing.T) { run(t, program, scenario, mutation.Environ(0), "-break", name) })
	}
}

// run explores and expects a broken rule.
func run(t *testing.T, program, scenario, environ string, arguments ...string) {
	t.Helper()
	list := strings.Fields(scenario)
	if *hunt {
		list = nil
		for _, s := range plan.Scenarios() {
			list = append(list, s.Name)
		}
	}
	for _, name := range list {
		name, odd, _ := strings.Cut(name, ":")
		within := time.Minute
		if *long {
			within = 2 * time.Minute
		}
		c := exec.CommandContext(t.Context(), program, append([]string{"-quiet", "-scenario", name, "-for", within.String(), "-disorder", cmp.Or(odd, "0")}, arguments...)...)
		c.Env = append(os.Environ(), environ)
		began := time.Now()
		out, err := c.Output()
		var exit *exec.ExitError
		switch {
		case err == nil:
			t.Logf("%s: not found", strings.TrimSpace(strings.Split(string(out), "\n")[0]))
			continue
		case !errors.As(err, &exit) || exit.ExitCode() != 1:
			t.Fatalf("%v\n%s%s", err, out, exit.Stderr)
		}
		lines := append(strings.SplitN(string(out), "\n", 3), "", "")
		t.Logf("%s\n%s (%s)", lines[0], lines[1], time.Since(began).Round(time.Millisecond))
		if testing.Verbose() {
			for _, l := range strings.Split(lines[2], "\n") {
				if len(l) > 4 && l[3] == '.' {
					t.Log(l)
				}
			}
		}
		return
	}
	t.Errorf("nobody noticed")
}
