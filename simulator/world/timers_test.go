package world

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/alarms"
	"github.com/hotpair/hotpair/services/business"
	"github.com/hotpair/hotpair/services/business/tickets"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/terminalif/agenda"
	"github.com/hotpair/hotpair/simulator/pair"
)

// hall is a world in which seats are reserved. Its sleeps are of the world's clock, which is what timers are about.
type hall struct {
	*clocked
	app   *nats.Conn
	seats int

	boards []*display
}

// newHall starts a pair that sells seats by a service.
func newHall(t *testing.T, service business.Service, environ ...string) *hall {
	t.Helper()
	w, err := New(Options{Dir: t.TempDir(), Terminals: terminals, Lease: 5 * time.Second, Patience: 10 * time.Second, Log: slog.New(slog.DiscardHandler),
		Services: map[string]business.Service{tickets.Name: service}, Environ: environ})
	if err != nil {
		t.Fatal(err)
	}
	w.Start()
	h := &hall{clocked: &clocked{w, t}}
	h.paired()
	if h.app, err = w.application("hall", 0); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *hall) close() {
	h.app.Close()
	for _, d := range h.boards {
		d.app.Close()
	}
	h.Close()
}

func (h *hall) paired() {
	h.t.Helper()
	if err := h.AwaitPaired(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

// ask makes one request, under an id of the agent.
func (h *hall) ask(operation string, q, a any) {
	h.t.Helper()
	body, err := json.Marshal(q)
	if err != nil {
		h.t.Fatal(err)
	}
	reply, err := h.app.Request("request.tickets."+operation, body, time.Minute)
	if err != nil {
		h.t.Fatalf("%s: %v", operation, err)
	}
	if err := json.Unmarshal(reply.Data, a); err != nil || reply.Header.Get(bus.HeaderErrorCode) != "" {
		h.t.Fatalf("%s: %s %v, %v", operation, reply.Data, reply.Header, err)
	}
}

// reserve reserves seats for a time, from the first one on.
func (h *hall) reserve(number int, d time.Duration) {
	h.t.Helper()
	h.seats = max(h.seats, number)
	for n := range number {
		var s tickets.Seat
		h.ask("reserve", tickets.Reserve{Request: tickets.Request{Seat: fmt.Sprint(n), Customer: "ann"}, Seconds: int(d.Seconds())}, &s)
		if s.State != tickets.Reserved {
			h.t.Fatalf("%+v", s)
		}
	}
}

// released counts the seats that are free again, and fails the test for one that was freed more often than so.
func (h *hall) released(times int) (free int) {
	h.t.Helper()
	for n := range h.seats {
		var s tickets.Seat
		h.ask("look", tickets.Request{Seat: fmt.Sprint(n), Customer: "ann"}, &s)
		if s.Released > times {
			h.t.Fatalf("freed too often: %+v", s)
		}
		if s.State == tickets.Free && s.Released == times {
			free++
		}
	}
	return free
}

// awaitReleased waits until all seats are free again.
func (h *hall) awaitReleased(within time.Duration, times int) {
	h.t.Helper()
	h.await(within, "all seats are free again", func() bool { return h.released(times) == h.seats })
}

// active is the host that serves.
func (h *hall) active() string {
	h.t.Helper()
	for _, host := range pair.Hosts() {
		if s, err := h.Status(h.t.Context(), host); err == nil && s.Serves() {
			return host
		}
	}
	h.t.Fatal("nobody serves")
	return ""
}

func (h *hall) kill(hosts ...string) {
	for _, host := range hosts {
		h.Host(host).Kill()
	}
	for _, host := range hosts {
		h.Host(host).Wait()
	}
}

// TestTimers_OfAPair: what is to be done after a while is done once and at its time, whoever serves by then: over a takeover, kills of
// every process that has to do with it, a switchover, and a time in which nobody was there.
func TestTimers_OfAPair(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHall(t, tickets.Service())
		defer h.close()
		const many = 12
		const reserved = 3 * time.Minute
		h.reserve(many, reserved)
		set := time.Now()
		time.Sleep(time.Minute)
		first := h.active()
		h.kill(first)
		time.Sleep(30 * time.Second)
		h.Host(first).Start()
		h.paired()
		h.reserve(1, reserved) // moves that of one seat
		for time.Since(set) < reserved-time.Second {
			time.Sleep(time.Second)
			if free := h.released(1); free > 0 {
				t.Fatalf("%d seats are free after %v", free, time.Since(set))
			}
		}
		for _, process := range []string{"business.tickets", "terminal-if", "updater"} { // just when they are due
			h.Host(h.active()).KillProcess(process)
			time.Sleep(300 * time.Millisecond)
		}
		h.await(20*time.Second, "all seats but one are free again", func() bool { return h.released(1) >= many-1 })
		if took := time.Since(set); took > reserved+15*time.Second {
			t.Errorf("after %v", took)
		}
		h.awaitReleased(2*reserved, 1)

		// A switchover while they wait, then both hosts are off for an hour. Their clocks go on.
		h.reserve(many, reserved)
		if _, err := operator.CallSwitchover.Ask(t.Context(), h.clients[h.active()], operator.None{}); err != nil {
			t.Fatal(err)
		}
		h.paired()
		h.kill(pair.Hosts()...)
		time.Sleep(time.Hour)
		for _, host := range pair.Hosts() {
			h.Host(host).Start()
		}
		h.paired()
		h.awaitReleased(5*time.Minute, 2)
	})
}

