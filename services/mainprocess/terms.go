package mainprocess

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/lease"
	"github.com/hotpair/hotpair/services/role"
)

// term is one role in one epoch, as a context. What was begun for it and comes late finds it ended: a drain whose
// hand-over was taken back, an audit, a process that is ready again. Terms begin and end on the driver's goroutine, and
// driver.during runs there too, so nothing done during a term can follow anything of a later one; orders keep their order,
// so the host's processes see the same.
type term struct {
	role  role.Role
	epoch uint64
	ctx   context.Context
	end   context.CancelFunc
	// muted: the host has stopped answering and gives no right any more, although the machine has not heard so yet.
	muted bool
}

// terms are a main's, one after the other, and the right to answer that terminal-if has. All of it but Right is of
// the driver's goroutine.
type terms struct {
	ctx     context.Context // of main's work
	log     *slog.Logger
	bus     *bus.Conn // for control
	current term
	right   atomic.Pointer[lease.Right]
}

// Right to answer, as last given to terminal-if.
func (t *terms) Right() lease.Right {
	if r := t.right.Load(); r != nil {
		return *r
	}
	return lease.Right{}
}

// follow ends the term that is over, and reports whether another one has begun.
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

// mute ends the right of this term before the machine hears that the host has stopped answering, and gives the last one.
func (t *terms) mute() (last lease.Right) {
	last = t.Right()
	t.current.muted = true
	t.renew(lease.Right{})
	return last
}

// renew gives terminal-if a right to answer unless it has that one.
func (t *terms) renew(right lease.Right) {
	if t.current.muted {
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
