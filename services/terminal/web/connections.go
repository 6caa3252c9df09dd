package web

import (
	"context"
	"net"
	"net/http"
	"sync"
)

// maxConnections bounds those that are open at the same time.
const maxConnections = 1024

// connections bounds the connections of a server. Of too many the one is closed that has waited longest without a call that has come in
// whole: who asks something is served, however many others hold connections, or send half of a request and no more.
type connections struct {
	most int
	over func() // one is too many

	mu   sync.Mutex
	list map[net.Conn]*connection
	turn uint64
}

type connection struct {
	busy  bool // a call has come in, and has no answer yet
	since uint64
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

// state is told what becomes of each connection, as http.Server.ConnState.
func (c *connections) state(conn net.Conn, state http.ConnState) {
	if over := c.note(conn, state); over != nil {
		c.over()
		_ = over.Close() // its end is told too
	}
}

// note takes what is told, and gives a connection that is too many.
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
		if held := c.list[conn]; held != nil {
			held.busy, held.since = false, c.turn
		}
	}
	return nil
}

// oldest forgets the connection that has waited longest and gives it; there is one, since the newest waits.
func (c *connections) oldest() (found net.Conn) {
	for conn, held := range c.list {
		if !held.busy && (found == nil || held.since < c.list[found].since) {
			found = conn
		}
	}
	delete(c.list, found)
	return found
}

// begin notes that a call has come in whole.
func (c *connections) begin(r *http.Request) {
	conn, _ := r.Context().Value(connKey{}).(net.Conn)
	c.mu.Lock()
	defer c.mu.Unlock()
	if held := c.list[conn]; held != nil {
		held.busy = true
	}
}
