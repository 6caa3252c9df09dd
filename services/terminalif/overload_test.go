package terminalif

import (
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/bustest"
	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/services/terminal"
	"github.com/hotpair/hotpair/services/terminalif/admission"
)

// beats counts the heartbeats of a host's terminal-if.
func (h *aHost) beats() *atomic.Int64 {
	h.t.Helper()
	var n atomic.Int64
	must[*nats.Subscription](h.t)(h.main.Subscribe(bus.HeartbeatSubject(bus.ProcessTerminalInterface), func(*nats.Msg) { n.Add(1) }))
	if err := h.main.Flush(); err != nil {
		h.t.Fatal(err)
	}
	return &n
}

// Whatever stands still between terminal-if and the services: it beats, it hears of its right, it takes orders.
func TestInterface_ControlWaitsBehindNoTraffic(t *testing.T) {
	agent := newAgent(t, "t1")
	stall := &bustest.Stall{}
	h := startHostOn(t, "a", stall, terminalsOf(agent)...)
	t.Cleanup(stall.Go)
	h.startBatched("kv", echo)
	h.announce("kv", 1, true)
	h.awaitWarm(1)
	h.serveAll(1, 1)
	nc := app(t, agent.AppURL())
	wantCode(t, ask(t, nc, "request.kv.put", `{"key":"a"}`), bus.CodeOK)

	stall.Stop()
	body, _ := json.Marshal(strings.Repeat("x", 512<<10))
	for range 16 { // more than one buffer holds
		if err := nc.PublishRequest("request.kv.put", nc.NewInbox(), body); err != nil {
			t.Fatal(err)
		}
	}
	processtest.Await(t, "requests stand before the bus", func() bool { return stall.Blocked() > 0 && h.State().InFlight >= 16 })

	heard, before := h.beats(), time.Now()
	processtest.Await(t, "terminal-if beats", func() bool { return heard.Load() >= 20 })
	t.Logf("20 beats of 10 ms each took %v", time.Since(before))
	h.grant(1, 2*time.Hour)
	processtest.Await(t, "it hears of its right", func() bool { return h.relay.right.Load().Until > h.relay.clock()+time.Hour })
	order(h, bus.CallDetach, bus.Detach{})
	if got := h.attachIn(2, 2); got.Attached != 1 {
		t.Errorf("attached %+v", got)
	}
	h.grant(2, time.Hour)
	stall.Go()
	wantCode(t, ask(t, nc, "request.kv.put", `{"key":"b"}`), bus.CodeOK)
}

// slow is a service that does a certain number of requests a second.
type slow struct {
	mu      sync.Mutex
	waiting []func()
}

func (s *slow) take(q bus.Request, answer func(bus.Reply)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = append(s.waiting, func() { echo(q, answer) })
}

func (s *slow) run(ctx context.Context, rate int) {
	due, last := 0.0, time.Now()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			now := time.Now() // what the ticker says can go back, on a machine that stands still for a moment
			due, last = due+float64(rate)*now.Sub(last).Seconds(), now
		case <-ctx.Done():
			return
		}
		s.mu.Lock()
		n := min(int(due), len(s.waiting))
		done := s.waiting[:n]
		s.waiting = s.waiting[n:]
		if due -= float64(n); len(s.waiting) == 0 {
			due = 0
		}
		s.mu.Unlock()
		for _, answer := range done {
			answer()
		}
	}
}

