// Package clocks compares the wall clocks of the two hosts.
//
// A wall clock is set by hand, by a protocol, by a battery that is empty: what it says alone proves nothing. Two that agree and stand in
// two machines are believed. So the mains send each other what their clocks say with each beat, and this package says how far they are
// apart, to within half of the time that question and answer took.
package clocks

import (
	"math"
	"runtime/debug"
	"sync"
	"time"
)

const (
	// Apart is how far wall clocks may differ and still agree. Machines that are synchronised differ by milliseconds, those that are
	// not by a second a day; what is counted by them, ages of requests, allows for minutes.
	Apart = 10 * time.Second
	// Off is how far pair time may be from clocks that agree before anybody is told. It is above Apart, because pair time follows
	// the clock of either host.
	Off = time.Minute
	// Every is how often the updater is told what came of a comparison, Stale when one says nothing any more.
	Every = time.Minute
	Stale = 3 * time.Minute
)

// Reading is what both clocks of a host say at one moment: the one that counts sleep and is never set, and the one on the wall.
type Reading struct {
	Boot time.Duration `json:"boot_ns"`
	Wall int64         `json:"wall_ns"` // Unix nanoseconds
}

// Difference is what came of a comparison. The zero Difference: there was none.
type Difference struct {
	Own   Reading       `json:"own"`       // when it was found
	Other time.Duration `json:"other_ns"`  // how far the other host's wall clock is ahead of this one's
	Error time.Duration `json:"within_ns"` // by how much that may be wrong
}

// Compare takes when a question left, the clocks as its answer came, and what the other host's wall clock said in it.
func Compare(sent time.Duration, answered Reading, other int64) Difference {
	trip := max(0, answered.Boot-sent)
	return Difference{Own: answered, Other: time.Duration(minus(minus(other, answered.Wall), -int64(trip/2))), Error: trip / 2}
}

// minus subtracts what others say without ever turning round.
func minus(a, b int64) int64 {
	switch d := a - b; {
	case b > 0 && d > a:
		return math.MinInt64
	case b < 0 && d < a:
		return math.MaxInt64
	default:
		return d
	}
}

// Fresh reports whether it still says something.
func (d Difference) Fresh(now time.Duration) bool {
	return d != Difference{} && now-d.Own.Boot <= Stale
}

// Agree reports whether both clocks surely say the same.
func (d Difference) Agree() bool { return d != Difference{} && d.Other.Abs() <= Apart-d.Error }

// Differ reports whether they surely do not.
func (d Difference) Differ() bool { return d.Other.Abs()-d.Error > Apart }

// Built is the time of the source that this program was built from, before which no clock that is right can be. It is zero where the build
// did not note it.
func Built() time.Time {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return time.Time{}
	}
	for _, s := range info.Settings {
		if at, err := time.Parse(time.RFC3339, s.Value); s.Key == "vcs.time" && err == nil {
			return at
		}
	}
	return time.Time{}
}

// Watch keeps the last comparison of a main. The zero Watch has none.
type Watch struct {
	mu   sync.Mutex
	last Difference
	told Difference
}

// Add takes a comparison. tell: who counts by it should be told now, because it is time or because it says something else than before.
func (w *Watch) Add(d Difference) (tell bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = d
	if tell = d.Own.Boot-w.told.Own.Boot >= Every || d.Agree() != w.told.Agree() || d.Differ() != w.told.Differ(); tell {
		w.told = d
	}
	return tell
}

// Last gives the last comparison; the zero one when there was none, or not lately.
func (w *Watch) Last(now time.Duration) Difference {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.last.Fresh(now) {
		return Difference{}
	}
	return w.last
}
