package lab

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/hotpair/hotpair/simulator/clustertest"
	"github.com/hotpair/hotpair/simulator/pair"
)

// What TestLines_WhatIsQueuedIsDoneOnce plays: the short form unless told otherwise.
var (
	linesTerminals = flag.Int("terminals", 4, "terminals whose lines are cut")
	linesCut       = flag.Duration("cut", 7*time.Second, "how long each line is cut")
	linesEvery     = flag.Duration("every", 3*time.Second, "about how often a host is killed meanwhile")
	linesLanes     = flag.Int("lanes", 4, "lanes of each terminal")
	linesPause     = flag.Duration("pause", 60*time.Millisecond, "between two requests of a lane, about")
)

// TestLines_WhatIsQueuedIsDoneOnce: real processes. The lines of all terminals are cut at different times, agents are killed while they are and
// when they catch up, and hosts all the while. Whatever was accepted is done once and in the order of its lane, and its outcome told once, or
// found by who asks.
func TestLines_WhatIsQueuedIsDoneOnce(t *testing.T) {
	sideBySide(t)
	tally := playLines(t, *linesTerminals, LinesOptions{Seed: *drawn, Cut: *linesCut, Every: *linesEvery, Pause: *linesPause, Lanes: *linesLanes})
	if few := tally.Accepted / 50; tally.Takeovers == 0 || tally.Verdict.Cut < 10**linesTerminals || tally.Refused == 0 || tally.Heard < tally.Accepted ||
		tally.Looked == 0 || tally.Moved == 0 || tally.Unknown > few {
		t.Error("too little of it was played to prove anything")
	}
	roomLeft(t, tally)
}

// TestLines_ClocksOfTerminalsAreYearsOff: the same with clocks of terminals that are set ten years ahead, and back to before there were any,
// while they have requests queued; agents are killed on these clocks, and started again.
func TestLines_ClocksOfTerminalsAreYearsOff(t *testing.T) {
	sideBySide(t)
	const year = 365 * 24 * time.Hour
	tally := playLines(t, 2, LinesOptions{Seed: *drawn, Cut: 5 * time.Second, Every: 4 * time.Second, Pause: 60 * time.Millisecond, Lanes: 2,
		Ahead: map[string]time.Duration{pair.TerminalID(0): 10 * year, pair.TerminalID(1): -50 * year}})
	if tally.Accepted < 100 || tally.Refused == 0 || tally.Unknown > tally.Accepted/50 {
		t.Error("too little of it was played to prove anything")
	}
	roomLeft(t, tally)
}

// roomLeft demands that nothing was refused for want of room: the bounds of a queue are far above what is played, in number, bytes and time.
func roomLeft(t *testing.T, tally LinesTally) {
	t.Helper()
	if tally.Full > 0 {
		t.Errorf("a queue was full %d times", tally.Full)
	}
}

// playLines plays in a lab of its own, and demands that nothing is found.
func playLines(t *testing.T, terminals int, o LinesOptions) LinesTally {
	t.Helper()
	needLab(t)
	transcript := &transcript{tb: t}
	defer transcript.end()
	l, err := Start(t.Context(), Options{Binary: binary, Dir: t.TempDir(), Terminals: terminals, Plain: *plain, Log: transcript})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	tally, err := l.Lines(t.Context(), o)
	if err == nil {
		err = compareDatabases(t.Context(), l)
	}
	for _, text := range tally.All() {
		t.Error(text)
	}
	if err != nil {
		t.Error(err)
	}
	if t.Failed() {
		clustertest.KeepLogs(t, l.options.Dir, "*.log")
		t.FailNow()
	}
	t.Logf("measured: %s", &tally)
	return tally
}

// TestDrawOutages_AreAtDifferentTimes: the line of each terminal is cut once, and the last before the first is back.
func TestDrawOutages_AreAtDifferentTimes(t *testing.T) {
	const terminals, cut = 20, 5 * time.Minute
	draw := func(seed uint64) []outage { return drawOutages(rand.New(rand.NewPCG(seed, 0)), terminals, cut) }
	list := draw(1)
	if fmt.Sprint(list) != fmt.Sprint(draw(1)) || fmt.Sprint(list) == fmt.Sprint(draw(2)) {
		t.Error("they are not given by the seed")
	}
	for i, o := range list {
		if o.terminal != pair.TerminalID(i) || o.at >= cut || o.within >= cut || i > 0 && o.at < list[i-1].at {
			t.Errorf("%+v", o)
		}
	}
}
