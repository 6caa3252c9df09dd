package lab

import (
	"errors"
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/simulator/mutation"
	"github.com/hotpair/hotpair/simulator/pair"
)

var (
	rules    = flag.Bool("rules", false, "play chaos against a build without each rule, and print which was found")
	onlyFor  = flag.String("rule", "", "only this one, as R7")
	rulesFor = flag.Duration("for", time.Minute, "how long each is played")
	drawn    = flag.Uint64("seed", 1, "of the faults and of what applications do")
)

// TestRules_Chaos plays chaos with faults of disks against builds without each of the rules R1 to R12, and prints what was found; a chaos
// that finds nothing in them would say nothing of the build that ships. It is played with -rules only.
func TestRules_Chaos(t *testing.T) {
	if !*rules {
		return
	}
	fmt.Print("| without | chaos |\n|---|---|\n")
	for _, m := range mutation.Rules() {
		if *onlyFor != "" && *onlyFor != m.Rule {
			continue
		}
		program := mutation.BuildOne(t, "../..", "github.com/hotpair/hotpair", m.Edits)
		o := ChaosOptions{For: *rulesFor, Round: 15 * time.Second, Seed: *drawn, Lab: Options{
			Binary: program, Dir: t.TempDir(), Terminals: 3, Lease: time.Second, History: 100, Disks: map[string]*Disk{},
		}}
		for _, host := range pair.Hosts() {
			o.Lab.Disks[host] = newDisk(t)
		}
		tally, err := Chaos(t.Context(), o)
		found := append(tally.All(), tally.Unhealed...)
		switch {
		case len(found) == 0 && err != nil && !errors.Is(err, ErrFound):
			t.Fatalf("%s: %v", m.Rule, err)
		case len(found) == 0:
			found = []string{"–"}
		}
		text, _, _ := strings.Cut(found[0], "\n")
		fmt.Printf("| %s: %s | %s |\n", m.Rule, m.What, text[:min(len(text), 100)])
	}
}
