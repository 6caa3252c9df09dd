// Command explore walks every order of events of two hosts and an arbiter and asserts after each what nothing may break.
//
// It calls the machine of package role and does with its actions what mainprocess does, in a world that is a value: two
// hosts with their disks, updaters and journals, the arbiter's register, and everything that is on its way. DESIGN.md in
// this folder tells what is in that world and what is not, which rules are asserted, and what was found.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/hotpair/hotpair/services/role/explore/plan"
)

func main() {
	var (
		within  = flag.Duration("for", 3*time.Minute, "time for all scenarios together")
		states  = flag.Int("states", 0, "most states of one scenario; 0: as many as the time allows")
		only    = flag.String("scenario", "", "explore only this scenario")
		broken  = flag.String("break", "", "let the driver break a promise")
		quiet   = flag.Bool("quiet", false, "tell the ends only")
		faults  = flag.Int("faults", 0, "most faults of one schedule; 0: as the scenario says")
		disord  = flag.Int("disorder", -1, "how often something may happen out of order; -1: as the scenario says, 255: always")
		profile = flag.String("profile", "", "write a CPU profile")
	)
	flag.Parse()
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		defer pprof.StopCPUProfile()
	}
	debug.SetGCPercent(400)
	var chosen []scenario
	for _, s := range plan.Scenarios() {
		if *only == "" || s.Name == *only {
			chosen = append(chosen, scenario{s})
		}
	}
	if len(chosen) == 0 {
		fmt.Fprintf(os.Stderr, "no scenario %q; there are:\n", *only)
		for _, s := range plan.Scenarios() {
			fmt.Fprintf(os.Stderr, "  %s\n", s.Name)
		}
		os.Exit(2)
	}
	ends := time.Now().Add(*within)
	total := 0
	for i, s := range chosen {
		s.States, s.Within, s.Rules.Broken = *states, time.Until(ends)/time.Duration(len(chosen)-i), *broken
		if *faults > 0 {
			s.Faults.Total = uint8(*faults)
		}
		if *disord >= 0 {
			s.Faults.Left[plan.Disorder] = uint8(*disord)
		}
		progress := os.Stderr
		if *quiet {
			progress = nil
		}
		var r result
		if progress != nil {
			r = s.explore(progress)
		} else {
			r = s.explore(nil)
		}
		total += r.states
		fmt.Println(s.summary(r))
		if r.failure != "" {
			s.tell(os.Stdout, r.trace)
			if r.failure == notWhole || strings.HasSuffix(r.failure, onceEnded) {
				s.tellHealing(os.Stdout, r.trace)
			}
			os.Exit(1)
		}
	}
	fmt.Printf("%d states in all, nothing broken\n", total)
}

func (s *scenario) summary(r result) string {
	how := "cut short"
	if r.complete {
		how = "complete"
	}
	line := fmt.Sprintf("%-28s %9d states, %10d steps, depth %d, %s, %s", s.Name, r.states, r.edges, r.depth, how, r.took.Round(time.Millisecond))
	if r.failure != "" {
		line += fmt.Sprintf("\n%s: %s, after %d events:", s.Name, r.failure, len(r.trace))
	}
	return line
}
