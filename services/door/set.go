package door

import (
	"cmp"
	"slices"
	"sync"

	"github.com/hotpair/hotpair/services/identity"
)

// Set holds the listeners and the dialled connections of a process, to be inspected and swept together: a network
// exposes neither. The zero Set is ready for use. See Config.
type Set struct {
	mu      sync.Mutex
	doors   map[*Door]struct{}
	dialled map[*Conn]struct{}
	clear   map[*Clear]struct{} // dialled
}

// Stats returns those of each open listener, by name.
func (s *Set) Stats() []Stats {
	doors, _ := s.all()
	list := make([]Stats, len(doors))
	for i, d := range doors {
		list[i] = d.Stats()
	}
	slices.SortFunc(list, func(a, b Stats) int { return cmp.Compare(a.Door, b.Door) })
	return list
}

// Peers returns the peers of all connections, each certificate once, by name. An Expired one is an alarm.
func (s *Set) Peers() []identity.Peer {
	doors, conns := s.all()
	for _, d := range doors {
		conns = append(conns, d.conns()...)
	}
	seen := map[identity.Peer]bool{}
	for _, c := range conns {
		if p := c.peer; p != (identity.Peer{}) {
			// State at the start of the connection; the clock has moved on since.
			p.Expired = c.policy.Expired(p)
			seen[p] = true
		}
	}
	list := make([]identity.Peer, 0, len(seen))
	for p := range seen {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b identity.Peer) int {
		return cmp.Or(cmp.Compare(a.Name.String(), b.Name.String()), a.NotAfter.Compare(b.NotAfter))
	})
	return list
}

// Sweep closes all connections whose peers would be refused now, and returns those peers: see Door.Sweep. A dialling
// peer is judged like a dialled one.
func (s *Set) Sweep() (ended []identity.Peer) {
	doors, dialled := s.all()
	for _, d := range doors {
		ended = append(ended, d.Sweep()...)
	}
	return append(ended, sweep(dialled, func(*Conn, error) {})...)
}

// sweep closes those whose peers would be refused now, concurrently, and tells each the reason.
func sweep(conns []*Conn, tell func(*Conn, error)) (ended []identity.Peer) {
	var closing sync.WaitGroup
	for _, c := range conns {
		if err := c.Still(); err != nil {
			tell(c, err)
			ended = append(ended, c.peer)
			closing.Go(func() { _ = c.Close() })
		}
	}
	closing.Wait()
	return ended
}

func (s *Set) all() (doors []*Door, dialled []*Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for d := range s.doors {
		doors = append(doors, d)
	}
	for c := range s.dialled {
		dialled = append(dialled, c)
	}
	return doors, dialled
}

// add and remove accept a nil Set.
func (s *Set) add(d *Door) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.doors == nil {
		s.doors = map[*Door]struct{}{}
	}
	s.doors[d] = struct{}{}
}

func (s *Set) remove(d *Door) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.doors, d)
}

// keep registers a dialled connection until it is closed. The error says that its peer would be refused now: its
// policy has changed since the handshake, when no Sweep could see it.
func (s *Set) keep(c *Conn) error {
	s.mu.Lock()
	if s.dialled == nil {
		s.dialled = map[*Conn]struct{}{}
	}
	s.dialled[c] = struct{}{}
	s.mu.Unlock()
	return c.Still()
}

func (s *Set) gone(c *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.dialled, c)
}
