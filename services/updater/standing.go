package updater

import (
	"context"
	"fmt"
	"sync"

	"github.com/hotpair/hotpair/services/journal"
	"github.com/hotpair/hotpair/services/replication"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

// stateKind is what this host is ordered to be.
type stateKind uint8

const (
	// standby: it takes what an active sends. Entered at the start, by order, and when anything below fails.
	standby stateKind = iota
	// preparing: it takes no frames; a takeover is being made ready, or a term begun. Entered by Prepare and
	// Serve, left by Serve, Release, Standby.
	preparing
	// serving: it has a term. Entered when Serve is done, left by Drain, Prepare, Standby.
	serving
	// drained: its term has ended cleanly; it waits for the successor, and takes frames of it. Left by any order.
	drained
)

// state is what this host is ordered to be, with what belongs to it.
type state struct {
	kind   stateKind
	epoch  uint64            // of the term that is prepared, served or drained
	mark   history.Mark      // preparing: end of the journal once it is fenced and validated; zero before
	ready  bool              // preparing: mark is valid
	last   position.Position // drained: of the term
	active *activeTerm       // serving
}

// activeTerm is a term with the sender to the other host and the group of their goroutines.
type activeTerm struct {
	term   *term
	sender *replication.Sender
	end    context.CancelCauseFunc
	group  sync.WaitGroup
}

// stop ends the term and waits until all its goroutines have ended.
func (a *activeTerm) stop(cause error) {
	a.end(cause)
	a.group.Wait()
}

func (u *updater) present() state {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.state
}

// prepareFor enters the way to a term. From here on the receiver commits nothing for the applier, which would wait for the
// journal; it fails when that takes longer than ctx has.
func (u *updater) prepareFor(ctx context.Context, epoch uint64) error {
	if err := journal.Acquire(ctx, u.purging); err != nil {
		return fmt.Errorf("leave the state: %w", err)
	}
	defer u.purging.Release(1)
	u.enter(state{kind: preparing, epoch: epoch})
	return nil
}

func (u *updater) enter(p state) {
	u.mu.Lock()
	u.state = p
	u.mu.Unlock()
	u.beat()
}

// serving gives the term that takes calls, nil when there is none.
func (u *updater) serving() *term {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.state.kind != serving {
		return nil
	}
	return u.state.active.term
}

// allow refuses the other host's hello where it must not change this host's journal (R5). Epochs lower than known are
// refused by the receiver.
func (u *updater) allow(epoch uint64) error {
	switch p := u.present(); {
	case u.facts.Get().Restored != nil:
		return fmt.Errorf("%w: this host was restored from a backup, and the restore is unfinished", replication.ErrNotNow)
	case p.kind == preparing:
		return fmt.Errorf("%w: this host is taking over as epoch %d", replication.ErrNotNow, p.epoch)
	case p.kind == serving:
		return fmt.Errorf("%w: this host serves epoch %d", replication.ErrNotNow, p.epoch)
	case p.kind == drained && epoch <= p.epoch:
		return fmt.Errorf("%w: this host has served epoch %d", replication.ErrNotNow, p.epoch)
	}
	return nil
}

// resign ends whatever term there is. What it has not committed stays in the journal, for the next active to decide.
func (u *updater) resign(cause error) {
	u.mu.Lock()
	active := u.state.active
	u.state = state{kind: standby}
	u.mu.Unlock()
	if active != nil {
		active.stop(cause)
		u.log.Info("the term has ended", "epoch", active.term.epoch, "position", u.store.Committed().Position, "reason", cause)
	}
	u.beat()
}
