package world

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hotpair/hotpair/simulator/mutation"
)

var (
	rules   = flag.Bool("rules", false, "play every schedule against a build without each rule, and print which found which")
	onlyFor = flag.String("rule", "", "only this one, as R7")
	within  = flag.Duration("within", 5*time.Minute, "how long one schedule may take")
)

// TestRules_EverySchedule plays every schedule against a build without each rule, and prints which found which; without -rules it only holds that
// each of the texts stands once in the code, so that the list stays one of the code.
func TestRules_EverySchedule(t *testing.T) {
	var edits [][]mutation.Edit
	for _, m := range mutation.Rules() {
		edits = append(edits, m.Edits)
		for _, e := range m.Edits {
			text, err := os.ReadFile(filepath.Join("../..", e.File))
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(text), e.Old); n != 1 {
				t.Errorf("%s: this text stands %d times in %s; bring it up to the code\n%s", m.Rule, n, e.File, e.Old)
			}
		}
	}
	if !*rules || t.Failed() {
		return
	}
	program := mutation.Build(t, "../..", edits, "test", "-c")
	schedules := map[string][]string{} // the program's arguments
	stories, err := filepath.Glob("testdata/*.story")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range stories {
		name := strings.TrimSuffix(filepath.Base(file), ".story")
		schedules[name] = []string{"-test.run=^TestWorld_Stories$/^" + name + "$"}
	}
	for n := range *walks {
		seed := cmp.Or(*firstSeed, 1) + uint64(n)
		schedules[fmt.Sprint("walk ", seed)] = []string{"-test.run=^TestWorld_Walks$", "-walks=1", fmt.Sprint("-seed=", seed)}
	}
	names := slices.Sorted(maps.Keys(schedules))
	fmt.Printf("| without | %s |\n|---%s|\n", strings.Join(names, " | "), strings.Repeat("|---", len(names)))
	for n, m := range mutation.Rules() {
		if *onlyFor != "" && *onlyFor != m.Rule {
			continue
		}
		row := make([]string, len(names))
		var group sync.WaitGroup
		places := make(chan struct{}, 2)
		for i, name := range names {
			group.Go(func() {
				places <- struct{}{}
				defer func() { <-places }()
				row[i] = foundBy(t, program, n+1, schedules[name])
			})
		}
		group.Wait()
		fmt.Printf("| %s: %s | %s |\n", m.Rule, m.What, strings.Join(row, " | "))
	}
}

// kindOf is the first word of a finding.
var kindOf = regexp.MustCompile(`found: (\w+)`)

// foundBy plays a schedule against a mutant, and gives what kinds of findings there were; "–" for none.
func foundBy(t *testing.T, program string, n int, args []string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), *within)
	defer cancel()
	c := exec.CommandContext(ctx, program, append(args, "-test.v")...)
	c.Env = append(os.Environ(), mutation.Environ(n), "TMPDIR="+t.TempDir())
	out, err := c.CombinedOutput()
	var exit *exec.ExitError
	kinds := map[string]bool{}
	for _, found := range kindOf.FindAllStringSubmatch(string(out), -1) {
		kinds[found[1]] = true
	}
	switch {
	case len(kinds) > 0:
		return strings.Join(slices.Sorted(maps.Keys(kinds)), ", ")
	case ctx.Err() != nil:
		return "too long"
	case err != nil && !errors.As(err, &exit):
		t.Fatal(err)
	case err != nil:
		return "failed"
	}
	return "–"
}
