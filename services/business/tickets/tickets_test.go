package tickets_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/business/businesstest"
	"github.com/hotpair/hotpair/services/business/tickets"
	"github.com/hotpair/hotpair/services/business/tickets/ticketstest"
)

func TestTickets_Operations(t *testing.T) {
	host := businesstest.NewHost(t)
	host.Run(tickets.Service())
	ticketstest.Run(t, host, host.Call)
}

func TestTickets_ReservationEndsByItself(t *testing.T) {
	host := businesstest.NewHost(t)
	host.Run(tickets.Service())
	host.Call(businesstest.Numbered(1, tickets.Name, "reserve", `{"seat":"1","customer":"ann"}`))
	run := host.Fire(tickets.Name, "1", 0)
	if run.Timer.Revision == 0 {
		t.Fatal("the timer has no revision")
	}
	for n, want := range []int{bus.CodeOK, bus.CodeTooOld} {
		if r := host.Call(run); r.Code != want {
			t.Errorf("run %d: %d %s", n+1, r.Code, r.Message)
		}
	}
	r := host.Call(businesstest.Request(tickets.Name, "look", `{"seat":"1"}`))
	if string(r.Body) != `{"seat":"1","state":"free","released":1}` {
		t.Errorf("%s", r.Body)
	}
	r = host.Call(businesstest.Request(tickets.Name, "find", `{"customer":"ann"}`))
	if string(r.Body) != `{"seats":[],"more":false}` {
		t.Errorf("%s", r.Body)
	}
}

// TestTickets_NoSeatTwice: many customers want the same few seats, and reservations end beside them.
func TestTickets_NoSeatTwice(t *testing.T) {
	const customers, halls = 16, 40
	host := businesstest.NewHost(t)
	host.Run(tickets.Service())
	caller := host.Caller(tickets.Name)
	var mu sync.Mutex
	sold := map[string][]string{}
	var working sync.WaitGroup
	for c := range customers {
		name := fmt.Sprintf("c%d", c)
		working.Go(func() {
			for s := range halls {
				for n, operation := range []string{"reserve", "sell"} {
					q := businesstest.Numbered(uint64(1+2*(c*halls+s)+n), tickets.Name, operation, fmt.Sprintf(`{"seat":"%d","customer":%q}`, s, name))
					r, err := caller.Call(t.Context(), q)
					if err != nil {
						t.Error(err)
					}
					if operation == "sell" && r.Code == bus.CodeOK {
						mu.Lock()
						sold[fmt.Sprint(s)] = append(sold[fmt.Sprint(s)], name)
						mu.Unlock()
					}
				}
			}
		})
	}
	working.Wait()
	for s := range halls {
		seat := fmt.Sprint(s)
		if len(sold[seat]) != 1 {
			t.Fatalf("seat %s was sold to %v", seat, sold[seat])
		}
		if _, waits := host.Database.Timer(tickets.Name, seat); waits {
			t.Errorf("the timer of seat %s is left", seat)
		}
		var found tickets.Found
		r := host.Call(businesstest.Request(tickets.Name, "find", fmt.Sprintf(`{"customer":%q}`, sold[seat][0])))
		if err := json.Unmarshal(r.Body, &found); err != nil || len(found.Seats) == 0 {
			t.Errorf("%s: %v", r.Body, err)
		}
	}
	if late := host.Call(businesstest.Request(tickets.Name, "find", `{"customer":"c0","after":"zzz"}`)); string(late.Body) != `{"seats":[],"more":false}` {
		t.Errorf("%s", late.Body)
	}
}
