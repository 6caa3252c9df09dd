package mainprocess

import (
	"sync/atomic"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/role"
)

// heard is what the host's processes said last.
type heard struct {
	updater   atomic.Pointer[bus.UpdaterState]  // nil: it is down
	terminals atomic.Pointer[bus.TerminalState] // nil: not heard yet
	empty     atomic.Bool                       // the host holds nothing and belongs to no pair
}

func progress(peer string) role.Progress {
	switch peer {
	case bus.PeerClose:
		return role.Close
	case bus.PeerHeld:
		return role.Held
	case bus.PeerProbe, bus.PeerCatchingUp, bus.PeerCopying, bus.PeerRefused:
		return role.Behind
	}
	return role.Absent
}
