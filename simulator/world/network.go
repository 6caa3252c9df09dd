package world

import (
	"context"
	"errors"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/hotpair/hotpair/services/pace"
)

// hop is the normal transit time of a message between two machines. It must not be zero: time in a bubble moves only
// when all goroutines wait for it.
const hop = 50 * time.Microsecond

// wire is one direction between two machines.
type wire struct{ from, to string }

// Network is the wires between machines, named by their addresses, in memory. A cut wire is silent: sent data wait,
// as with TCP retransmission, and arrive once the wire is repaired; a dial gets no answer. Writing never blocks,
// because a goroutine that holds a lock while it waits for the network would stop the bubble's clock.
type Network struct {
	mu      sync.Mutex
	ports   map[string]*listener // by host:port
	cut     map[wire]bool
	slow    map[wire]time.Duration
	stalled map[string]bool // servers by host:port whose connections are stalled
	streams map[*stream]struct{}
	changed chan struct{} // closed and replaced when a condition changes
	next    int           // free port
}

// NewNetwork returns a network without faults.
func NewNetwork() *Network {
	return &Network{
		ports: map[string]*listener{}, cut: map[wire]bool{}, slow: map[wire]time.Duration{}, stalled: map[string]bool{},
		streams: map[*stream]struct{}{}, changed: make(chan struct{}), next: 40000,
	}
}

// Cut cuts one direction.
func (n *Network) Cut(from, to string) { n.change(func() { n.cut[wire{from, to}] = true }) }

// Slow makes one direction slower.
func (n *Network) Slow(from, to string, by time.Duration) {
	n.change(func() { n.slow[wire{from, to}] = by })
}

// Stall holds all data to and from a server, on its own machine too, until it is released: like a server whose disk
// hangs.
func (n *Network) Stall(server string) { n.change(func() { n.stalled[server] = true }) }

// Release ends a stall.
func (n *Network) Release(server string) { n.change(func() { delete(n.stalled, server) }) }

// Repair repairs one direction and makes it as fast as before.
func (n *Network) Repair(from, to string) {
	n.change(func() { delete(n.cut, wire{from, to}); delete(n.slow, wire{from, to}) })
}

// RepairAll repairs everything.
func (n *Network) RepairAll() {
	n.change(func() { clear(n.cut); clear(n.slow); clear(n.stalled) })
}

// change changes conditions and wakes all that wait for that.
func (n *Network) change(do func()) {
	n.mu.Lock()
	do()
	close(n.changed)
	n.changed = make(chan struct{})
	streams := make([]*stream, 0, len(n.streams))
	for s := range n.streams {
		streams = append(streams, s)
	}
	n.mu.Unlock()
	for _, s := range streams {
		s.poke()
	}
}

// passes reports whether a stream's direction passes data now, and its transit time.
func (n *Network) passes(s *stream) (bool, time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return !n.cut[s.wire] && !n.stalled[s.server], n.latency(s.wire)
}

func (n *Network) latency(w wire) time.Duration {
	if w.from == w.to {
		return 0
	}
	return hop + n.slow[w]
}

// Endpoint is the sockets of one process on a machine.
type Endpoint struct {
	network *Network
	machine string

	mu        sync.Mutex
	severed   bool
	conns     map[*conn]struct{}
	listeners map[*listener]struct{}
}

// Endpoint makes one. Its machine is an IP address, because the NATS client looks names up.
func (n *Network) Endpoint(machine string) *Endpoint {
	return &Endpoint{network: n, machine: machine, conns: map[*conn]struct{}{}, listeners: map[*listener]struct{}{}}
}

// errSevered is the error of a killed process that does not know it yet.
var errSevered = errors.New("the process has been killed")

// Sever does what a kernel does with the sockets of a killed process: all are closed, and new ones fail.
func (e *Endpoint) Sever() {
	e.mu.Lock()
	e.severed = true
	conns, listeners := e.conns, e.listeners
	e.conns, e.listeners = map[*conn]struct{}{}, map[*listener]struct{}{}
	e.mu.Unlock()
	for l := range listeners {
		_ = l.Close()
	}
	for c := range conns {
		c.kill()
	}
}

