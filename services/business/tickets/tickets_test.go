package tickets_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/outbox"
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

// TestAccounting_IsToldOfEachSeat: what is sold and what is free again, in the update that makes it so, and nothing before somebody is named.
func TestAccounting_IsToldOfEachSeat(t *testing.T) {
	host := businesstest.NewHost(t)
	host.Run(tickets.Service())
	host.Database.SetTargets("accounting")
	counter := uint64(0)
	ask := func(operation, body string, code int) {
		t.Helper()
		counter++
		if r := host.Call(businesstest.Numbered(counter, "tickets", operation, body)); r.Code != code {
			t.Errorf("%s %s: %d %s, want %d", operation, body, r.Code, r.Message, code)
		}
	}
	ask("sell", `{"seat":"1","customer":"ann"}`, bus.CodeOK)
	ask("account", `{"target":"nobody"}`, bus.CodeAbsent)
	ask("account", `{"target":"a/b"}`, bus.CodeMalformed)
	ask("sell", `{"seat":"2","customer":"ann"}`, bus.CodeOK)
	if told := host.Database.Emitted(); len(told) != 0 {
		t.Fatalf("%+v", told)
	}
	ask("account", `{"target":"accounting"}`, bus.CodeOK)
	ask("sell", `{"seat":"3","customer":"ann"}`, bus.CodeOK)
	ask("sell", `{"seat":"3","customer":"bob"}`, bus.CodeConflict)
	ask("reserve", `{"seat":"row 4","customer":"ann"}`, bus.CodeOK)
	ask("give", `{"seat":"row 4","customer":"ann"}`, bus.CodeOK)
	ask("reserve", `{"seat":"5","customer":"bob"}`, bus.CodeOK)
	if r := host.Call(host.Fire("tickets", "5", 0)); r.Code != bus.CodeOK {
		t.Errorf("%d %s", r.Code, r.Message)
	}
	ask("account", `{"target":""}`, bus.CodeOK)
	ask("sell", `{"seat":"6","customer":"ann"}`, bus.CodeOK)
	var got []string
	for _, e := range host.Database.Emitted() {
		if e.Target != "accounting" || e.Service != "tickets" || !outbox.ValidLane(e.Lane) {
			t.Errorf("%+v", e)
		}
		got = append(got, string(e.Body))
	}
	want := []string{`{"event":"begun"}`, `{"event":"sold","seat":"3","customer":"ann"}`, `{"event":"free","seat":"row 4","customer":"ann"}`, `{"event":"free","seat":"5","customer":"bob"}`}
	if !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}