// Far more requests come than the service can do: those let in wait a bounded time that does not grow, the others hear busy
// at once, and when the load ends all is as before.
func TestInterface_ShedsLoadAndKeepsItsLatency(t *testing.T) {
	const rate, offered, agents = 500, 2500, 3 // little enough for a slow machine
	var list []*anAgent
	for _, id := range []string{"t1", "t2", "t3"} {
		list = append(list, startAgent(t, id, filepath.Join(t.TempDir(), id), "127.0.0.1:0", func(c *terminal.Config) { c.Bound = 600 }))
	}
	h := startHost(t, "a", terminalsOf(list...)...)
	h.real.Store(true)
	var service slow
	background(t, "service", func(ctx context.Context) error { service.run(ctx, rate); return nil })
	h.startBatched("kv", service.take)
	h.announce("kv", 1, true)
	h.awaitWarm(agents)
	h.serveAll(1, agents)

	type outcome struct {
		sent time.Time
		took time.Duration
		code int
	}
	var mu sync.Mutex
	var got []outcome
	var waiting sync.WaitGroup
	var conns []*nats.Conn
	for _, a := range list {
		conns = append(conns, app(t, a.AppURL()))
	}
	began := time.Now()
	// After it has settled enough have to be done, which a machine that stood still for a while comes to later.
	const settled, whole, enough = 3 * time.Second, 6 * time.Second, rate * 2
	done := func() (n int) {
		mu.Lock()
		defer mu.Unlock()
		for _, o := range got {
			if o.code == bus.CodeOK && o.sent.Sub(began) >= settled {
				n++
			}
		}
		return n
	}
	var trips []time.Duration // of a word to an agent's server and back: what the machine takes for one step of the way
	stop := background(t, "trips", func(ctx context.Context) error {
		for ctx.Err() == nil {
			trip, err := conns[0].RTT()
			if err != nil {
				return err
			}
			trips = append(trips, trip)
			_ = pace.Rest(ctx, 20*time.Millisecond)
		}
		return nil
	})
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	sent := 0
	for ; time.Since(began) < whole || done() < enough && time.Since(began) < patience; <-tick.C {
		for due := int(time.Since(began).Seconds() * offered); sent < due; sent++ {
			nc, at := conns[sent%agents], time.Now()
			inbox := nc.NewInbox()
			waiting.Add(1)
			sub := must[*nats.Subscription](t)(nc.Subscribe(inbox, func(m *nats.Msg) {
				defer waiting.Done()
				mu.Lock()
				defer mu.Unlock()
				got = append(got, outcome{at, time.Since(at), codeOf(m)})
			}))
			if err := sub.AutoUnsubscribe(1); err != nil {
				t.Fatal(err)
			}
			if err := nc.PublishRequest("request.kv.put", inbox, []byte(`{}`)); err != nil {
				t.Fatal(err)
			}
		}
	}
	ended := time.Since(began)
	stop()
	answered := make(chan struct{})
	go func() { waiting.Wait(); close(answered) }()
	select {
	case <-answered:
	case <-time.After(patience):
		t.Fatal("some requests got no answer")
	}
	slices.SortFunc(got, func(x, y outcome) int { return x.sent.Compare(y.sent) })
	var let, busy []time.Duration
	early := 0
	for _, o := range got {
		switch at := o.sent.Sub(began); {
		case o.code != bus.CodeOverloaded && o.code != bus.CodeOK:
			t.Fatalf("an answer %d", o.code)
		case o.code == bus.CodeOverloaded && at >= settled:
			busy = append(busy, o.took)
		case o.code == bus.CodeOK && at >= settled:
			let = append(let, o.took)
		case o.code == bus.CodeOK:
			early++
		}
	}
	first, second := let[:len(let)/2], let[len(let)/2:]
	if len(busy) == 0 || len(first) == 0 || len(second) == 0 {
		t.Fatalf("%d busy, %d and %d done of %d", len(busy), len(first), len(second), len(got))
	}
	slices.Sort(first)
	slices.Sort(second)
	slices.Sort(busy)
	slices.Sort(trips)
	const steps = 8 // an answer takes: to the agent, the host, the service, and back, through a server and a client each
	machine := steps * median(trips)
	t.Logf("of %d a second offered %.0f were done, in %v, then %v (medians), at most %v; busy after %v, at most %v; the machine takes %v for the way",
		offered, float64(early+len(let))/ended.Seconds(), median(first), median(second), second[len(second)-1], median(busy), busy[len(busy)-1], machine)
	// standing, what the fewest take beside it, and as much again for a machine that has other things to do.
	bound := 2*(admission.Standing+time.Second*admission.Fewest/rate) + machine
	if median(first) > bound || median(second) > bound {
		t.Errorf("requests that were let in took %v and %v, more than %v", median(first), median(second), bound)
	}
	if median(busy) > median(second)/2+machine {
		t.Errorf("busy was said after %v, while requests that were let in took %v", median(busy), median(second))
	}
	if got := codeOf(ask(t, conns[0], "request.kv.put", `{}`)); got != bus.CodeOK {
		t.Errorf("after the load an answer %d", got)
	}
	if h.State().InFlight != 0 {
		t.Errorf("%d are in flight after the end", h.State().InFlight)
	}
}

func median(sorted []time.Duration) time.Duration { return sorted[len(sorted)/2] }
