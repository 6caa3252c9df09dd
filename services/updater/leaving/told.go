package leaving

import (
	"errors"
	"log/slog"
	"sync"

	"github.com/hotpair/hotpair/storage"
)

// mostSaid bounds what is remembered as said. Beyond it all is said once more.
const mostSaid = 1 << 12

// Told logs once for each thing that it can't be read, until the reason changes or ends. It may be used by any number
// of goroutines.
type Told struct {
	log  *slog.Logger
	mu   sync.Mutex
	said map[string]string
}

// NewTold says it in a log.
func NewTold(log *slog.Logger) *Told { return &Told{log: log, said: map[string]string{}} }

// Say says as an error why a thing can't be read, unless that was said. A nil err is that it can be read again.
func (t *Told) Say(thing string, err error, message string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		delete(t.said, thing)
		return
	}
	if t.said[thing] == err.Error() {
		return
	}
	if len(t.said) >= mostSaid {
		clear(t.said)
	}
	t.said[thing] = err.Error()
	t.log.Error(message, append(args, "error", err)...)
}

// Damaged says that the database is damaged where something was read, once of each place.
func (t *Told) Damaged(err error) {
	t.Say("database: "+err.Error(), err, "this host's database is damaged at a place that was read, and requests that need it are refused: "+
		"hotpair verify names what is damaged, and on which host; \"Compare and repair\" in OPERATIONS.md says what to do next")
}

// Viewer gives the views of a store, and says of those that fail because the database is damaged that it is.
func (t *Told) Viewer(s Viewer) Viewer { return toldViewer{s, t} }

type toldViewer struct {
	Viewer
	told *Told
}

// View implements Viewer.
func (v toldViewer) View(f func(*storage.Reader) error) error {
	err := v.Viewer.View(f)
	if errors.Is(err, storage.ErrDamaged) {
		v.told.Damaged(err)
	}
	return err
}
