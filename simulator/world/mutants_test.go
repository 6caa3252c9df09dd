package world

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// mutant breaks one rule in the code that ships: in a file of the module, the text old becomes new, in which BROKEN is true
// when the mutant is the one that runs. A story catches it, by a finding of that kind.
type mutant struct {
	name     string
	file     string
	old, new string
	story    string
	found    string
}

// mutants are compiled into one program through an overlay of the source (go test -overlay), so the code that ships has no
// switch for them. Each old text stands exactly once in its file.
var mutants = []mutant{
	{"R2: an update is acknowledged before the other host has it", "services/updater/term.go",
		"	for needed {\n		required", "	for needed && !BROKEN {\n		required", "active-cut-then-killed", "lost: "},
	{"R6: terminal-if answers without the right to", "services/terminalif/relay.go",
		"if !r.right.Load().Holds(f.request.Epoch, r.clock()) {", "if !r.right.Load().Holds(f.request.Epoch, r.clock()) && !BROKEN {",
		"active-cut-off", "stale: "},
	{"R3: updates stop waiting before the record says solo", "services/role/active.go",
		"m.submit(goSolo, next, m.revision)", "if BROKEN {\nm.require(false)\n}\nm.submit(goSolo, next, m.revision)", "active-cut-off", "lost: "},
}

// mutated builds the tests of this package with all mutants compiled in, off unless chosen.
func mutated(t *testing.T) (program string) {
	t.Helper()
	dir := t.TempDir()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for n, m := range mutants {
		data, err := os.ReadFile(filepath.Join(root, m.file))
		if err != nil {
			t.Fatal(err)
		}
		if found := strings.Count(string(data), m.old); found != 1 {
			t.Fatalf("this text of a mutant stands %d times in %s; bring it up to the code\n%s", found, m.file, m.old)
		}
		text := strings.Replace(string(data), m.old, strings.ReplaceAll(m.new, "BROKEN", fmt.Sprintf("(mutant == %d)", n+1)), 1)
		for name, content := range map[string]string{
			m.file: text,
			filepath.Join(filepath.Dir(m.file), "mutant.go"): "package " + filepath.Base(filepath.Dir(m.file)) +
				"\n\nimport (\n\t\"os\"\n\t\"strconv\"\n)\n\nvar mutant, _ = strconv.Atoi(os.Getenv(\"MUTANT\"))\n",
		} {
			copied := filepath.Join(dir, strings.ReplaceAll(name, "/", "_"))
			if err := os.WriteFile(copied, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			overlay.Replace[filepath.Join(root, name)] = copied
		}
	}
	data, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, data, 0o600); err != nil {
		t.Fatal(err)
	}
	program = filepath.Join(dir, "world.test")
	if out, err := exec.CommandContext(t.Context(), "go", "test", "-c", "-overlay", list, "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("build the mutants: %v\n%s", err, out)
	}
	return program
}

// TestMutants proves that a world finds what it is for: with a rule broken, the story of that rule fails.
func TestMutants(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the module again")
	}
	program := mutated(t)
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
	c.Env = append(os.Environ(), "MUTANT="+strconv.Itoa(n), "TMPDIR="+t.TempDir())
	out, err := c.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out)
}
