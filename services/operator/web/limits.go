package web

import (
	"net"
	"net/http"
	"sync"

	"github.com/hotpair/hotpair/services/refusals"
)

// places bounds the concurrent calls: in all, from one address, and a few reserved ones for operators who may act. So
// readers can delay other readers, but nobody who has to act.
type places struct {
	all, each, reserved int

	mu    sync.Mutex
	open  int
	from  map[string]int
	extra int // of the reserved ones
}

func newPlaces(all, each, reserved int) *places {
	return &places{all: all, each: each, reserved: reserved, from: map[string]int{}}
}

// take returns the function that ends the call, nil when there is no place for it.
func (p *places) take(r *http.Request, acts bool) (leave func()) {
	address := hostName(r.RemoteAddr)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.open < p.all && p.from[address] < p.each:
		p.open++
		p.from[address]++
		return func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.open--
			if p.from[address]--; p.from[address] == 0 {
				delete(p.from, address)
			}
		}
	case acts && p.extra < p.reserved:
		p.extra++
		return func() { p.mu.Lock(); defer p.mu.Unlock(); p.extra-- }
	}
	return nil
}

// Bounds of connections: in all, and from one address.
const (
	maxConns     = 512
	maxConnsFrom = 256
)

// limits bounds the connections of a server. Of too many, the one that was idle longest is closed: a new caller is
// served, however many others hold idle connections.
type limits struct {
	mu      sync.Mutex
	refused *refusals.Counter

	conns map[net.Conn]*counted
	from  map[string]int
	turn  uint64
}

// held is one connection.
type counted struct {
	address string
	idle    bool // no call is under way on it
	since   uint64
}

func newLimits(refused *refusals.Counter) *limits {
	return &limits{refused: refused, conns: map[net.Conn]*counted{}, from: map[string]int{}}
}

// state takes the states of connections, as http.Server.ConnState.
func (l *limits) state(conn net.Conn, state http.ConnState) {
	if over := l.note(conn, state); over != nil {
		l.refused.Count(refusals.HTTPConnection)
		_ = over.Close() // its end comes as a state, too
	}
}

// note records a state, and returns a connection to close if there are too many.
func (l *limits) note(conn net.Conn, state http.ConnState) (over net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turn++
	h := l.conns[conn]
	switch state {
	case http.StateNew:
		address := hostName(conn.RemoteAddr().String())
		l.conns[conn] = &counted{address: address, idle: true, since: l.turn}
		l.from[address]++
		switch {
		case l.from[address] > maxConnsFrom:
			return l.oldest(address)
		case len(l.conns) > maxConns:
			return l.oldest("")
		}
	case http.StateClosed, http.StateHijacked:
		if h != nil {
			l.forget(conn, h)
		}
	default:
		if h != nil {
			h.idle, h.since = state == http.StateIdle, l.turn
		}
	}
	return nil
}

// oldest removes and returns the connection that was idle longest, of one address or of any.
func (l *limits) oldest(address string) (found net.Conn) {
	for conn, h := range l.conns {
		if h.idle && (address == "" || h.address == address) && (found == nil || h.since < l.conns[found].since) {
			found = conn
		}
	}
	if found != nil {
		l.forget(found, l.conns[found])
	}
	return found
}

func (l *limits) forget(conn net.Conn, h *counted) {
	delete(l.conns, conn)
	if l.from[h.address]--; l.from[h.address] == 0 {
		delete(l.from, h.address)
	}
}
