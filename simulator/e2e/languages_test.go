package e2e_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/business/languagetest"
	"github.com/hotpair/hotpair/services/business/tickets"
	"github.com/hotpair/hotpair/simulator/pair"
)

// TestLanguages_ServeAPair: the service sells no seat twice and ends each reservation once in each language, while it is killed and its host
// too.
func TestLanguages_ServeAPair(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a pair")
	}
	sideBySide(t)
	for _, l := range languagetest.All() {
		t.Run(l.Name, func(t *testing.T) { servesAPair(t, l) })
	}
}

func servesAPair(t *testing.T, l languagetest.Language) {
	program := l.Tickets(t)
	sideBySide(t)
	c := startCluster(t, []string{"--terminals", "2"}, "HOTPAIR_BUSINESS=kv,tickets="+program, "PYTHONDONTWRITEBYTECODE=1", leaseSetting)
	c.awaitPaired()
	var conns []*nats.Conn
	for _, terminal := range c.File().Terminals {
		nc, err := nats.Connect(terminal.Address, nats.MaxReconnects(-1))
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		conns = append(conns, nc)
	}
	// ask asks under an id of its own until the outcome is known.
	ask := func(nc *nats.Conn, operation, body string) (code string, seat tickets.Seat) {
		m := nats.NewMsg("request.tickets." + operation)
		m.Header.Set(bus.HeaderRequestID, time.Now().UTC().Format(time.RFC3339Nano)+"/"+operation+body)
		m.Data = []byte(body)
		for deadline := time.Now().Add(healWithin); time.Now().Before(deadline); {
			reply, err := nc.RequestMsg(m, healWithin)
			if err != nil {
				continue
			}
			switch code = reply.Header.Get(bus.HeaderErrorCode); code {
			case "503", "504":
				continue
			case "":
				if err := json.Unmarshal(reply.Data, &seat); err != nil {
					t.Errorf("%s: %v", reply.Data, err)
				}
			}
			return code, seat
		}
		t.Errorf("%s %s: no answer within %s, the last one was %s", operation, body, healWithin, code)
		return code, seat
	}

	const reserved, most = 10, 20_000
	for n := range reserved {
		if code, seat := ask(conns[0], "reserve", fmt.Sprintf(`{"seat":"r%d","customer":"ann","seconds":2}`, n)); code != "" || seat.State != tickets.Reserved {
			t.Fatalf("%s %+v", code, seat)
		}
	}
	// Both terminals want the same seats; meanwhile the process is killed, and then its host.
	var selling sync.WaitGroup
	over := make(chan struct{})
	var mu sync.Mutex
	sold := map[string][]string{}
	for n, nc := range conns {
		selling.Go(func() {
			customer := fmt.Sprintf("c%d", n)
			for h := range most {
				select {
				case <-over:
					return
				default:
				}
				if code, seat := ask(nc, "sell", fmt.Sprintf(`{"seat":"s%d","customer":%q}`, h, customer)); code == "" {
					mu.Lock()
					sold[seat.Seat] = append(sold[seat.Seat], customer)
					mu.Unlock()
				}
			}
		})
	}
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(sold)
	}
	sellOn := func(where string) {
		there := count()
		c.Await(healWithin, "seats that are sold "+where, func() bool { return count() > there+20 })
	}
	sellOn("at first")
	kill := func(process string) {
		active, status := c.mustActive()
		if err := syscall.Kill(status.Processes[process].PID, syscall.SIGKILL); err != nil {
			t.Error(err)
		}
		c.Await(healWithin, process+" that is back", func() bool {
			s, err := c.Status(active)
			p := s.Processes[process]
			return err == nil && p.State == "ready" && p.Restarts == 1
		})
	}
	const service = "business.tickets"
	kill(service)
	sellOn("by the new process")
	// It goes on through restarts of those whom it talks with.
	for _, process := range []string{"terminal-if", "updater"} {
		kill(process)
		sellOn("after a restart of " + process)
	}
	active, status := c.mustActive()
	if p := status.Processes[service]; p.Restarts != 1 {
		t.Errorf("the service was started again %d times, want once", p.Restarts)
	}
	before := count()
	c.order("kill", active)
	c.Await(healWithin, "host that serves instead", func() bool {
		now, _ := c.active()
		return now == pair.Other(active)
	})
	sellOn("at the other host")
	close(over)
	selling.Wait()
	t.Logf("measured: %d seats sold before the host was killed, %d in all", before, len(sold))
	for seat, customers := range sold {
		if len(customers) != 1 {
			t.Errorf("seat %s was sold to %v", seat, customers)
		}
		// What was acknowledged is so, also what was sold by those that were killed.
		if code, now := ask(conns[0], "look", fmt.Sprintf(`{"seat":%q}`, seat)); code != "" || now.State != tickets.Sold || now.Customer != customers[0] {
			t.Errorf("seat %s was sold to %s, and is %s %+v", seat, customers[0], code, now)
		}
	}
	c.Await(healWithin, "end of the reservations", func() bool {
		for n := range reserved {
			if _, seat := ask(conns[0], "look", fmt.Sprintf(`{"seat":"r%d"}`, n)); seat.State != tickets.Free || seat.Released != 1 {
				return false
			}
		}
		return true
	})
}
