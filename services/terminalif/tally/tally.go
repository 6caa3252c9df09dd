// Package tally keeps a log readable when thousands of terminals are lost at once.
package tally

import (
	"log/slog"
	"sync"
)

// toldEach is how many lost terminals have a line of their own between two sweeps.
const toldEach = 20

// Tally logs lost terminals, as after a failed switch in front of them: the first ones have a line each, the others
// are counted.
type Tally struct {
	mu    sync.Mutex
	told  int
	more  int
	first error // of those that are only counted
}

// Lost logs one lost terminal, or counts it.
func (t *Tally) Lost(log *slog.Logger, why error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.told < toldEach {
		t.told++
		log.Warn("terminal lost", "error", why)
		return
	}
	if t.more++; t.more == 1 {
		t.first = why
	}
}

// Sweep logs the count, and starts again.
func (t *Tally) Sweep(log *slog.Logger) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.more > 0 {
		log.Warn("further terminals lost", "terminals", t.more, "error", t.first)
	}
	t.told, t.more, t.first = 0, 0, nil
}
