package mainprocess

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/lease"
	"github.com/hotpair/hotpair/services/role"
)

// term is one role in one epoch, as a context. Late work of an earlier term finds its context ended: a drain whose
// hand-over was withdrawn, an audit, a process that becomes ready again. Terms begin and end on the driver's
// goroutine, and driver.during runs there too, so nothing done during a term follows anything of a later one. Orders
// keep their sequence, so the host's processes see the same.
type term struct {
	role  role.Role
	epoch uint64
	ctx   context.Context
	end   context.CancelFunc
	// muted: the host has stopped answering and grants no more rights, although the machine does not know it yet.
	muted bool
}

// terms are the successive terms of a main, and the right to answer that terminal-if has. All of it except Right
// belongs to the driver's goroutine.
type terms struct {
	ctx     context.Context // of main's work
	log     *slog.Logger
	bus     *bus.Conn // for control
	current term
	right   atomic.Pointer[lease.Right]
}

// Right to answer, as last granted to terminal-if.
func (t *terms) Right() lease.Right {
	if r := t.right.Load(); r != nil {
		return *r
	}
	return lease.Right{}
}

// follow ends the previous term if it is over, and reports whether another one has begun.
func (t *terms) follow(v role.View) (another bool) {
	was := t.current
	if was.ctx != nil && v.Role == was.role && v.Epoch == was.epoch {
		return false
	}
	if was.ctx != nil {
		was.end()
	}
	t.current = term{role: v.Role, epoch: v.Epoch}
	t.current.ctx, t.current.end = context.WithCancel(t.ctx)
	t.log.Info("role", "role", v.Role, "epoch", v.Epoch, "was", was.role, "record", v.Record.Version, "in_sync", members(v.Record.InSync))
	return true
}

// mute ends the right of this term before the machine learns that the host has stopped answering, and returns the
// last right.
func (t *terms) mute() (last lease.Right) {
	last = t.Right()
	t.current.muted = true
	t.renew(lease.Right{})
	return last
}

// renew grants terminal-if a right to answer unless it has that one.
func (t *terms) renew(right lease.Right) {
	if t.current.muted {
		right = lease.Right{}
	}
	if before := t.right.Swap(&right); before == nil || *before != right {
		t.publish(right)
	}
}

func (t *terms) publish(right lease.Right) {
	// The bus is this process's own: a publish fails only while it closes, and then no right is correct.
	_ = t.bus.Publish(bus.SubjectRight, bus.EncodeJSON(right))
}

func members(set []role.Member) []string {
	names := make([]string, len(set))
	for i, m := range set {
		names[i] = m.Host
	}
	return names
}
