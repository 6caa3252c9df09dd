package local

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"

	"github.com/hotpair/hotpair/deployments/founding"
)

// DefaultPort is the base of all ports of a cluster. It is far from the defaults of real hosts (7701 and up), so that
// a cluster and a host can live on one machine, and below the range that the kernel gives to outgoing connections, so
// that a host that was killed finds its ports free again.
const DefaultPort = 7800

// Offsets of ports from the base. Each host has a block of its own; terminals come last because their number is open.
const (
	portHTTP = iota
	portLink
	portReplication
	portBus

	blockA         = 0
	blockB         = 10
	offsetWitness  = 20
	offsetTerminal = 30
)

// MaxTerminals bounds the terminals of one cluster, each with three ports.
const MaxTerminals = 5000

// ErrPort says that a port which the cluster needs is in use.
var ErrPort = errors.New("port in use")

// ports are the addresses of one cluster, all on loopback.
type ports struct {
	base, terminals int
	silent          bool // no applications over HTTP
}

func (p ports) address(offset int) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(p.base+offset))
}

// machine is a part of the pair whose ports begin at an offset.
func (p ports) machine(name string, offset int) founding.Machine {
	own := p.base + offset
	return founding.Machine{Name: name, Address: "127.0.0.1", Ports: founding.Ports{HTTP: own + portHTTP, Link: own + portLink, Replication: own + portReplication, Bus: own + portBus, Witness: own}}
}

// terminal is the address for hosts, application the one for applications.
func (p ports) terminal(i int) string    { return p.address(offsetTerminal + 2*i + 1) }
func (p ports) application(i int) string { return p.address(offsetTerminal + 2*i) }

// http is the address of a terminal for applications over HTTP: after all others, whose ports it does not change.
func (p ports) http(i int) string { return p.address(p.httpOffset(i)) }

func (p ports) httpOffset(i int) int { return offsetTerminal + 2*p.terminals + i }

// count is the number of ports from the first on.
func (p ports) count() int {
	if p.silent {
		return p.httpOffset(0)
	}
	return p.httpOffset(p.terminals)
}

// used names every port that the cluster listens on.
func (p ports) used() map[int]string {
	used := map[int]string{p.base + offsetWitness: "the witness"}
	for block, host := range map[int]string{blockA: "host a", blockB: "host b"} {
		used[p.base+block+portHTTP] = "the console of " + host
		used[p.base+block+portLink] = "the link of " + host
		used[p.base+block+portReplication] = "the replication of " + host
		used[p.base+block+portBus] = "the bus of " + host
	}
	for i := range p.terminals {
		used[p.base+offsetTerminal+2*i] = "applications of terminal " + TerminalID(i)
		used[p.base+offsetTerminal+2*i+1] = "terminal " + TerminalID(i)
		if !p.silent {
			used[p.base+p.httpOffset(i)] = "applications over HTTP of terminal " + TerminalID(i)
		}
	}
	return used
}

// check finds a port in use. It tries both the loopback address and all addresses, since a listener on either keeps a
// host from its port.
func (p ports) check() error {
	for number, user := range p.used() {
		if number > 65535 {
			return fmt.Errorf("%w: port %d for %s is out of range: choose a lower --port", ErrPort, number, user)
		}
		for _, host := range []string{"127.0.0.1", ""} {
			l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(number)))
			if err != nil {
				return fmt.Errorf("%w: port %d, needed for %s: stop the program that uses it, or choose other ports with --port (0 picks free ones)", ErrPort, number, user)
			}
			if err := l.Close(); err != nil {
				return fmt.Errorf("close probe of port %d: %w", number, err)
			}
		}
	}
	return nil
}

// choosePorts chooses the ports: from the requested first one, or for 0 those that the directory had before, if they
// are free, and otherwise a free block. The block is below the kernel's range for outgoing connections, for the
// reason given at DefaultPort.
func choosePorts(base, before, terminals int, silent bool) (ports, error) {
	p := ports{base: base, terminals: terminals, silent: silent}
	if base != 0 {
		return p, p.check()
	}
	if p.base = before; before != 0 && p.check() == nil {
		return p, nil
	}
	const lowest, highest, attempts = 10000, 32000, 50
	var err error
	for range attempts {
		p.base = lowest + rand.IntN(highest-lowest-p.count())
		if err = p.check(); err == nil {
			return p, nil
		}
	}
	return ports{}, fmt.Errorf("no free block of %d ports found: %w", p.count(), err)
}

// portsBefore is the first port of the cluster that a directory had, 0 if unknown. The pair's own table of terminals,
// once it has one, still contains these ports.
func (d *directory) portsBefore() int {
	f, err := ReadFile(d.path)
	if err != nil {
		return 0 // a new directory; what is damaged is written anew
	}
	_, port, err := net.SplitHostPort(f.Witness.Address)
	if err != nil {
		return 0
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return 0
	}
	return max(0, int(number)-offsetWitness)
}

// TerminalID is the id of the terminal with this index.
func TerminalID(i int) string { return "t" + strconv.Itoa(i+1) }
