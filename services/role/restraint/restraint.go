// Package restraint limits repetition: a standby that breaks the pair waits longer each time
// before it is added, and one cause leads to one hand-over only. It has no clock; its caller passes the time.
package restraint

import (
	"cmp"
	"slices"
	"time"
)

// Backoff is the healthy time that a standby must show before it is added again; it doubles when the pair breaks
// while the standby was alive (T7), and not when the standby was plainly dead.
type Backoff struct {
	Wait    time.Duration
	Since   time.Duration // when the standby became healthy
	AddedAt time.Duration
}

// longestBackoff is where doubling ends.
const longestBackoff = 10 * time.Minute

// Broke notes that the pair broke, and whether the standby was alive; first is the shortest wait.
func (b *Backoff) Broke(now time.Duration, alive bool, first time.Duration) {
	b.Since = 0
	if !alive {
		return
	}
	if b.AddedAt != 0 && now-b.AddedAt > max(10*b.Wait, 10*first) {
		b.Wait = 0
	}
	b.Wait = min(max(2*b.Wait, first), longestBackoff)
}

// See notes whether the standby is healthy now.
func (b *Backoff) See(now time.Duration, ok bool) {
	switch {
	case !ok:
		b.Since = 0
	case b.Since == 0:
		b.Since = now
	}
}

// Over reports whether the standby has been healthy for long enough.
func (b *Backoff) Over(now time.Duration) bool { return b.Since != 0 && now-b.Since >= b.Wait }

// window is how long one cause may lead to one hand-over only (T2, T5).
const window = time.Minute

// Causes are the causes of hand-overs, sorted, and when each was. It is never changed in place.
type Causes []past

type past struct {
	Cause string
	at    time.Duration
}

// Within reports whether cause led to a hand-over within the window.
func (l Causes) Within(cause string, now time.Duration) bool {
	for _, h := range l {
		if h.Cause == cause {
			return now-h.at < window
		}
	}
	return false
}

// With returns the list with a cause added now.
func (l Causes) With(cause string, now time.Duration) Causes {
	next := slices.DeleteFunc(slices.Clone(l), func(h past) bool { return h.Cause == cause })
	next = append(next, past{cause, now})
	slices.SortFunc(next, func(a, b past) int { return cmp.Compare(a.Cause, b.Cause) })
	return next
}

// Recent returns the list without causes whose window has passed.
func (l Causes) Recent(now time.Duration) Causes {
	return slices.DeleteFunc(slices.Clone(l), func(h past) bool { return now-h.at >= window })
}
