// Package sending answers the courier what is to be sent, has recorded what came of it, and changes targets and emissions for operators.
//
// It decides nothing about lanes: package dispatch says what changes, package emissions what is right.
package sending

import (
	"sync"

	"github.com/hotpair/hotpair/services/updater/dispatch"
	"github.com/hotpair/hotpair/storage/history"
)

// Watch knows when emissions or targets have changed. It may be used by any number of goroutines.
type Watch struct {
	mu      sync.Mutex
	version uint64 // from 1
	changed chan struct{}
}

// NewWatch begins it.
func NewWatch() *Watch { return &Watch{version: 1, changed: make(chan struct{})} }

// Committed is told of what is committed in a term of this host.
func (w *Watch) Committed(entries []history.Stored) {
	if !concerned(entries) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.version++
	close(w.changed)
	w.changed = make(chan struct{})
}

func concerned(entries []history.Stored) bool {
	for i := range entries {
		for _, f := range entries[i].Entry.Outbox {
			if dispatch.Concerns(f.Key) {
				return true
			}
		}
	}
	return false
}

// latest gives the version, and a channel that is closed when there is another one.
func (w *Watch) latest() (version uint64, changed <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.version, w.changed
}
