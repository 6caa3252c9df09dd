package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/business/languagetest"
	"github.com/hotpair/hotpair/services/business/tickets"
	"github.com/hotpair/hotpair/services/courier/receivertest"
	"github.com/hotpair/hotpair/services/courier/waybill"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/simulator"
	"github.com/hotpair/hotpair/simulator/boards"
	"github.com/hotpair/hotpair/simulator/pair"
)

// errAnswer says that an answer is not what it should be.
var errAnswer = errors.New("not as it should be")

// house is a cluster that sells seats, with boards at its terminals and accounting outside. What is checked is what its clients, the boards
// and accounting saw, and nothing else.
type house struct {
	*cluster
	receiver *receivertest.Receiver
	boards   []*nats.Conn
	killed   map[string]map[string]int // of hosts, of processes: its last id that was killed
	lapses   int                       // the first so many seats are reserved, and not sold before their reservation has ended

	mu     sync.Mutex
	buyers map[string]string // of seats, as clients were told
	wrong  []string
}

func (h *house) fault(format string, a ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.wrong = append(h.wrong, fmt.Sprintf(format, a...))
}

// TestSeats_SoldOnceToldOnce: clients buy seats while processes and hosts are killed, hosts hand over, and one is promoted by force. No seat
// is sold twice; each board is told of each seat once, and all in the same order; what was reserved and not sold is released once; and
// accounting has each of that once, in the order in which it happened to the seat. The long form is 500 seats, 64 clients, 20 kills and 5
// switchovers, with the service in each language.
func TestSeats_SoldOnceToldOnce(t *testing.T) {
	sideBySide(t)
	if !*long {
		sellSeats(t, tickets.Name)
		return
	}
	t.Run("Go", func(t *testing.T) { sellSeats(t, tickets.Name) })
	for _, l := range languagetest.All() {
		t.Run(l.Name, func(t *testing.T) { sellSeats(t, tickets.Name+"="+l.Tickets(t)) })
	}
}

