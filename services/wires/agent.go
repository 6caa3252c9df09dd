package wires

import (
	"log/slog"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/door"
	"github.com/hotpair/hotpair/services/identity"
)

// Agent is the network on which a terminal's agent listens for hosts, with credentials that are in no file, as one of
// many agents in a process.
func Agent(c *identity.Credentials, log *slog.Logger) bus.Network {
	return door.Wire{Under: bus.TCP{}, Door: door.Config{
		Name: string(terminal), Logger: log,
		Offers: []door.Offer{{Protocol: terminal, Source: identity.NewMemory(c), Policy: identity.Policy{Expect: identity.Any(c.Self.Name.Pair, identity.RoleHost)}}},
	}}
}
