// Package pair has what a pair that is tried is called by, whether each of its machines is a network namespace, as in the lab,
// or all are in one process, as in the world; and how it is described when it is not as it should be.
package pair

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/operator"
)

// The machines of a pair, besides its terminals, which are t1, t2, …
const (
	HostA   = "a"
	HostB   = "b"
	Witness = "witness"
)

// Ports, the same on every machine: each has a network of its own.
const (
	PortBus         = 7701
	PortLink        = 7702
	PortReplication = 7703
	PortHTTP        = 7704
	PortWitness     = 7705
	PortTerminal    = 4223 // of the agent, for hosts
	PortApps        = 4222 // of the agent, for applications
	PortPrograms    = 4280 // of the agent, for applications that speak HTTP
)

var (
	// ErrNotHealed says that the pair did not come back though every fault had ended.
	ErrNotHealed = errors.New("not healed")
	// ErrDiverged says that the hosts do not hold the same updates.
	ErrDiverged = errors.New("the hosts differ")
)

// Hosts are both hosts.
func Hosts() []string { return []string{HostA, HostB} }

// Other is the other host.
func Other(host string) string {
	if host == HostA {
		return HostB
	}
	return HostA
}

// TerminalID is the id of a terminal by its index, counted from 0, and the name of its machine.
func TerminalID(i int) string { return "t" + strconv.Itoa(i+1) }

// Identity is who a machine of the pair is, in the trust domain of a pair.
func Identity(domain, machine string) identity.Name {
	switch machine {
	case Witness:
		return identity.Witness(domain)
	case HostA, HostB:
		return identity.Host(domain, machine)
	}
	return identity.Terminal(domain, machine)
}

// Describe says in one line how both hosts are, as they answer.
func Describe(status func(host string) (operator.Status, error)) string {
	var parts []string
	for _, host := range Hosts() {
		s, err := status(host)
		if err != nil {
			parts = append(parts, err.Error())
			continue
		}
		parts = append(parts, fmt.Sprintf("%s is %s %s, epoch %d, at %s, in sync %v, waiting for %q, unfit %q, peer %s %s %s, terminals %+v, alarms %+v",
			host, s.Role, s.Mode, s.Epoch, s.Position, s.InSync, s.WaitingFor, s.Unfit, s.Peer.Link, s.Peer.Replication, s.Peer.Progress, s.Terminals, s.Alarms))
	}
	return strings.Join(parts, "; ")
}
