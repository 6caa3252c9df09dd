package draft

import (
	"errors"
	"fmt"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/updater/board"
	"github.com/hotpair/hotpair/services/updater/dispatch"
	"github.com/hotpair/hotpair/services/updater/leaving"
	"github.com/hotpair/hotpair/services/updater/schedule"
	"github.com/hotpair/hotpair/services/updater/takings"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/history"
)

// leftover is the pair's outbox as the frame leaves it.
type leftover struct {
	draft *Draft
	state State
	// drafted: something was looked at that the frame has changed.
	drafted bool
}

// Left implements leaving.State.
func (o *leftover) Left(key []byte) (value []byte, revision uint64, err error) {
	if f, here := o.draft.outbox[string(key)]; here {
		o.drafted = true
		return f.Value, o.draft.revisions[spaceKey{history.OutboxSpace, string(key)}], nil
	}
	return o.state.Look(history.OutboxSpace, key)
}

// leave gives what a commit changes in the outbox, or what refuses it.
func (d *Draft) leave(s State, c *Commit) ([]history.Effect, *Verdict) {
	if !c.Leaves() {
		return nil, nil
	}
	if d.Level < history.OutboxLevel {
		return nil, &Verdict{Reply: bus.DatabaseReply{Code: bus.CodeMalformed, Message: fmt.Sprintf(
			"the pair is at level %d, and timers, notices and emissions need level %d: finish the upgrade of both hosts", d.Level, history.OutboxLevel)}}
	}
	o := &leftover{draft: d, state: s}
	set := leaving.New(o, leaving.Update{Position: d.next(), Time: d.time, Stamp: d.Stamp, Wall: d.Wall})
	var err error
	if c.Orders != nil {
		err = c.Orders.Change(set)
	} else {
		err = schedule.Change(set, c.Entry.Space, &c.Outbox)
		if err == nil {
			err = board.Change(set, c.Entry.Space, c.Outbox.Notices)
		}
		if err == nil {
			err = takings.Change(set, c.Entry.Space, c.Outbox.Notices)
		}
		if err == nil {
			err = dispatch.Change(set, c.Entry.Space, &c.Outbox)
		}
	}
	if err != nil {
		v := &Verdict{Deferred: o.drafted, Reply: bus.DatabaseReply{Code: leaving.Code(err), Message: err.Error()}}
		if errors.Is(err, storage.ErrDamaged) {
			v.Damaged = err
		}
		return nil, v
	}
	return set.Effects(), nil
}
