package mainprocess

import (
	"context"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/lease"
	"github.com/hotpair/hotpair/services/process"
	"github.com/hotpair/hotpair/services/supervisor"
)

// Environment is what a main stands on. Each nil field is what the machine offers; a simulation brings its own.
type Environment struct {
	Clock   lease.Clock      // of leases and rights to answer
	Wall    func() time.Time // the wall clock
	Built   time.Time        // when this program was built; zero is what the binary says
	Network bus.Network      // of bus, link, witness and operators
	Start   process.Starter  // starts the host's processes
	// Overseer watches this main.
	Overseer Overseer
	// Restored is not nil when the host's data were restored from a backup and nobody has said what they are to be. Main does
	// nothing outward then: it dials no other host, no witness and no terminal, runs its updater only, and answers operators.
	Restored *bus.Restored
}

// Overseer is who watches main: its supervisor. Run tells it while main is alive that it does what it is for, until ctx
// ends; its error ends main at once, without the clean end.
type Overseer interface {
	Run(ctx context.Context, lease time.Duration, main supervisor.Watched) error
}
