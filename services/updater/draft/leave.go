package draft

import (
	"errors"
	"fmt"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/timers"
	"github.com/hotpair/hotpair/services/updater/schedule"
	"github.com/hotpair/hotpair/storage/history"
)

// leftover is the pair's outbox as the frame leaves it.
type leftover struct {
	draft *Draft
	state State
	// drafted: something was looked at that the frame has changed.
	drafted bool
}

// Left implements schedule.State.
func (o *leftover) Left(key []byte) (value []byte, revision uint64, ok bool) {
	if f, here := o.draft.outbox[string(key)]; here {
		o.drafted = true
		return f.Value, o.draft.revisions[spaceKey{history.OutboxSpace, string(key)}], !f.Delete
	}
	return o.state.Get(history.OutboxSpace, key)
}

// leave gives what a commit changes in the outbox, or what refuses it.
func (d *Draft) leave(s State, c *Commit) ([]history.Effect, *Verdict) {
	if !c.Leaves() {
		return nil, nil
	}
	if d.Level < history.OutboxLevel {
		return nil, &Verdict{Reply: bus.DatabaseReply{Code: bus.CodeMalformed, Message: fmt.Sprintf(
			"the pair is at level %d, and a service can leave something to be done from level %d on: finish the upgrade of both hosts", d.Level, history.OutboxLevel)}}
	}
	o := &leftover{draft: d, state: s}
	u := schedule.Update{Sequence: d.next().Sequence, Stamp: d.Stamp, Wall: d.Wall}
	var effects []history.Effect
	var err error
	if c.Orders != nil {
		effects, err = schedule.Ordered(o, u, c.Orders)
	} else {
		effects, err = schedule.Changes(o, u, c.Entry.Space, &c.Outbox)
	}
	if err == nil {
		return effects, nil
	}
	v := &Verdict{Held: o.drafted, Reply: bus.DatabaseReply{Code: bus.CodeFault, Message: err.Error()}}
	switch {
	case errors.Is(err, timers.ErrMoved):
		v.Reply.Code = bus.CodeTooOld
	case errors.Is(err, schedule.ErrTooMany):
		v.Reply.Code = bus.CodeTooLarge
	}
	return nil, v
}