// TestTimers_DeferredWhileClocksAreInDoubt: both hosts were off, and their clocks say different things. Nothing runs too early; it runs when
// somebody has set them right.
func TestTimers_DeferredWhileClocksAreInDoubt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHall(t, tickets.Service())
		defer h.close()
		time.Sleep(2 * time.Minute) // the clocks agree meanwhile
		h.reserve(3, time.Minute)
		h.kill(pair.Hosts()...)
		h.set(0, 20*time.Minute)
		for _, host := range pair.Hosts() {
			h.Host(host).Start()
		}
		h.paired()
		h.await(20*time.Minute, "alarm "+alarms.TimersDeferred, func() bool { return h.alarmed(h.active(), alarms.TimersDeferred) })
		time.Sleep(2 * time.Minute)
		if free := h.released(1); free != 0 {
			t.Errorf("%d seats are free, and nobody knows how late it is", free)
		}
		h.follow(h.active(), "start the other host")
		h.set(0, 0) // as the alarm says too
		h.awaitReleased(15*time.Minute, 1)
		h.await(time.Minute, "end of alarm "+alarms.TimersDeferred, func() bool { return !h.alarmed(h.active(), alarms.TimersDeferred) })
	})
}

// TestTimers_ParkedUntilAnOperatorSaysSo: what fails again and again is tried so often, and then parked, which
// is told. An operator has it run again, or drops it.
func TestTimers_ParkedUntilAnOperatorSaysSo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var bad atomic.Bool
		bad.Store(true)
		service := tickets.Service()
		release := service.Operations["release"]
		service.Operations["release"] = business.Operation{Handler: func(ctx context.Context, tx *business.Tx, body json.RawMessage) (any, error) {
			if bad.Load() {
				return nil, errors.New("the printer is on fire")
			}
			return release.Handler(ctx, tx, body)
		}}
		h := newHall(t, service, "HOTPAIR_TIMER_TRIES=4")
		defer h.close()
		h.reserve(2, time.Second)
		h.await(10*time.Minute, "alarm "+alarms.TimersParked, func() bool { return h.alarmed(h.active(), alarms.TimersParked) })
		first := h.active()
		h.kill(first)
		h.Host(first).Start()
		h.paired()
		client := h.clients[h.active()]
		list, err := operator.CallTimers.Ask(t.Context(), client, agenda.List{Parked: true, Limit: 10})
		if err != nil || len(list.Timers) != 2 || list.Timers[0].Key != "0" || list.Timers[0].Why == "" || list.Kept != 2 || list.Parked != 2 {
			t.Fatalf("%+v, %v", list, err)
		}
		if _, err := operator.CallReleaseTimer.Ask(t.Context(), client, agenda.Change{Service: "tickets", Key: "7"}); err == nil {
			t.Error("one that is not there was released")
		}
		bad.Store(false)
		if _, err := operator.CallReleaseTimer.Ask(t.Context(), client, agenda.Change{Service: "tickets", Key: "0"}); err != nil {
			t.Fatal(err)
		}
		if _, err := operator.CallDropTimer.Ask(t.Context(), client, agenda.Change{Service: "tickets", Key: "1"}); err != nil {
			t.Fatal(err)
		}
		h.await(time.Minute, "the released one runs", func() bool { return h.released(1) == 1 })
		h.await(time.Minute, "end of alarm "+alarms.TimersParked, func() bool { return !h.alarmed(h.active(), alarms.TimersParked) })
		if time.Sleep(time.Minute); h.released(1) != 1 {
			t.Error("the dropped one ran")
		}
	})
}
