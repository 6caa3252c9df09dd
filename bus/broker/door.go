package broker

import (
	"net"
	"sync"
)

// door lets connections of a Network into a server that opens no port itself.
type door struct {
	listener net.Listener
	inside   func() (net.Conn, error) // the server's own end of a new connection
	open     sync.WaitGroup

	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	closed bool
}

func newDoor(listener net.Listener, inside func() (net.Conn, error)) *door {
	d := &door{listener: listener, inside: inside, conns: map[net.Conn]struct{}{}}
	d.open.Go(d.accept)
	return d
}

func (d *door) accept() {
	for {
		outer, err := d.listener.Accept()
		if err != nil {
			return // closed
		}
		inner, err := d.inside()
		if err != nil {
			_ = outer.Close() // the server takes no more, which the other side sees
			continue
		}
		if !d.keep(outer) {
			_ = outer.Close()
			_ = inner.Close()
			return
		}
		var both sync.WaitGroup
		both.Go(func() { carry(inner, outer) })
		both.Go(func() { carry(outer, inner) })
		d.open.Go(func() {
			both.Wait()
			d.forget(outer)
		})
	}
}

// carry moves what one end says to the other until either is closed, then closes both.
func carry(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (d *door) keep(c net.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return false
	}
	d.conns[c] = struct{}{}
	return true
}

func (d *door) forget(c net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.conns, c)
}

// shut takes no more connections.
func (d *door) shut() { _ = d.listener.Close() }

// close ends the connections too, and waits until all is said. Repeatable.
func (d *door) close() {
	d.shut()
	d.mu.Lock()
	d.closed = true
	for c := range d.conns {
		_ = c.Close()
	}
	d.mu.Unlock()
	d.open.Wait()
}
