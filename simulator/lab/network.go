package lab

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hotpair/hotpair/simulator/pair"
)

// Wire joins two nodes.
type Wire struct{ From, To string }

func (w Wire) String() string { return w.From + "-" + w.To }

// Back is the same wire, seen from its other end.
func (w Wire) Back() Wire { return Wire{w.To, w.From} }

// Cut is how a wire is cut.
type Cut string

const (
	// Unplugged takes the interface of the first node down: it is told "unreachable", the other hears nothing.
	Unplugged Cut = "unplugged"
	// Silent loses all frames both ways; neither end is told.
	Silent Cut = "silent"
	// OneDirection loses the frames from the first node to the second, whose own still arrive.
	OneDirection Cut = "one-way"
)

// Cuts are all ways to cut a wire.
func Cuts() []Cut { return []Cut{Unplugged, Silent, OneDirection} }

// nowhere is a hardware address that nobody has: frames to it are lost without a word.
const nowhere = "02:00:00:00:00:fe"

// network is the namespaces of all nodes with the wires between them.
type network struct {
	spaces    map[string]*space
	addresses map[string]string // where a node is reached by every other
	wires     []Wire
}

// newNetwork joins the hosts with each other, with the witness and with every terminal. Witness and terminals have
// nothing to say to each other. No node forwards: a cut wire has no way round it.
func newNetwork(terminals int) (*network, error) {
	nodes := []string{pair.HostA, pair.HostB, pair.Witness}
	wires := []Wire{{pair.HostA, pair.HostB}, {pair.HostA, pair.Witness}, {pair.HostB, pair.Witness}}
	for i := range terminals {
		nodes = append(nodes, pair.TerminalID(i))
		wires = append(wires, Wire{pair.HostA, pair.TerminalID(i)}, Wire{pair.HostB, pair.TerminalID(i)})
	}
	addresses := map[string]string{}
	for i, node := range nodes {
		// A range for private networks, used in the namespaces only.
		addresses[node] = fmt.Sprintf("10.199.%d.%d", i/250, 1+i%250)
	}
	return networkOf(addresses, wires)
}

// networkOf makes a namespace for each node that has an address, and joins them by wires.
func networkOf(addresses map[string]string, wires []Wire) (*network, error) {
	n := &network{spaces: map[string]*space{}, addresses: addresses, wires: wires}
	for node := range addresses {
		s, err := newSpace()
		if err != nil {
			return nil, errors.Join(err, n.close())
		}
		n.spaces[node] = s
	}
	for _, w := range n.wires {
		if err := n.lay(w); err != nil {
			return nil, errors.Join(fmt.Errorf("wire %s: %w", w, err), n.close())
		}
	}
	return n, nil
}

// lay makes a wire: a pair of interfaces, each named after the node that it leads to. Every node has one address on all
// its wires, and on each a route to that one peer, which comes back with the interface.
func (n *network) lay(w Wire) error {
	from, to := n.spaces[w.From], n.spaces[w.To]
	err := from.ip(fmt.Sprintf("link add %s type veth peer name %s netns %s", device(w.To), device(w.From), to.path()))
	for _, end := range []Wire{w, w.Back()} {
		if err == nil {
			err = n.spaces[end.From].ip(
				fmt.Sprintf("addr add %s peer %s dev %s", n.addresses[end.From], n.addresses[end.To], device(end.To)),
				fmt.Sprintf("link set %s up", device(end.To)))
		}
	}
	return err
}

func device(to string) string { return "to-" + to }

// cut cuts the wire between two nodes, seen from the first.
func (n *network) cut(from, to string, how Cut) error {
	var err error
	switch how {
	case Unplugged:
		err = n.spaces[from].ip(fmt.Sprintf("link set %s down", device(to)))
	case Silent:
		err = errors.Join(n.lose(from, to), n.lose(to, from))
	case OneDirection:
		err = n.lose(from, to)
	default:
		err = fmt.Errorf("no such cut: %q", how)
	}
	if err != nil {
		return fmt.Errorf("cut %s-%s: %w", from, to, err)
	}
	return nil
}

// lose has the frames from one node to another go nowhere. On an interface that is down there is nothing to lose.
func (n *network) lose(from, to string) error {
	err := n.spaces[from].ip(fmt.Sprintf("neigh replace %s lladdr %s dev %s nud permanent", n.addresses[to], nowhere, device(to)))
	if err != nil && strings.Contains(err.Error(), "Network is down") {
		return nil
	}
	return err
}

// join makes a wire whole, however it was cut.
func (n *network) join(w Wire) error {
	var failed []error
	for _, end := range []Wire{w, w.Back()} {
		var err error
		for range 5 {
			err = n.spaces[end.From].ip(fmt.Sprintf("link set %s up", device(end.To)), fmt.Sprintf("neigh flush dev %s nud permanent", device(end.To)))
			if err == nil || !strings.Contains(err.Error(), "No such file or directory") {
				break // else an entry went by itself between the look and the flush; what is left is flushed again
			}
		}
		failed = append(failed, err)
	}
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("join %s: %w", w, err)
	}
	return nil
}

// close gives the namespaces up; with their last process their wires go.
func (n *network) close() error {
	var failed []error
	for _, s := range n.spaces {
		failed = append(failed, s.close())
	}
	return errors.Join(failed...)
}

// wiresOf are the wires that end at a node.
func (n *network) wiresOf(node string) []Wire {
	return slices.DeleteFunc(slices.Clone(n.wires), func(w Wire) bool { return w.From != node && w.To != node })
}

// toTerminals are the wires of a host that lead to terminals.
func (n *network) toTerminals(host string) []Wire {
	return slices.DeleteFunc(n.wiresOf(host), func(w Wire) bool { return w.To == pair.Witness || w.To == pair.HostB })
}
