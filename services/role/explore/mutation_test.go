package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

var (
	long  = flag.Bool("long", false, "explore and break for as long as it takes")
	which = flag.String("which", "", "only mutants whose name has this")
	hunt  = flag.Bool("hunt", false, "try every scenario on every mutant")
)

// mutated builds the program with all mutants of role compiled in, off unless chosen.
func mutated(t *testing.T) (program string) {
	t.Helper()
	dir := t.TempDir()
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	text := map[string]string{}
	source, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	edits, broken := []edit{}, map[edit][]string{}
	for n, m := range roleMutants {
		for _, e := range append([]edit{m.edit}, m.also...) {
			if broken[e] == nil {
				edits = append(edits, e)
			}
			broken[e] = append(broken[e], fmt.Sprintf("mutant == %d", n+1))
		}
	}
	for _, e := range edits {
		if text[e.file] == "" {
			data, err := os.ReadFile(filepath.Join(source, e.file))
			if err != nil {
				t.Fatal(err)
			}
			text[e.file] = string(data)
		}
		if found := strings.Count(text[e.file], e.old); found != 1 {
			t.Fatalf("this text of a mutant stands %d times in %s; bring it up to the code\n%s", found, e.file, e.old)
		}
		text[e.file] = strings.Replace(text[e.file], e.old, strings.ReplaceAll(e.new, "BROKEN", "("+strings.Join(broken[e], " || ")+")"), 1)
	}
	text["mutant.go"] = "package role\n\nimport (\n\t\"os\"\n\t\"strconv\"\n)\n\nvar mutant, _ = strconv.Atoi(os.Getenv(\"MUTANT\"))\n"
	for name, content := range text {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		overlay.Replace[filepath.Join(source, name)] = file
	}
	data, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, data, 0o600); err != nil {
		t.Fatal(err)
	}
	program = filepath.Join(dir, "explore")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-overlay", list, "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("build the mutants: %v\n%s", err, out)
	}
	return program
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
			run(t, program, m.scenario, "MUTANT="+strconv.Itoa(n+1))
		})
	}
	for _, name := range slices.Sorted(maps.Keys(promises)) {
		scenario := promises[name]
		if !strings.Contains(name, *which) {
			continue
		}
		t.Run(name, func(t *testing.T) { run(t, program, scenario, "MUTANT=0", "-break", name) })
	}
}

// run explores and expects a broken rule.
func run(t *testing.T, program, scenario, environ string, arguments ...string) {
	t.Helper()
	list := strings.Fields(scenario)
	if *hunt {
		list = nil
		for _, s := range scenarios() {
			list = append(list, s.name)
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
