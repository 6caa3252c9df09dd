package updater

import (
	"context"

	"github.com/hotpair/hotpair/services/membership"
	"github.com/hotpair/hotpair/services/replication"
	"github.com/hotpair/hotpair/storage/divergent"
)

// watchJournal ends the process when its journal takes no more writes (R8).
func (u *updater) watchJournal(ctx context.Context) error {
	select {
	case <-u.journal.Dead():
		return u.journal.Err()
	case <-ctx.Done():
		return nil
	}
}

// received is called by the receiver: as standby there may be more to apply.
func (u *updater) received() {
	u.times.Observe(u.store.PairTime())
	u.moved.beat()
	r := u.receiver.State()
	if r.Open && u.serving() == nil {
		// What an active sends, it has: as standby each committed update is notified.
		u.store.SetNotified(earlier(r.Committed, u.store.Committed().Position))
		if err := u.timers.Follow(!r.Catching); err != nil {
			u.log.Error("the time base of timers can't be read", "error", err)
		}
	}
	u.applier.kick()
	u.beatOn(func(n *news) {
		n.open, n.catching, n.inconsistent, n.note = r.Open, r.Catching, r.Inconsistent, u.facts.Get().Note
	})
}

// news is what main is told at once; positions, which change with each frame, can wait for the next beat.
type news struct {
	open, catching, inconsistent bool
	note                         membership.Note
	peer, reason                 string
}

// beatOn beats if a change of the news is one.
func (u *updater) beatOn(change func(*news)) {
	u.mu.Lock()
	before := u.news
	change(&u.news)
	changed := u.news != before
	u.mu.Unlock()
	if changed {
		u.beat()
	}
}

// divergentCount counts divergent updates; committed are those of them that were known to be.
type divergentCount struct {
	updates, committed int
}

// countDivergent counts the updates in files of divergent updates.
func (u *updater) countDivergent() error {
	paths, err := divergent.List(u.config.Data)
	if err != nil {
		return err
	}
	var count divergentCount
	for _, path := range paths {
		file, err := divergent.Read(path)
		if err != nil {
			u.log.Warn("a file of divergent updates can't be read", "file", path, "error", err)
			count.updates++ // at least one, or there would be no file
			continue
		}
		count.updates += len(file.Records)
		count.committed += file.Committed
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.divergent = count
	return nil
}

// noteDivergence counts what only this host had (R10); the receiver has told it.
func (u *updater) noteDivergence(d replication.Divergence) {
	u.mu.Lock()
	u.divergent.updates += max(1, d.Updates)
	u.divergent.committed += d.Committed
	u.mu.Unlock()
	u.beat()
}

// beat tells main at once that something has changed. Before the bus is connected it does nothing.
func (u *updater) beat() {
	if u.heart != nil {
		u.heart.Now()
	}
}
