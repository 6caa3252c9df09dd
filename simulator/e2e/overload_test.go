package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/simulator/bench/proc"
	"github.com/hotpair/hotpair/simulator/pair"
)

const (
	// floodSlots are the requests that each terminal's applications want to have under way at any time: more than a pair takes.
	floodSlots = 1000
	// overloadedPause is how long one that was told "busy" waits.
	overloadedPause = 500 * time.Millisecond
)

// answer is what became of one request.
type answer struct {
	key  string
	sent time.Time
	took time.Duration
	code int
}

// flood has far more requests wait at every terminal than the pair can do.
type flood struct {
	t       testing.TB
	conns   []*nats.Conn
	slots   sync.WaitGroup
	mu      sync.Mutex
	ended   bool
	sent    int
	answers []answer
}

func startFlood(t testing.TB, addresses []string) *flood {
	t.Helper()
	f := &flood{t: t}
	for _, address := range addresses {
		nc, err := nats.Connect(address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nc.Close)
		f.conns = append(f.conns, nc)
		for range floodSlots {
			f.slots.Add(1)
			f.next(nc)
		}
	}
	return f
}

// next sends the next request of a slot, or ends the slot.
func (f *flood) next(nc *nats.Conn) {
	f.mu.Lock()
	ended := f.ended
	f.sent++
	key := fmt.Sprintf("flood-%06d", f.sent)
	f.mu.Unlock()
	if ended {
		f.slots.Done()
		return
	}
	inbox, sent := nc.NewInbox(), time.Now()
	sub, err := nc.Subscribe(inbox, func(m *nats.Msg) {
		code, _ := strconv.Atoi(m.Header.Get(bus.HeaderErrorCode))
		f.mu.Lock()
		f.answers = append(f.answers, answer{key, sent, time.Since(sent), code})
		f.mu.Unlock()
		if code == bus.CodeOverloaded {
			time.AfterFunc(overloadedPause, func() { f.next(nc) })
			return
		}
		f.next(nc)
	})
	if err == nil {
		err = sub.AutoUnsubscribe(1)
	}
	if err == nil {
		err = nc.PublishRequest("request.kv.put", inbox, []byte(`{"key":"`+key+`","value":"`+key+`"}`))
	}
	if err != nil {
		f.t.Errorf("flood: %v", err)
		f.slots.Done()
	}
}

// end takes no more requests and waits until all have their answer.
func (f *flood) end() []answer {
	f.t.Helper()
	f.mu.Lock()
	f.ended = true
	f.mu.Unlock()
	over := make(chan struct{})
	go func() { f.slots.Wait(); close(over) }()
	select {
	case <-over:
	case <-time.After(healWithin):
		f.t.Fatalf("some requests have no answer after %s", healWithin)
	}
	return f.answers
}

// done gives how long those took that were sent in a time and carried out, in order, and how many were told busy.
func done(answers []answer, from, to time.Time) (took []time.Duration, busy int) {
	for _, a := range answers {
		switch {
		case a.sent.Before(from) || !a.sent.Before(to):
		case a.code == bus.CodeOverloaded:
			busy++
		default:
			took = append(took, a.took)
		}
	}
	slices.Sort(took)
	return took, busy
}

