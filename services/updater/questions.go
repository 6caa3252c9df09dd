package updater

import (
	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/ticket"
	"github.com/hotpair/hotpair/services/notices"
	"github.com/hotpair/hotpair/services/updater/draft"
	"github.com/hotpair/hotpair/services/updater/inspection"
	"github.com/hotpair/hotpair/services/updater/leaving"
	"github.com/hotpair/hotpair/services/updater/systemspace"
	"github.com/hotpair/hotpair/storage/history"
)

// asked is the updater as those need it who answer questions beside its orders: a Committer and an Updater.
type asked struct{ u *updater }

// Commit puts a commit into the queue of the term that is served, whatever its epoch.
func (a asked) Commit(space string, c bus.Commit, answer func(bus.DatabaseReply)) (served bool) {
	t := a.u.serving()
	if t == nil {
		return false
	}
	c.Epoch = t.epoch
	commit(t, space, ticket.Ticket{}, &c, answer)
	return true
}

// Term gives the term that is served.
func (a asked) Term() (inspection.Term, error) {
	active := a.u.present().active
	if active == nil {
		return inspection.Term{}, systemspace.ErrNotServed
	}
	return inspection.Term{Epoch: active.term.epoch, Peer: active.sender.State().State, Ended: active.term.ended}, nil
}

// Serves gives the error of a question about a term that is not served; 0 is any.
func (a asked) Serves(epoch uint64) error {
	if t := a.u.serving(); t == nil || epoch != 0 && t.epoch != epoch {
		return notServed(epoch)
	}
	return nil
}

// Order implements timing.Term and bulletin.Term.
func (a asked) Order(epoch uint64, orders leaving.Orders, answer func(bus.DatabaseReply)) error {
	t := a.u.serving()
	if t == nil || epoch != 0 && t.epoch != epoch {
		return notServed(epoch)
	}
	c := draft.Commit{Entry: history.Entry{Kind: history.KindUpdate, Space: bus.SystemSpace}, Orders: orders, Size: draft.Overhead + orders.Size()}
	return t.queue.Put(&commitCall{c, t.epoch, answer})
}

// left tells those who answer about what services leave to be done of a frame that was committed.
func (u *updater) left(entries []history.Stored) {
	u.timers.Committed(entries)
	u.notices.Committed(entries)
	u.emitted.Committed(entries)
}

// PairTime is the pair's, as it is now.
func (a asked) PairTime() int64 { return a.u.times.Shown() }

// History implements bulletin.Term.
func (a asked) History() notices.History {
	h := notices.History{Pair: a.u.facts.Get().PairID}
	for _, e := range a.u.store.Epochs() {
		h.Starts = append(h.Starts, notices.Start{Epoch: e.Epoch, Sequence: e.Sequence})
	}
	return h
}

// Beat tells main at once that something has changed.
func (a asked) Beat() { a.u.beat() }

// CountDivergent implements inspection.Updater.
func (a asked) CountDivergent() error {
	defer a.u.beat()
	return a.u.countDivergent()
}
