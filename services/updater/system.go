package updater

import (
	"context"
	"errors"
	"fmt"

	"github.com/hotpair/hotpair/bus"
)

// errNotServed says that this host has no term, so that it can't change what is replicated.
var errNotServed = errors.New("this host does not serve")

// submit has operations committed in the pair's own key space, as one update in a frame like any other, and returns its
// reply when it is committed. The error is errNotServed, or ctx's when its outcome is not known yet.
func (u *updater) submit(ctx context.Context, conditions []bus.Condition, operations []bus.Operation) (bus.DatabaseReply, error) {
	t := u.serving()
	if t == nil {
		return bus.DatabaseReply{}, errNotServed
	}
	replied := make(chan bus.DatabaseReply, 1)
	commit(t, bus.SystemSpace, &bus.Commit{Epoch: t.epoch, Conditions: conditions, Operations: operations},
		func(r bus.DatabaseReply) { replied <- r })
	select {
	case r := <-replied:
		return r, nil
	case <-ctx.Done():
		return bus.DatabaseReply{}, fmt.Errorf("commit in the pair's own key space: %w", context.Cause(ctx))
	}
}

// refusedBy gives the error of a reply that refuses, nil when it was committed.
func refusedBy(r bus.DatabaseReply) error {
	if r.Code == bus.CodeOK {
		return nil
	}
	return fmt.Errorf("%s (%d)", r.Message, r.Code)
}
