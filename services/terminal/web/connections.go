package web

import (
	"context"
	"net"
	"net/http"
	"sync"
)

// maxConnections bounds those that are open at the same time.
const maxConnections = 1024

// manySilent is which part of all connections those are, that have never asked anything, when they go before the others.
const manySilent = 4

// connections bounds the connections of a server. Beyond the bound the one is closed that has waited longest without a
// complete request: so requests are served, however many other connections are held open, or send half of a request.
// Connections without any request are closed before those that had one, as long as there are many: an application keeps
// using its connection.
//
// A client that receives a file does not count as waiting for an answer, however slowly it reads: otherwise unread
// files would block others.
type connections struct {
	most int
	over func() // one is too many

	mu   sync.Mutex
	list map[net.Conn]*connection
	turn uint64
}

type connection struct {
	asked  bool // it has had a complete request
	asking bool // a complete request has no answer yet
	since  uint64
}

func newConnections(most int, over func()) *connections {
	return &connections{most: most, over: over, list: map[net.Conn]*connection{}}
}

// connKey finds the connection of a call.
type connKey struct{}

// with puts a connection into the context of its calls, as http.Server.ConnContext.
func (c *connections) with(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, conn)
}

// state handles the events of each connection, as http.Server.ConnState.
func (c *connections) state(conn net.Conn, state http.ConnState) {
	if over := c.note(conn, state); over != nil {
		c.over()
		_ = over.Close() // its end is reported too
	}
}

// note records an event, and returns a connection beyond the bound.
func (c *connections) note(conn net.Conn, state http.ConnState) (over net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turn++
	switch state {
	case http.StateNew:
		c.list[conn] = &connection{since: c.turn}
		if len(c.list) > c.most {
			return c.oldest()
		}
	case http.StateClosed, http.StateHijacked:
		delete(c.list, conn)
	case http.StateIdle:
		if known := c.list[conn]; known != nil {
			known.asking, known.since = false, c.turn
		}
	}
	return nil
}

// oldest removes the connection that has waited longest and returns it; there is one, since the newest waits.
func (c *connections) oldest() (found net.Conn) {
	var silent net.Conn // of those that have never asked
	silents := 0
	for conn, known := range c.list {
		if known.asking {
			continue
		}
		if found == nil || known.since < c.list[found].since {
			found = conn
		}
		if known.asked {
			continue
		}
		if silents++; silent == nil || known.since < c.list[silent].since {
			silent = conn
		}
	}
	if silents > c.most/manySilent {
		found = silent
	}
	delete(c.list, found)
	return found
}

// begin records a complete request; waits: it is for an answer.
func (c *connections) begin(r *http.Request, waits bool) {
	conn, _ := r.Context().Value(connKey{}).(net.Conn)
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.list[conn]; known != nil {
		known.asked, known.asking = true, waits
	}
}
