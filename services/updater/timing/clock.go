// Package timing answers terminal-if which timers are due, and has the pair's own changes of timers committed.
//
// It holds the one thing about timers that is of a process and not of the database: how much time has passed since the time was noted
// last (package timers). Both hosts count, whoever serves: so the one that takes over knows.
package timing

import (
	"errors"
	"slices"
	"sync"

	"github.com/hotpair/hotpair/services/timers"
	"github.com/hotpair/hotpair/services/updater/leaving"
	"github.com/hotpair/hotpair/services/updater/schedule"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/history"
)

// Clock counts the time that timers are due by. It may be used by any number of goroutines.
type Clock struct {
	store leaving.Viewer
	now   func() timers.Now

	mu      sync.Mutex
	count   timers.Count
	seen    uint64           // revision of the last stamp that was looked at
	live    bool             // it was
	version *leaving.Version // of what is committed of timers
}

// Open goes on from what is stored.
func Open(store leaving.Viewer, now func() timers.Now) (*Clock, error) {
	s, revision, err := last(store)
	if err != nil {
		return nil, err
	}
	return &Clock{store: store, now: now, count: timers.Open(s, now().Boot), seen: revision, version: leaving.NewVersion(1)}, nil
}

func last(store leaving.Viewer) (s timers.Stamp, revision uint64, err error) {
	err = store.View(func(r *storage.Reader) (err error) {
		if s, revision, err = schedule.StampOf(r); revision != 0 {
			s.Counted = max(s.Counted, 1) // so that it is one
		}
		return err
	})
	if errors.Is(err, storage.ErrReceiving) { // half a copy says nothing yet; the rest is followed when it has come
		return timers.Stamp{}, 0, nil
	}
	return s, revision, err
}

// Stamp is the time of an update that is made now.
func (c *Clock) Stamp() (timers.Stamp, timers.Now) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.now()
	return c.count.Tick(n), n
}

// Time is what timers are judged by now.
func (c *Clock) Time() timers.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count.Time(c.now())
}

// Follow takes the time that the other host notes, as its updates are committed here. live: what is committed now was made now, not
// caught up with, and so was what came before it. Only such a stamp says something about now; with any other a host opens that has
// counted nothing yet, or does not know how much is missing.
func (c *Clock) Follow(live bool) error {
	s, revision, err := last(c.store)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case revision == c.seen:
	case live && c.live:
		c.count.Observe(s, c.now().Boot)
	case c.count.Unsure():
		c.count = timers.Open(s, c.now().Boot)
	}
	c.seen, c.live = revision, live
	return nil
}

// Committed tells those who wait if updates of this host have changed timers.
func (c *Clock) Committed(entries []history.Stored) {
	if !slices.ContainsFunc(entries, func(e history.Stored) bool { return schedule.Touches(e.Entry.Outbox) }) {
		return
	}
	_, revision, err := last(c.store)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil { // else it is looked at once more
		c.seen, c.live = revision, false
	}
	c.version.Rise()
}
