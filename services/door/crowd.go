package door

import (
	"net"
	"net/netip"
	"slices"
	"sync"
)

// guest is a connection that is not authenticated yet.
type guest struct {
	conn   net.Conn
	source string
	number uint64 // of arrival
	pushed bool   // evicted, to make room
}

// crowd bounds the guests. When it is full, the oldest guest of the source with the most guests is evicted for the
// new one: an honest peer needs milliseconds, so it has finished long before it is the oldest, while refusing new
// guests would let attackers occupy all places.
type crowd struct {
	most, each int

	mu     sync.Mutex
	number uint64
	total  int
	by     map[string][]*guest // source → its guests, the oldest first
}

func newCrowd(most, each int) *crowd {
	return &crowd{most: most, each: each, by: map[string][]*guest{}}
}

// sourceOf returns what is counted as one source: an IPv4 address, or the network of an IPv6 address, all of which
// one machine may have.
func sourceOf(address net.Addr) string {
	at, err := netip.ParseAddrPort(address.String())
	if err != nil {
		return address.String()
	}
	ip := at.Addr().Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	network, err := ip.Prefix(64)
	if err != nil {
		return ip.String()
	}
	return network.String()
}

// enter adds a guest, and returns the one evicted for it, or nil.
func (c *crowd) enter(conn net.Conn) (in, out *guest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.number++
	in = &guest{conn: conn, source: sourceOf(conn.RemoteAddr()), number: c.number}
	switch {
	case len(c.by[in.source]) >= c.each:
		out = c.by[in.source][0]
	case c.total >= c.most:
		out = c.largest()[0]
	}
	if out != nil {
		c.remove(out)
		out.pushed = true
	}
	c.by[in.source] = append(c.by[in.source], in)
	c.total++
	return in, out
}

// largest returns the guests of the source with the most; among several, of the one with the oldest guest.
func (c *crowd) largest() (most []*guest) {
	for _, guests := range c.by {
		if len(guests) > len(most) || len(guests) == len(most) && guests[0].number < most[0].number {
			most = guests
		}
	}
	return most
}

// leave removes a guest, and reports whether it had been evicted.
func (c *crowd) leave(g *guest) (pushed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !g.pushed {
		c.remove(g)
	}
	return g.pushed
}

func (c *crowd) remove(g *guest) {
	guests := c.by[g.source]
	i := slices.Index(guests, g)
	if i < 0 {
		return
	}
	if guests = slices.Delete(guests, i, i+1); len(guests) == 0 {
		delete(c.by, g.source)
	} else {
		c.by[g.source] = guests
	}
	c.total--
}

func (c *crowd) size() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.total
}
