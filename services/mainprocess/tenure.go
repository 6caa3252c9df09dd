package mainprocess

import (
	"context"
	"fmt"

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

// follow ends the tenure that is over.
func (h *host) follow(v role.View) {
	was := h.tenure
	if was.ctx != nil && v.Role == was.role && v.Epoch == was.epoch {
		return
	}
	if was.ctx != nil {
		was.end()
	}
	h.tenure = tenure{role: v.Role, epoch: v.Epoch}
	h.tenure.ctx, h.tenure.end = context.WithCancel(h.ctx)
	h.log.Info("role", "role", v.Role, "epoch", v.Epoch, "was", was.role, "record", v.Record.Version, "in_sync", members(v.Record.InSync))
	h.link.Now()
	if v.Role == role.Active {
		h.blackbox.Note(fmt.Sprintf("epoch-%d", v.Epoch))
	}
}

// renew gives terminal-if a right to answer unless it has that one. It runs on the driver's goroutine.
func (h *host) renew(right lease.Right) {
	if h.tenure.muted {
		right = lease.Right{}
	}
	if before := h.right.Swap(&right); before == nil || *before != right {
		h.publishRight(right)
	}
}
