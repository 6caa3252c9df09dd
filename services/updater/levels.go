package updater

import (
	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/level"
	"github.com/hotpair/hotpair/services/replication"
	"github.com/hotpair/hotpair/services/updater/draft"

	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

// birthLevel is the level that a history begins with; an entry after its end says none. Whoever installs two hosts
// installs the same program on both: a new pair needs no rise.
func birthLevel(end position.Position) level.Level {
	if !end.IsZero() {
		return 0
	}
	return level.Own().Newest
}

// Level implements rise.Term.
func (u *updater) Level() level.Level { return u.store.Level() }

// Other implements rise.Term.
func (u *updater) Other() (replication.PeerState, bool) {
	p := u.present()
	if p.kind != serving {
		return replication.PeerState{}, false
	}
	return p.active.sender.State(), true
}

// Rise implements rise.Term.
func (u *updater) Rise(to level.Level, answer func(bus.DatabaseReply)) error {
	p := u.present()
	if p.kind != serving {
		return notServed(p.epoch)
	}
	rise := draft.Commit{Entry: history.Entry{Kind: history.KindUpdate, Space: bus.SystemSpace, Level: to}, Size: draft.Overhead}
	return p.active.term.queue.Put(&commitCall{rise, p.epoch, answer})
}