// put writes one after the other and gives the times, in order of length.
func put(t testing.TB, nc *nats.Conn, n int) (took []time.Duration) {
	t.Helper()
	for i := range n {
		began := time.Now()
		m, err := nc.Request("request.kv.put", fmt.Appendf(nil, `{"key":"calm-%d","value":1}`, i), healWithin)
		if err != nil || m.Header.Get(bus.HeaderErrorCode) != "" {
			t.Fatalf("put: %v %v", err, m)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return took
}

// memoryOf is that of all processes of both hosts, in bytes.
func (c *cluster) memoryOf() (total int64) {
	for _, h := range c.File().Hosts {
		for _, p := range proc.Group(h.PGID) {
			total += proc.PSS(p.PID)
		}
	}
	return total
}

func restartsOf(s operator.Status) (n int) {
	for _, p := range s.Processes {
		n += p.Restarts
	}
	return n
}

// Several times what the pair can do: whoever is let in waits a bounded time that does not grow, the others hear "busy",
// memory is bounded, a switchover goes on, nothing acknowledged is lost, and when the load ends all is as before.
func TestOverload_ShedsAndKeepsServing(t *testing.T) {
	settle, look := 3*time.Second, 2*time.Second
	if *long {
		settle, look = 10*time.Second, time.Minute
	}
	c := startCluster(t, []string{"--terminals", "8"}, leaseSetting)
	c.awaitPaired()
	active, before := c.mustActive()
	var addresses []string
	for _, terminal := range c.File().Terminals {
		addresses = append(addresses, terminal.Address)
	}
	nc, err := nats.Connect(addresses[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	calm := put(t, nc, 100)

	f := startFlood(t, addresses)
	began := time.Now()
	wait := func(d time.Duration) time.Time { // the flood itself is what is waited for
		time.Sleep(d)
		return time.Now()
	}
	settled := wait(settle)
	half := wait(look)
	memory := c.memoryOf()
	whole := wait(look)
	later := c.memoryOf()
	if _, now := c.mustActive(); now.Epoch != before.Epoch || restartsOf(now) != 0 {
		t.Errorf("under load: epoch %d after %d, %d restarts", now.Epoch, before.Epoch, restartsOf(now))
	}
	ordered := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), healWithin)
	defer cancel()
	if _, err := operator.CallSwitchover.Ask(ctx, c.client(active), operator.None{}); err != nil {
		t.Errorf("switchover under load: %v", err)
	}
	c.Await(healWithin, "switchover under load", func() bool {
		host, _ := c.active()
		return host == pair.Other(active)
	})
	t.Logf("measured: switchover under load within %s", time.Since(ordered).Round(time.Millisecond))
	answers := f.end()
	after := put(t, nc, 100)

	first, overloadedFirst := done(answers, settled, half)
	second, overloadedSecond := done(answers, half, whole)
	if len(first) == 0 || len(second) == 0 || overloadedFirst == 0 || overloadedSecond == 0 {
		t.Fatalf("done %d and %d, busy %d and %d", len(first), len(second), overloadedFirst, overloadedSecond)
	}
	middle := func(sorted []time.Duration) time.Duration { return sorted[len(sorted)/2].Round(100 * time.Microsecond) }
	t.Logf("measured: calm %s; overload for %s: done %d/s in %s, then %d/s in %s (medians, at most %s), busy %d/s and %d/s; after it %s; memory of both hosts %d and %d MB",
		middle(calm), whole.Sub(began).Round(time.Second), int(float64(len(first))/look.Seconds()), middle(first), int(float64(len(second))/look.Seconds()), middle(second),
		second[len(second)-1].Round(time.Millisecond), int(float64(overloadedFirst)/look.Seconds()), int(float64(overloadedSecond)/look.Seconds()), middle(after), memory>>20, later>>20)
	if limit := 3 * time.Second; middle(first) > limit || middle(second) > limit {
		t.Errorf("requests that were let in took %s and %s", middle(first), middle(second))
	}
	if middle(second) > 2*middle(first)+500*time.Millisecond {
		t.Errorf("waits grow: %s, then %s", middle(first), middle(second))
	}
	if middle(after) > 10*middle(calm)+100*time.Millisecond {
		t.Errorf("after the load a put takes %s, before it %s", middle(after), middle(calm))
	}
	if later > memory*3/2+64<<20 || later > 1<<30 {
		t.Errorf("memory grows: %d MB, then %d MB", memory>>20, later>>20)
	}
	acknowledged := map[string]bool{}
	for _, a := range answers {
		switch a.code {
		case bus.CodeOK:
			acknowledged[a.key] = true
		case bus.CodeOverloaded:
		default:
			t.Fatalf("%s was answered with %d after %s", a.key, a.code, a.took)
		}
	}
	checked := 0
	for key := range acknowledged { // in no order: a sample of all times
		m, err := nc.Request("request.kv.get", []byte(`{"key":"`+key+`"}`), healWithin)
		if err != nil {
			t.Fatal(err)
		}
		var got struct{ Value string }
		if err := json.Unmarshal(m.Data, &got); err != nil || got.Value != key {
			t.Fatalf("%s was acknowledged and holds %s", key, m.Data)
		}
		if checked++; checked == 1000 {
			break
		}
	}
}
