package mainprocess

import (
	"context"
	"time"

	"github.com/hotpair/hotpair/services/role"
)

// A main that starts gives way to a host that has just taken over, or is about to: the start of its own processes takes as
// much processor as the takeover itself, and where both hosts share a machine all terminals wait for both. Nothing of
// this decides anything; it only says when processes are started.

// settling is how long after a takeover a host asks others to keep out of its way: its terminals are attached meanwhile, and
// what waited at them is done. It is also the longest that a main gives way.
func settling(lease time.Duration) time.Duration { return lease / 4 }

// firstWord is how long a main that starts waits for the first word of the other one, and for a standby to notice that the main
// before this one is gone: it does at once, or not because of that.
func firstWord(lease time.Duration) time.Duration { return lease / 16 }

// settles reports whether this host is taking over or did so a moment ago.
func (h *host) settles(v role.View) bool {
	return v.Role == role.Takeover || v.Role == role.Active && h.clock()-v.Since < settling(h.config.Lease)
}

// giveWay returns when this host's processes may start: at once when nobody is there, or who is there has no use for it; at
// the latest when one of both contexts ends.
func (h *host) giveWay(ctx, running context.Context) {
	begun := time.Now()
	ctx, cancel := context.WithTimeout(ctx, settling(h.config.Lease))
	defer cancel()
	defer context.AfterFunc(running, cancel)()
	first, heard := context.WithTimeout(ctx, firstWord(h.config.Lease))
	defer heard()
	defer context.AfterFunc(h.link.apart, heard)()
	gone := func() bool {
		e := role.Evidence(h.linkSeen.Load())
		return e == role.Refused || e == role.Ended
	}
	h.awaitOrEnd(first, func(v role.View) bool { return gone() || v.HasPeer && v.Peer.Role != role.Standby })
	h.awaitOrEnd(ctx, func(role.View) bool { return gone() || !h.peerSettles.Load() })
	h.log.Info("processes start", "took", time.Since(begun))
}

// awaitOrEnd waits until the view is as wanted, or ctx ends.
func (h *host) awaitOrEnd(ctx context.Context, wanted func(role.View) bool) {
	if !wanted(h.driver.View()) {
		_ = h.await(ctx, wanted) // that it ended is as good as any other end
	}
}