// place resolves an address as this machine sees it.
func (e *Endpoint) place(address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", err
	}
	if host == "" || host == "127.0.0.1" || host == "localhost" {
		host = e.machine
	}
	return net.JoinHostPort(host, port), nil
}

// Listen implements bus.Network.
func (e *Endpoint) Listen(_ context.Context, address string) (net.Listener, error) {
	place, err := e.place(address)
	if err != nil {
		return nil, err
	}
	n := e.network
	n.mu.Lock()
	defer n.mu.Unlock()
	if host, port, _ := net.SplitHostPort(place); port == "0" {
		n.next++
		place = net.JoinHostPort(host, strconv.Itoa(n.next))
	}
	if n.ports[place] != nil {
		return nil, &net.OpError{Op: "listen", Net: "tcp", Err: os.NewSyscallError("bind", syscall.EADDRINUSE)}
	}
	l := &listener{endpoint: e, place: place, said: address, waiting: make(chan *conn, 4096), closed: make(chan struct{})}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.severed {
		return nil, errSevered
	}
	e.listeners[l] = struct{}{}
	n.ports[place] = l
	return l, nil
}

// Dial implements bus.Network.
func (e *Endpoint) Dial(ctx context.Context, address string) (net.Conn, error) {
	place, err := e.place(address)
	if err != nil {
		return nil, err
	}
	host, _, _ := net.SplitHostPort(place)
	there, back := wire{e.machine, host}, wire{host, e.machine}
	n := e.network
	for {
		n.mu.Lock()
		open, changed := !n.cut[there] && !n.cut[back], n.changed
		trip := n.latency(there) + n.latency(back)
		n.mu.Unlock()
		if open {
			if err := pace.Rest(ctx, trip); err != nil {
				return nil, dialError(err)
			}
			return e.meet(place)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, dialError(os.ErrDeadlineExceeded)
		}
	}
}

func dialError(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }

// meet makes the two ends of a connection to a port, or finds it closed.
func (e *Endpoint) meet(place string) (net.Conn, error) {
	n := e.network
	n.mu.Lock()
	l := n.ports[place]
	n.mu.Unlock()
	if l == nil {
		return nil, dialError(os.NewSyscallError("connect", syscall.ECONNREFUSED))
	}
	near, far := n.connect(e.machine, l.endpoint.machine, place)
	if !e.keep(near) || !l.endpoint.keep(far) {
		near.kill()
		far.kill()
		return nil, dialError(os.NewSyscallError("connect", syscall.ECONNREFUSED))
	}
	select {
	case l.waiting <- far:
		select {
		case <-l.closed: // perhaps after it was emptied
			far.kill()
		default:
		}
		return near, nil
	case <-l.closed:
		near.kill()
		far.kill()
		return nil, dialError(os.NewSyscallError("connect", syscall.ECONNREFUSED))
	}
}

func (e *Endpoint) keep(c *conn) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.severed {
		return false
	}
	c.endpoint = e
	e.conns[c] = struct{}{}
	return true
}

func (e *Endpoint) forget(c *conn) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.conns, c)
}

// listener is an open port.
type listener struct {
	endpoint *Endpoint
	place    string // host:port in the network
	said     string // as it was asked for
	waiting  chan *conn
	closed   chan struct{}
	once     sync.Once
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.waiting:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener: connections that nobody has accepted are reset.
func (l *listener) Close() error {
	l.once.Do(func() {
		n := l.endpoint.network
		n.mu.Lock()
		delete(n.ports, l.place)
		n.mu.Unlock()
		close(l.closed)
		for {
			select {
			case c := <-l.waiting:
				c.kill()
			default:
				return
			}
		}
	})
	return nil
}

// Addr implements net.Listener. A loopback address remains one, so that it is not mistaken for a public port.
func (l *listener) Addr() net.Addr {
	host, _, _ := net.SplitHostPort(l.said)
	_, port, _ := net.SplitHostPort(l.place)
	if host == "" {
		host = l.endpoint.machine
	}
	number, _ := strconv.Atoi(port)
	return &net.TCPAddr{IP: net.ParseIP(host), Port: number}
}
