package world

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/services/alarms"
	"github.com/hotpair/hotpair/services/business"
	"github.com/hotpair/hotpair/services/business/tickets"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/simulator/pair"
)

// gates is a service that has gates opened; it goes by the name of the one that a hall has.
func gates() business.Service {
	type opening struct {
		N      int           `json:"n"`
		Within time.Duration `json:"within_ns"`
	}
	return business.Service{Name: tickets.Name, Version: "1.0.0", Operations: map[string]business.Operation{
		"open": {Handler: business.Handle(func(_ context.Context, tx *business.Tx, in opening) (any, error) {
			tx.Notify(business.Terminals(pair.TerminalID(1)), "open", in, business.Fenced(in.Within))
			return in, nil
		})},
	}}
}

// gate is a program that opens one when it is handed a command.
type gate struct {
	t   *testing.T
	app *nats.Conn

	mu     sync.Mutex
	opened map[int]int
	wait   bool // it takes nothing by itself
}

func (h *hall) gate(terminal int) *gate {
	h.t.Helper()
	g := &gate{t: h.t, opened: map[int]int{}}
	var err error
	if g.app, err = h.application("gate", terminal); err != nil {
		h.t.Fatal(err)
	}
	h.boards = append(h.boards, &display{t: h.t, app: g.app})
	_, err = g.app.Subscribe(notice.FencedSubjects, func(m *nats.Msg) {
		var told notice.Told
		if err := json.Unmarshal(m.Data, &told); err != nil || told.Body != nil {
			g.t.Errorf("%s: %v", m.Data, err)
			return
		}
		g.mu.Lock()
		wait := g.wait
		g.mu.Unlock()
		if !wait {
			go g.take(told.Number)
		}
	})
	if err == nil {
		err = g.app.Flush()
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return g
}

// take takes a command until there is an answer, and says what it was refused with.
func (g *gate) take(number uint64) (why string) {
	ask := fmt.Appendf(nil, `{"number":"%d","by":"gate"}`, number)
	for range 100 {
		m, err := g.app.Request(notice.SubjectTake, ask, time.Minute)
		if err != nil {
			if g.app.IsClosed() {
				return "closed"
			}
			continue
		}
		if code := m.Header.Get(bus.HeaderErrorCode); code == "409" {
			return m.Header.Get(bus.HeaderError)
		} else if code != "" {
			continue
		}
		var handed notice.Handed
		var in struct{ N int }
		if err := json.Unmarshal(m.Data, &handed); err != nil || json.Unmarshal(handed.Body, &in) != nil {
			g.t.Errorf("%s: %v", m.Data, err)
			return ""
		}
		g.mu.Lock()
		g.opened[in.N]++
		g.mu.Unlock()
		_, _ = g.app.Request(notice.SubjectDone, ask, time.Minute)
		return ""
	}
	g.t.Errorf("command %d has no answer", number)
	return ""
}

// states gives what became of the commands that the terminal was told.
func (g *gate) states() (list []string) {
	g.t.Helper()
	m, err := g.app.Request(notice.SubjectAfter, []byte(`{"number":"0","limit":1000,"fenced":true}`), time.Minute)
	var kept notice.Kept
	if err == nil {
		err = json.Unmarshal(m.Data, &kept)
	}
	if err != nil {
		g.t.Fatal(err)
	}
	for _, n := range kept.Notices {
		if n.Fenced {
			list = append(list, n.State)
		}
	}
	return list
}

func (h *hall) open(n int, within time.Duration) {
	h.t.Helper()
	var answer any
	h.ask("open", map[string]any{"n": n, "within_ns": within}, &answer)
}

// TestCommands_OfAPair: a gate is opened by each command once, none is left out and none late, over kills of hosts and of every process that
// has to do with it, cuts of every wire between them, and switchovers: nothing that befalls the pair alone leaves anybody in doubt.
func TestCommands_OfAPair(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHall(t, gates())
		defer h.close()
		g := h.gate(1)
		n := 0
		open := func() {
			for range 5 {
				h.open(n, time.Hour)
				n++
			}
		}
		open()
		for range 3 {
			first := h.active()
			h.kill(first)
			open()
			h.Host(first).Start()
			h.paired()
			for _, process := range []string{"terminal-if", "updater", "business.tickets"} {
				h.Host(h.active()).KillProcess(process)
				open()
			}
			h.paired()
			h.cutBoth(pair.HostA, pair.HostB)
			open()
			time.Sleep(20 * time.Second)
			open()
			h.network.RepairAll()
			h.paired()
			if _, err := operator.CallSwitchover.Ask(t.Context(), h.clients[h.active()], operator.None{}); err != nil {
				t.Fatal(err)
			}
			open()
			h.paired()
		}
		done := func() (count int) {
			for _, state := range g.states() {
				if state == "done" {
					count++
				}
			}
			return count
		}
		h.await(5*time.Minute, "all are done", func() bool { return done() == n })
		g.mu.Lock()
		defer g.mu.Unlock()
		for i := range n {
			if g.opened[i] != 1 {
				t.Errorf("command %d opened the gate %d times", i, g.opened[i])
			}
		}
		t.Logf("measured: %d commands, each opened the gate once", n)
		for _, host := range pair.Hosts() {
			if s, err := h.Status(t.Context(), host); err != nil || strings.Contains(fmt.Sprint(s.Alarms), alarms.CommandsUnknown) || strings.Contains(fmt.Sprint(s.Alarms), alarms.CommandsLate) {
				t.Errorf("%s: %v, %v", host, s.Alarms, err)
			}
		}
	})
}

// TestCommands_TakenBack: a command is taken at a host that is alone, which is lost, and the other one is promoted by force: that one does not
// know of the taking. What was told before is not handed out any more, and somebody is told; what is told from then on is.
func TestCommands_TakenBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHall(t, gates())
		defer h.close()
		g := h.gate(1)
		g.wait = true
		h.open(0, time.Hour)
		h.open(1, time.Hour)
		h.await(time.Minute, "the terminal is told", func() bool { return len(g.states()) == 2 })
		alone := h.active()
		other := pair.Other(alone)
		h.kill(other)
		h.await(time.Minute, "the other one goes on alone", func() bool {
			s, err := h.Status(t.Context(), alone)
			return err == nil && len(s.InSync) == 1
		})
		if why := g.take(1); why != "" {
			t.Fatal(why)
		}
		h.kill(alone)
		h.Host(other).Start()
		h.await(2*time.Minute, "promotion by force", func() bool {
			_, err := operator.CallPromote.Ask(t.Context(), h.clients[other], operator.PromoteRequest{AcceptLoss: operator.UnknownLoss})
			return err == nil
		})
		if why := g.take(2); !strings.HasPrefix(why, "void: ") {
			t.Errorf("of one that may have been taken where nobody knows: %q", why)
		}
		h.open(2, time.Hour)
		h.await(time.Minute, "the terminal is told", func() bool { return len(g.states()) == 3 })
		numbers := 3 // one of which may be of what is void
		for ; numbers < 6; numbers++ {
			if why := g.take(uint64(numbers)); why == "" {
				break
			}
		}
		g.mu.Lock()
		if fmt.Sprint(g.opened) != "map[0:1 2:1]" {
			t.Errorf("opened: %v", g.opened)
		}
		g.mu.Unlock()
		h.await(time.Minute, "the operator is told", func() bool {
			s, err := h.Status(t.Context(), other)
			return err == nil && strings.Contains(fmt.Sprint(s.Alarms), alarms.CommandsUnknown)
		})
	})
}
