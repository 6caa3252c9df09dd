package mainprocess

import (
	"sync/atomic"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/level"
)

// heard holds what the host's processes last reported.
type heard struct {
	updater   atomic.Pointer[bus.UpdaterState]  // nil: the updater is down
	terminals atomic.Pointer[bus.TerminalState] // nil: not heard yet
	empty     atomic.Bool                       // the host holds no data and belongs to no pair
}

// level is the level that this host's data are at; 0 while it is not known.
func (h *heard) level() level.Level {
	if s := h.updater.Load(); s != nil {
		return s.Level
	}
	return 0
}
