package mainprocess

import (
	"context"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/lease"
	"github.com/hotpair/hotpair/services/process"
	"github.com/hotpair/hotpair/services/supervisor"
)

// Environment is what a main runs on. A nil field means the machine's own; a simulation provides others.
type Environment struct {
	Clock   lease.Clock      // of leases and rights to answer
	Wall    func() time.Time // the wall clock
	Built   time.Time        // build time of this program; zero for that of the binary
	Network bus.Network      // of bus, link, witness and operators
	Start   process.Starter  // starts the host's processes
	// Overseer watches this main.
	Overseer Overseer
	// Restored is not nil while the host's data come from a backup and no operator has decided what they become. Main
	// then does nothing outward: it dials no other host, no witness and no terminal, runs only its updater, and
	// answers operators.
	Restored *bus.Restored
}

// Overseer watches main: its supervisor. While main is alive, Run tells it until ctx ends that main does its work; an
// error of Run ends main at once, without the clean end.
type Overseer interface {
	Run(ctx context.Context, lease time.Duration, main supervisor.Watched) error
}