// sellSeats plays it with a service, as HOTPAIR_BUSINESS has it.
func sellSeats(t *testing.T, service string) {
	seats, clients, kills, switchovers := 60, 16, 2, 1
	if *long {
		seats, clients, kills, switchovers = 500, 64, 20, 5
	}
	h := &house{cluster: startCluster(t, []string{"--terminals", "4"}, "HOTPAIR_BUSINESS=kv,"+service, "PYTHONDONTWRITEBYTECODE=1"), receiver: receivertest.New(t), lapses: seats / 5, buyers: map[string]string{}, killed: map[string]map[string]int{}}
	h.awaitPaired()
	active, _ := h.mustActive()
	if _, err := operator.CallSetTarget.Ask(t.Context(), h.client(active), waybill.SetTarget{Name: "accounting", New: true, URL: h.receiver.URL, Secret: receivertest.Secret, Roots: h.receiver.Roots()}); err != nil {
		t.Fatal(err)
	}
	for i, terminal := range h.File().Terminals {
		conn, err := nats.Connect(terminal.Address, nats.Name(fmt.Sprint("board ", i)), nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(conn.Close)
		h.boards = append(h.boards, conn)
	}
	if code, why := h.ask(h.boards[0], "begin", "account", tickets.Account{Target: "accounting"}); code != bus.CodeOK {
		t.Fatalf("%d %s", code, why)
	}

	// They buy as fast as faults come: the last seat is sold when the last fault is over.
	var buying sync.WaitGroup
	var allowed atomic.Int64
	over := make(chan struct{})
	for c := range clients {
		buying.Go(func() { h.buy(c, seats, &allowed, over) })
	}
	steps := kills + switchovers + 2
	next := func() { allowed.Add(int64((seats + steps - 1) / steps)) }
	next()
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	for n := range kills {
		active, _ := h.mustActive()
		switch n % 3 {
		case 0:
			h.order("kill", active)
			h.order("start", active)
		case 1: // all that has to do with it
			for _, process := range []string{"courier", "terminal-if", "business.tickets", "updater"} {
				h.killProcess(active, process)
			}
		case 2:
			h.order("kill", pair.Other(active))
			h.order("start", pair.Other(active))
		}
		next()
		if random.IntN(2) == 0 {
			h.awaitPaired()
		}
	}
	h.awaitStarted()
	for range switchovers {
		h.handOver()
		next()
	}
	h.awaitPaired()
	h.force()
	next()
	h.awaitPaired()
	allowed.Add(int64(seats))
	buying.Wait()
	close(over)
	h.judge(seats)
}

// killProcess kills one process of a host, whose main starts it again.
func (h *house) killProcess(host, name string) {
	h.Helper()
	s, err := h.Status(host)
	if err != nil {
		h.Fatal(err)
	}
	if pid := s.Processes[name].PID; pid > 0 { // else it is being started again
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended meanwhile
		if h.killed[host] == nil {
			h.killed[host] = map[string]int{}
		}
		h.killed[host][name] = pid
	}
}

// awaitStarted awaits that what was killed has been started again: a host whose updater ends while it hands over takes over again itself.
func (h *house) awaitStarted() {
	h.Helper()
	h.Await(healWithin, "all processes run that were killed", func() bool {
		for host, processes := range h.killed {
			s, err := h.Status(host)
			if err != nil {
				return false
			}
			for name, pid := range processes {
				if now := s.Processes[name]; now.PID == 0 || now.PID == pid || now.State != "ready" {
					return false
				}
			}
		}
		return true
	})
}

// force has the standby promoted by force after the active was lost: it lacks nothing, and takeovers are paused.
func (h *house) force() {
	h.Helper()
	first, _ := h.mustActive()
	second := pair.Other(first)
	h.must("pause", "--for", "10m", "--host", second)
	h.Await(healWithin, "both hosts know the pause", func() bool {
		a, errA := h.Status(first)
		b, errB := h.Status(second)
		return errA == nil && errB == nil && a.Pause != nil && b.Pause != nil
	})
	h.order("kill", first)
	h.Await(healWithin, "the standby holds back", func() bool {
		s, err := h.Status(second)
		return err == nil && s.Pause != nil && s.Pause.Deferred != ""
	})
	h.must("promote", "--force", "--host", second, "--accept-loss", "0")
	h.serves(second, healWithin)
	h.must("resume", "--host", second)
	h.order("start", first)
}

// ask asks for a change until its outcome is known.
func (h *house) ask(conn *nats.Conn, id, operation string, q any) (code int, why string) {
	body, err := json.Marshal(q)
	if err != nil {
		return -1, err.Error()
	}
	id = time.Now().UTC().Format(time.RFC3339) + "/" + id
	for began := time.Now(); time.Since(began) < 2*healWithin; {
		m := nats.NewMsg("request." + tickets.Name + "." + operation)
		m.Data = body
		m.Header.Set(bus.HeaderRequestID, id)
		m.Header.Set(bus.HeaderDeadline, "5s")
		reply, err := conn.RequestMsg(m, 7*time.Second)
		if err != nil {
			continue
		}
		switch text := reply.Header.Get(bus.HeaderErrorCode); text {
		case "":
			return bus.CodeOK, ""
		case "409", "400", "404", "413", "410":
			_, _ = fmt.Sscan(text, &code)
			return code, reply.Header.Get(bus.HeaderError)
		}
	}
	return -1, "no outcome"
}

// buy is one client: it takes the seats in an order of its own, and tries to sell each to its customer. One that another customer has is a
// conflict.
func (h *house) buy(client, seats int, allowed *atomic.Int64, over <-chan struct{}) {
	conn := h.boards[client%len(h.boards)]
	me := fmt.Sprint("customer-", client)
	random := rand.New(rand.NewPCG(uint64(client), 1))
	for _, n := range random.Perm(seats) {
		for allowed.Load() <= int64(len(h.sold())) {
			select {
			case <-over:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
		seat := fmt.Sprintf("seat-%03d", n)
		if _, gone := h.sold()[seat]; gone {
			continue
		}
		if n < h.lapses { // reserve it first, and let that end
			h.lapse(conn, me, seat)
		}
		h.sell(conn, me, seat)
	}
}

// sell sells a seat to a customer. Another customer who has reserved it, or bought it, stands before.
func (h *house) sell(conn *nats.Conn, me, seat string) {
	code, why := h.ask(conn, me+"-"+seat, "sell", tickets.Request{Seat: seat, Customer: me})
	switch code {
	case bus.CodeOK:
		h.mu.Lock()
		defer h.mu.Unlock()
		if before, twice := h.buyers[seat]; twice {
			h.wrong = append(h.wrong, fmt.Sprintf("%s is sold to %s and to %s", seat, before, me))
		}
		h.buyers[seat] = me
	case bus.CodeConflict:
	default:
		h.fault("sell %s: %d %s", seat, code, why)
	}
}

// lapse reserves a seat for a second and waits until that has ended.
func (h *house) lapse(conn *nats.Conn, me, seat string) {
	if code, why := h.ask(conn, me+"-reserve-"+seat, "reserve", tickets.Reserve{Request: tickets.Request{Seat: seat, Customer: me}, Seconds: 1}); code != bus.CodeOK {
		if code != bus.CodeConflict {
			h.fault("reserve %s: %d %s", seat, code, why)
		}
		return
	}
	for began := time.Now(); time.Since(began) < 2*healWithin; {
		if s, err := h.look(conn, seat); err == nil && s.State != tickets.Reserved {
			return
		}
		time.Sleep(50 * time.Millisecond) // between two looks
	}
	h.fault("the reservation of %s has not ended", seat)
}

func (h *house) look(conn *nats.Conn, seat string) (s tickets.Seat, err error) {
	reply, err := conn.Request("request."+tickets.Name+".look", fmt.Appendf(nil, `{"seat":%q}`, seat), 5*time.Second)
	if err != nil {
		return s, err
	}
	if why := reply.Header.Get(bus.HeaderError); why != "" {
		return s, fmt.Errorf("%w: %s", errAnswer, why)
	}
	return s, json.Unmarshal(reply.Data, &s)
}

func (h *house) sold() map[string]string {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make(map[string]string, len(h.buyers))
	for seat, who := range h.buyers {
		all[seat] = who
	}
	return all
}

// board gives what a terminal was told, as "topic seat", in order.
func (h *house) board(conn *nats.Conn) (list []string, err error) {
	ctx, cancel := context.WithTimeout(h.Context(), 10*time.Second)
	defer cancel()
	all, err := boards.Told(ctx, conn)
	if err != nil {
		return nil, err
	}
	for i, told := range all {
		if i > 0 && told.Number != all[i-1].Number+1 {
			return nil, fmt.Errorf("%w: number %d comes after %d", errAnswer, told.Number, all[i-1].Number)
		}
		var s tickets.Seat
		if err := json.Unmarshal(told.Body, &s); err != nil {
			return nil, err
		}
		list = append(list, told.Topic+" "+s.Seat)
	}
	return list, nil
}

// judge holds what everybody saw against each other.
func (h *house) judge(seats int) {
	h.Helper()
	sold := h.sold()
	for _, text := range h.wrong {
		h.Error(text)
	}
	if len(sold) != seats {
		h.Errorf("%d of %d seats are sold", len(sold), seats)
	}
	released := 0
	for seat, who := range sold {
		s, err := h.look(h.boards[0], seat)
		if err != nil || s.State != tickets.Sold || s.Customer != who {
			h.Errorf("%s was sold to %s: %+v, %v", seat, who, s, err)
		}
		released += s.Released
	}
	var first []string
	for i, conn := range h.boards {
		var list []string
		h.Await(healWithin, fmt.Sprint("board ", i, " is told of all"), func() bool {
			var err error
			list, err = h.board(conn)
			return err == nil && len(list) >= len(sold)+released
		})
		if i == 0 {
			first = list
		} else if !slices.Equal(first, list) {
			h.Errorf("board %d was told in another order, or something else, than board 0", i)
		}
		count := map[string]int{}
		for _, told := range list {
			count[told]++
		}
		for seat := range sold {
			if n := count["sold "+seat]; n != 1 {
				h.Errorf("board %d was told %d times that %s is sold", i, n, seat)
			}
		}
		if len(list) != len(sold)+released {
			h.Errorf("board %d was told %d times, of %d seats sold and %d releases", i, len(list), len(sold), released)
		}
	}
	taken := h.accounting(len(sold), released)
	h.Logf("measured: %d seats sold, %d reservations ended; %d boards told of each once, in one order; accounting took %d entries in %d posts; epoch %d",
		len(sold), released, len(h.boards), taken, h.receiver.Posts(), h.epoch())
}

// accounting checks what the receiver took: of each seat what happened to it, in order.
func (h *house) accounting(sold, released int) int {
	h.Helper()
	lanes := map[string][]string{}
	all := 0
	h.Await(2*healWithin, "accounting has everything", func() bool {
		lanes, all = map[string][]string{}, 0
		for _, e := range h.receiver.Taken() {
			var entry tickets.Entry
			if err := json.Unmarshal([]byte(e.Body), &entry); err != nil {
				h.Fatal(err)
			}
			if entry.Seat != "" {
				lanes[entry.Seat] = append(lanes[entry.Seat], entry.Event)
				all++
			}
		}
		return all >= sold+released
	})
	free := 0
	for seat, events := range lanes {
		for i, event := range events {
			if last := i == len(events)-1; last != (event == "sold") {
				h.Errorf("accounting of %s is %s", seat, strings.Join(events, ", "))
				break
			}
		}
		free += len(events) - 1
	}
	if len(lanes) != sold || free != released {
		h.Errorf("accounting has %d seats and %d releases of %d and %d", len(lanes), free, sold, released)
	}
	return all
}

func (h *house) epoch() uint64 {
	_, s := h.mustActive()
	return s.Epoch
}

// TestSeats_SimulatorProvesThem: "hotpair simulate" sells seats through a takeover, and has boards and its own accounting told.
func TestSeats_SimulatorProvesThem(t *testing.T) {
	sideBySide(t)
	c := startCluster(t, []string{"--terminals", "3"}, "HOTPAIR_BUSINESS=kv,tickets")
	c.awaitPaired()
	var text []byte
	var failed error
	done := make(chan struct{})
	go func() {
		defer close(done)
		text, failed = exec.Command(binary, "simulate", "--dir", c.Dir, "--workload", "tickets", "--rate", "60", "--duration", "6s", "--json").Output()
	}()
	c.Await(healWithin, "accounting is a target", func() bool {
		active, _ := c.active()
		if active == "" {
			return false
		}
		list, err := operator.CallTargets.Ask(t.Context(), c.client(active), operator.None{})
		return err == nil && len(list.Targets) == 1
	})
	active, _ := c.mustActive()
	c.order("kill", active)
	c.order("start", active)
	<-done
	var report simulator.Report
	if err := json.Unmarshal(text, &report); err != nil {
		t.Fatalf("%v, %v: %s", err, failed, text)
	}
	v := report.Verdict
	if !v.OK || v.Seats == nil || v.Seats.Sold == 0 || v.Seats.Released == 0 || v.Seats.Given == 0 || v.Seats.Boards != 3 || v.Seats.Emissions != v.Seats.Sold+v.Seats.Released+v.Seats.Given {
		t.Errorf("%s %q", v, v.Examples)
	}
	c.awaitPaired()
	active, _ = c.mustActive()
	if list, err := operator.CallTargets.Ask(t.Context(), c.client(active), operator.None{}); err != nil || len(list.Targets) != 0 {
		t.Errorf("what the simulator made is left: %+v, %v", list, err)
	}
}
