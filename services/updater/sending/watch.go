// Package sending answers the courier what is to be sent, has recorded what came of it, and changes targets and emissions for operators.
//
// It decides nothing about lanes: package dispatch says what changes, package emissions what is right.
package sending

import (
	"github.com/hotpair/hotpair/services/updater/dispatch"
	"github.com/hotpair/hotpair/services/updater/leaving"
	"github.com/hotpair/hotpair/storage/history"
)

// Watch knows when emissions or targets have changed. It may be used by any number of goroutines.
type Watch struct{ version *leaving.Version }

// NewWatch begins it.
func NewWatch() *Watch { return &Watch{leaving.NewVersion(1)} }

// Committed is told of what is committed in a term of this host.
func (w *Watch) Committed(entries []history.Stored) {
	if concerned(entries) {
		w.version.Rise()
	}
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
