package world

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/simulator/mutation"
)

// mutant breaks one rule in the code that ships. A story catches it, by a finding of that kind.
type mutant struct {
	name     string
	file     string
	old, new string // as those of mutation.Edit
	story    string
	found    string
}

var mutants = []mutant{
	{"R2: an update is acknowledged before the other host has it", "services/updater/term.go",
		"	for needed {\n		required", "	for needed && !BROKEN {\n		required", "active-cut-then-killed", "lost: "},
	{"R6: terminal-if answers without the right to", "services/terminalif/relay.go",
		"if !r.right.Load().Holds(f.request.Epoch, r.clock()) {", "if !r.right.Load().Holds(f.request.Epoch, r.clock()) && !BROKEN {",
		"active-cut-off", "stale: "},
	{"R3: updates stop waiting before the record says solo", "services/role/active.go",
		"m.submit(goSolo, next)", "if BROKEN {\nm.require(false)\n}\nm.submit(goSolo, next)", "active-cut-off", "lost: "},
}

// TestMutants proves that a world finds what it is for: with a rule broken, the story of that rule fails.
func TestMutants(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the module again")
	}
	var edits [][]mutation.Edit
	for _, m := range mutants {
		edits = append(edits, []mutation.Edit{{File: m.file, Old: m.old, New: m.new}})
	}
	program := mutation.Build(t, "../..", edits, "test", "-c")
	for n, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			// Only time is the same in each run, not the order of goroutines: a story may miss its moment.
			const tries = 3
			for range tries {
				text := broken(t, program, n+1, m.story)
				if at := strings.Index(text, "found: "+m.found); at >= 0 {
					line, _, _ := strings.Cut(text[at:], "\n")
					t.Log(line)
					return
				}
				t.Logf("not found:\n%s", text)
			}
			t.Errorf("%s did not catch it in %d runs", m.story, tries)
		})
	}
}

// broken plays a story with a mutant and gives what was said.
func broken(t *testing.T, program string, n int, story string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, program, "-test.run=^TestWorld_Stories$/^"+story+"$", "-test.v")
	c.Env = append(os.Environ(), mutation.Environ(n), "TMPDIR="+t.TempDir())
	out, err := c.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out)
}
