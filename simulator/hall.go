package simulator

import (
	"fmt"
	"slices"
	"sync"

	"github.com/hotpair/hotpair/services/business/tickets"
)

// hall holds the seats that all clients of a run want. The first one to ask gets it; the others must be refused.
type hall struct {
	name string
	each int // how many seats each client may sell
	most int // requested seats

	mu    sync.Mutex
	seats []*wantedSeat
}

// wantedSeat is a seat that all clients want.
type wantedSeat struct {
	name    string
	buyer   string   // customers who were told that it is theirs
	refused int      // how many were told that it is not
	doubts  []string // clients that do not know
}

func newHall(run string, clients int) *hall {
	return &hall{name: "sim-" + run + "-wanted", each: mostSold / 2 / clients, most: mostSold / 2}
}

// wanted names the next seat to sell, "" if all are sold.
func (h *hall) wanted() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if n := len(h.seats); n == 0 || n < h.most && h.seats[n-1].refused > 0 {
		h.seats = append(h.seats, &wantedSeat{name: fmt.Sprintf("%s-%d", h.name, n)})
	} else if h.seats[n-1].refused > 0 {
		return ""
	}
	return h.seats[len(h.seats)-1].name
}

func (h *hall) find(name string) *wantedSeat {
	for _, s := range slices.Backward(h.seats) { // one of the last
		if s.name == name {
			return s
		}
	}
	return &wantedSeat{name: name} // no client asks for a seat that the hall has not named
}

// asked records the answer to a client.
func (h *hall) asked(name, customer string, sold bool, wrongs *findings) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.find(name)
	switch {
	case !sold:
		s.refused++
	case s.buyer != "":
		wrongs.add(doubled, "seat %s is sold to %s and to %s", name, s.buyer, customer)
	default:
		s.buyer = customer
	}
}

func (h *hall) doubtful(name, customer string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.find(name)
	s.doubts = append(s.doubts, customer)
	s.refused++ // and the others continue with another one
}

// judge compares a requested seat with the answers to clients, and returns whether it is sold.
func (s *wantedSeat) judge(got tickets.Seat, wrongs *findings) (sold bool) {
	owner := got.Customer
	switch {
	case s.buyer != "" && (got.State != tickets.Sold || owner != s.buyer):
		wrongs.add(missing, "seat %s was sold to %s, and is %s by %q", s.name, s.buyer, got.State, owner)
	case s.buyer == "" && got.State == tickets.Sold && !slices.Contains(s.doubts, owner):
		wrongs.add(wrong, "seat %s is sold to %q, who was never told", s.name, owner)
	case s.buyer == "" && s.refused > len(s.doubts) && got.State != tickets.Sold:
		wrongs.add(missing, "seat %s was refused to customers as sold, but is %s", s.name, got.State)
	}
	return got.State == tickets.Sold
}
