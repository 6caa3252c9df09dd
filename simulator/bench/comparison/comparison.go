// Package comparison is the pair beside what a user would pick instead, in a few lines: what the rows of such a measurement are
// called, what of the pair counts as its servers, and the tables that show it.
package comparison

import (
	"fmt"

	"github.com/hotpair/hotpair/simulator/bench/proc"
)

// Systems, as rows call them.
const (
	Limit    = "limit"
	Redis    = "redis"
	Etcd     = "etcd"
	Leader   = "etcd at its leader" // etcd whose clients are told of the leader alone: they can't follow when it is lost
	Pair     = "hotpair"
	StandIns = "hotpair at stand-ins" // the pair with stand-ins for its terminals
)

// Metrics that the tables show.
const (
	Rate    = "rate"
	OfLimit = "of the limit"
	P50     = "p50"
	Servers = "cpu of the servers"
	Agents  = "cpu of the agents"
	Gap     = "gap"
)

// Times is the metric of a rate that is told as a multiple of another system's in the same round.
func Times(other string) string { return "times " + other }

// Shared is how many connections all clients of a system share, each at a terminal of its own where there are terminals.
const Shared = 8

// Work is what clients do at the same time.
type Work struct {
	Clients int
	Reads   bool
}

// Connections are as many as there are clients, up to Shared.
func (w Work) Connections() int { return min(w.Clients, Shared) }

// Row names the work of a system.
func (w Work) Row(system string) string {
	if w.Reads {
		system += ", reads"
	}
	if w.Connections() == w.Clients || system == Limit {
		return fmt.Sprintf("%s, %d clients", system, w.Clients)
	}
	return fmt.Sprintf("%s, %d clients on %d connections", system, w.Clients, w.Connections())
}

// Losses of the host or node that serves.
const (
	Killed = "leader killed" // SIGKILL
	Frozen = "leader frozen" // SIGSTOP
)

// Settings of a system.
const (
	Shipped = "shipped"
	Tuned   = "tuned"
)

// LossRow names a loss of a system.
func LossRow(system, setting, loss string) string {
	return fmt.Sprintf("%s %s, %s", system, setting, loss)
}

// Owners of processes that are neither of the servers: the clients, and what stands in the field on machines of its own.
const (
	OwnerClients = "clients"
	OwnerAgents  = "terminals"
)

// Costs tells what was used by owner and process: by the servers, which is everybody that owns nothing else here, by the agents of
// terminals and by the clients.
func Costs(used map[string]map[string]proc.Usage) (servers, agents, clients proc.Usage) {
	for owner, processes := range used {
		switch total := proc.Total(processes); owner {
		case OwnerClients:
			clients = clients.Plus(total)
		case OwnerAgents:
			agents = agents.Plus(total)
		default:
			servers = servers.Plus(total)
		}
	}
	return servers, agents, clients
}
