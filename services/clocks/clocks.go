// Package clocks compares the wall clocks of the two hosts.
//
// A wall clock is set by hand, by a protocol, or by an empty battery: alone it proves nothing. Two clocks of two
// machines that agree are trusted. So the mains exchange their clocks with each beat, and this package returns their
// difference, to within half of the round-trip time.
package clocks

import (
	"math"
	"runtime/debug"
	"sync"
	"time"
)

const (
	// Apart is how far wall clocks may differ and still agree. Synchronised machines differ by milliseconds, others
	// drift by less than a second a day; request ages, which depend on them, allow for minutes.
	Apart = 10 * time.Second
	// Off is how far pair time may be from clocks that agree before it is reported. It is above Apart, because pair
	// time follows the clock of either host.
	Off = time.Minute
	// Every is how often the updater gets the result of a comparison, Stale when a result is outdated.
	Every = time.Minute
	Stale = 3 * time.Minute
)

// Reading is both clocks of a host at one moment: the boot clock, which counts sleep and is never set, and the wall
// clock.
type Reading struct {
	Boot time.Duration `json:"boot_ns"`
	Wall int64         `json:"wall_ns"` // Unix nanoseconds
}

// Difference is the result of a comparison. The zero Difference: there was none.
type Difference struct {
	Own   Reading       `json:"own"`       // when it was found
	Other time.Duration `json:"other_ns"`  // how far the other host's wall clock is ahead of this one's
	Error time.Duration `json:"within_ns"` // error bound
}

// Compare compares, given when a question left, this host's clocks when the answer came, and the other host's wall
// clock in the answer.
func Compare(sent time.Duration, answered Reading, other int64) Difference {
	trip := max(0, answered.Boot-sent)
	return Difference{Own: answered, Other: time.Duration(minus(minus(other, answered.Wall), -int64(trip/2))), Error: trip / 2}
}

// minus subtracts received numbers without overflow.
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

// Fresh reports whether it is not outdated.
func (d Difference) Fresh(now time.Duration) bool {
	return d != Difference{} && now-d.Own.Boot <= Stale
}

// Agree reports whether both clocks certainly agree.
func (d Difference) Agree() bool { return d != Difference{} && d.Other.Abs() <= Apart-d.Error }

// Differ reports whether they certainly differ.
func (d Difference) Differ() bool { return d.Other.Abs()-d.Error > Apart }

// Built is the time of this program's source; a correct clock is not before it. It is zero if the build did not
// record it.
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

// Add records a comparison. tell: report it now, because it is due or differs from the last report.
func (w *Watch) Add(d Difference) (tell bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = d
	if tell = d.Own.Boot-w.told.Own.Boot >= Every || d.Agree() != w.told.Agree() || d.Differ() != w.told.Differ(); tell {
		w.told = d
	}
	return tell
}

// Last returns the last comparison; the zero Difference if there was none recently.
func (w *Watch) Last(now time.Duration) Difference {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.last.Fresh(now) {
		return Difference{}
	}
	return w.last
}
