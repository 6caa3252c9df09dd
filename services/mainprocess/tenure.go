package mainprocess

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/lease"
	"github.com/hotpair/hotpair/services/role"
)

// tenure is one role in one epoch, as a context. What was begun for it and comes late finds it ended: a drain whose
// hand-over was taken back, an audit, a process that is ready again. Tenures begin and end on the driver's goroutine, and
// driver.during runs there too, so nothing done during a tenure can follow anything of a later one; orders keep their order,
// so the host's processes see the same.
type tenure struct {
	role  role.Role
	epoch uint64
	ctx   context.Context
	end   context.CancelFunc
	// muted: the host has stopped answering and gives no right any more, although the machine has not heard so yet.
	muted bool
}

// terms are the tenures of a main, one after the other, and the right to answer that terminal-if has. All of it but Right is of
// the driver's goroutine.
type terms struct {
	ctx    context.Context // of main's work
	log    *slog.Logger
	bus    *bus.Conn // for control
	tenure tenure
	right  atomic.Pointer[lease.Right]
}

// Right to answer, as last given to terminal-if.
func (t *terms) Right() lease.Right {
	if r := t.right.Load(); r != nil {
		return *r
	}
	return lease.Right{}
}

// follow ends the tenure that is over, and reports whether another one has begun.
func (t *terms) follow(v role.View) (another bool) {
	was := t.tenure
	if was.ctx != nil && v.Role == was.role && v.Epoch == was.epoch {
		return false
	}
	if was.ctx != nil {
		was.end()
	}
	t.tenure = tenure{role: v.Role, epoch: v.Epoch}
	t.tenure.ctx, t.tenure.end = context.WithCancel(t.ctx)
	t.log.Info("role", "role", v.Role, "epoch", v.Epoch, "was", was.role, "record", v.Record.Version, "in_sync", members(v.Record.InSync))
	return true
}

// mute ends the right of this tenure before the machine hears that the host has stopped answering, and gives the last one.
func (t *terms) mute() (last lease.Right) {
	last = t.Right()
	t.tenure.muted = true
	t.renew(lease.Right{})
	return last
}

// renew gives terminal-if a right to answer unless it has that one.
func (t *terms) renew(right lease.Right) {
	if t.tenure.muted {
		right = lease.Right{}
	}
	if before := t.right.Swap(&right); before == nil || *before != right {
		t.publish(right)
	}
}

func (t *terms) publish(right lease.Right) {
	// The bus is this process's own: a publish fails only when it is being closed, and then no right is the right thing.
	_ = t.bus.Publish(bus.SubjectRight, bus.EncodeJSON(right))
}

func members(set []role.Member) []string {
	names := make([]string, len(set))
	for i, m := range set {
		names[i] = m.Host
	}
	return names
}
