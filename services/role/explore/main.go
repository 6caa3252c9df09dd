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
	"slices"
	"strings"
	"time"
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
	for _, s := range scenarios() {
		if *only == "" || s.name == *only {
			chosen = append(chosen, s)
		}
	}
	if len(chosen) == 0 {
		fmt.Fprintf(os.Stderr, "no scenario %q; there are:\n", *only)
		for _, s := range scenarios() {
			fmt.Fprintf(os.Stderr, "  %s\n", s.name)
		}
		os.Exit(2)
	}
	ends := time.Now().Add(*within)
	total := 0
	for i, s := range chosen {
		s.states, s.within, s.rules.broken = *states, time.Until(ends)/time.Duration(len(chosen)-i), *broken
		if *faults > 0 {
			s.faults.total = uint8(*faults)
		}
		if *disord >= 0 {
			s.faults.left[disorder] = uint8(*disord)
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
	line := fmt.Sprintf("%-28s %9d states, %10d steps, depth %d, %s, %s", s.name, r.states, r.edges, r.depth, how, r.took.Round(time.Millisecond))
	if r.failure != "" {
		line += fmt.Sprintf("\n%s: %s, after %d events:", s.name, r.failure, len(r.trace))
	}
	return line
}

// allow gives a bound for faults: total, of the kinds named, each as often as it is named.
func allow(total int, names ...kind) faults {
	f := faults{total: uint8(total)}
	for _, k := range names {
		f.left[k]++
	}
	return f
}

func times(n int, names ...kind) []kind { return slices.Repeat(names, n) }

// scenarios are the explorations of the long run, the short run takes some states of each.
func scenarios() []scenario {
	w := func(n int) rules { return rules{writes: n} }
	return []scenario{
		{name: "first-pair", begin: "fresh", faults: allow(1, crash, cutPeer, arbiterDoubt, lateness, loss), rules: w(1), heal: true},
		{name: "crashes", begin: "paired", faults: allow(2, times(2, crash)...), rules: w(2), heal: true},
		{name: "any-one", begin: "paired", faults: allow(1, delay, crash, freeze, cutLink, cutPeer, cutRepl, cutWitness, loss, lateness, doubling, arbiterDoubt,
			updaterCrash, sessionEnd, slowClock, lie, switchover, stop, processFailed), rules: w(2), heal: true},
		{name: "crash-and-doubt", begin: "paired", faults: allow(2, crash, arbiterDoubt), rules: w(1), heal: true},
		{name: "return-and-doubt", begin: "solo", faults: allow(2, crash, arbiterDoubt, cutPeer), rules: w(1), heal: true},
		{name: "cuts", begin: "paired", faults: allow(2, append(times(2, cutWitness), cutPeer, cutLink, cutRepl)...), rules: w(1), heal: true},
		{name: "freeze-and-cut", begin: "paired", faults: allow(2, freeze, cutPeer, slowClock), rules: w(1), heal: true},
		{name: "handover", begin: "paired", faults: allow(2, switchover, delay, crash, cutPeer, lateness, arbiterDoubt, loss, doubling), rules: w(1), heal: true},
		{name: "stop", begin: "paired", faults: allow(2, append(times(2, stop), crash, cutWitness, cutPeer)...), rules: w(1), heal: true},
		{name: "updater", begin: "paired", faults: allow(2, append(times(2, updaterCrash), crash, sessionEnd, cutRepl)...), rules: w(2), heal: true},
		{name: "updater-gone", begin: "paired", faults: allow(3, updaterCrash, processFailed, switchover, crash, lateness), rules: w(1), heal: true},
		{name: "lie", begin: "paired", faults: allow(2, lie, crash, lateness, freeze), rules: w(1), heal: true},
		{name: "crash-and-cut", begin: "paired", faults: allow(2, crash, cutPeer, cutLink, cutWitness), rules: w(1), heal: true},
		{name: "cut-and-doubt", begin: "paired", faults: allow(2, freeze, cutPeer, arbiterDoubt), rules: w(1), heal: true},
		{name: "add", begin: "close", faults: allow(2, crash, cutPeer, cutWitness, lateness, arbiterDoubt), rules: w(1), heal: true},
		{name: "freeze-and-doubt", begin: "silent", faults: allow(2, freeze, arbiterDoubt, crash), rules: w(1), heal: true},
		{name: "old-read", begin: "paired", faults: allow(3, crash, oldRead, arbiterDoubt), rules: w(1), heal: true},
		{name: "late-handover", begin: "paired", faults: allow(2, switchover, delay), rules: w(1), heal: true},
		{name: "delays", begin: "paired", faults: allow(2, delay, delay, switchover, cutLink), rules: w(1), heal: true},
		{name: "stop-and-crash", begin: "paired", faults: allow(3, stop, stop, crash), rules: w(1), heal: true},
		{name: "pause", begin: "paired", faults: allow(3, pause, crash, crash, cutPeer), rules: w(1), heal: true},
		{name: "pause-and-doubt", begin: "paired", faults: allow(3, pause, arbiterDoubt, crash, cutWitness), rules: w(1), heal: true},
		{name: "pause-and-hand-over", begin: "paired", faults: allow(2, pause, processFailed, switchover, lateness), rules: w(1), heal: true},
		{name: "pause-of-one-who-resigned", begin: "paired", faults: allow(4, stop, cutWitness, pause, crash), rules: w(1), heal: true},
		{name: "force", begin: "paired", faults: allow(4, force, crash, crash, cutPeer), rules: rules{writes: 2, forces: true}, heal: true},
		{name: "force-and-doubt", begin: "solo", faults: allow(3, force, crash, arbiterDoubt, cutWitness), rules: rules{writes: 1, forces: true}, heal: true},
		{name: "lost", begin: "paired", faults: allow(2, lost, crash, cutPeer, cutLink, cutWitness, arbiterDoubt, freeze), rules: rules{writes: 1, losses: true}, heal: true},
		{name: "lost-and-crashes", begin: "paired", faults: allow(3, lost, crash, crash), rules: rules{writes: 1, losses: true}, heal: true},
		{name: "lost-while-solo", begin: "solo", faults: allow(2, lost, crash, cutPeer, arbiterDoubt, cutWitness), rules: rules{writes: 1, losses: true}, heal: true},
		{name: "lost-and-switchover", begin: "paired", faults: allow(2, lost, switchover, stop, pause, oldRead), rules: rules{writes: 1, losses: true}, heal: true},
		{name: "lost-and-force", begin: "paired", faults: allow(3, lost, force, crash), rules: rules{writes: 1, losses: true, forces: true}, heal: true},
		{name: "lost-twice", begin: "paired", faults: allow(2, lost, lost), rules: rules{writes: 1, losses: true}, heal: true},
		{name: "lost-and-freeze", begin: "paired", faults: allow(2, lost, freeze), rules: rules{writes: 1, losses: true}, heal: true},
		{name: "lost-and-cut-off", begin: "paired", faults: allow(3, lost, freeze, cutWitness), rules: rules{writes: 1, losses: true}, heal: true},
		{name: "lost-and-returned", begin: "paired", faults: allow(3, lost, freeze, crash), rules: rules{writes: 1, losses: true}, heal: true},
		{name: "lost-and-taken", begin: "silent", faults: allow(2, lost, crash), rules: rules{writes: 1, losses: true}, heal: true},
		{name: "lost-and-doubt", begin: "silent", faults: allow(3, lost, arbiterDoubt, crash), rules: rules{writes: 1, losses: true}, heal: true},
		{name: "any-two", begin: "paired", faults: allow(2, delay, crash, crash, freeze, cutLink, cutPeer, cutRepl, cutWitness, loss, lateness, doubling, arbiterDoubt,
			updaterCrash, sessionEnd, slowClock, lie, switchover, stop, processFailed), rules: w(1), heal: true},
	}
}
