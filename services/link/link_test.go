package link

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/bustest"
	"github.com/hotpair/hotpair/services/evidence"
	"github.com/hotpair/hotpair/services/fault"
	"github.com/hotpair/hotpair/services/lease"
	"github.com/hotpair/hotpair/services/level"
	"github.com/hotpair/hotpair/services/process/processtest"
)

// said is what one main says to the other in these tests.
type said struct {
	bus.LinkSender
	Text string `json:"text"`
}

var callRoles, callBulk = bus.Call[said, string]("link.roles.test"), bus.Call[said, string]("link.bulk.test")

// from is a main that speaks this version.
var from = bus.LinkSender{Levels: level.Own(), Host: "a"}

// end is one main's side of a link under test.
type end struct {
	*Link
	name     string
	replies  chan bus.BeatReply
	seen     chan evidence.State
	messages chan said
	stuck    atomic.Bool // it decides nothing any more
	stop     func()
}

func startEnd(t *testing.T, name, listen, peer, password string) *end {
	t.Helper()
	return startEndOn(t, nil, name, listen, peer, password)
}

func startEndOn(t *testing.T, network bus.Network, name, listen, peer, password string) *end {
	t.Helper()
	e := &end{replies: make(chan bus.BeatReply, 1024), seen: make(chan evidence.State, 64), messages: make(chan said, 16), name: name}
	var err error
	e.Link, err = New(Config{
		Host: name, Listen: listen, Peer: peer, Password: password, Network: network, Interval: 20 * time.Millisecond, Clock: lease.BootClock,
		Main: e, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, call := range []bus.Endpoint[said, string]{callRoles, callBulk} {
		Hear(e.Link, call, func(m said, answer func(string, error)) {
			e.messages <- m
			if m.Text == "no" {
				answer("", errors.New("not now"))
				return
			}
			answer("yes", nil)
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := e.Start(ctx); err != nil {
		cancel()
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { _ = e.Run(ctx) })
	wg.Go(func() {
		for tick := time.NewTicker(20 * time.Millisecond); ; {
			select {
			case <-tick.C:
				if !e.stuck.Load() {
					e.Now()
				}
			case <-ctx.Done():
				tick.Stop()
				return
			}
		}
	})
	e.stop = sync.OnceFunc(func() { cancel(); wg.Wait(); e.Close() })
	t.Cleanup(e.stop)
	return e
}

// Beat implements Main.
func (e *end) Beat() bus.Beat { return bus.Beat{Levels: level.Own(), Host: e.name} }

// Beaten implements Main.
func (e *end) Beaten(b bus.Beat, answer func(bus.BeatReply, error)) {
	answer(bus.BeatReply{Beat: bus.Beat{Host: e.name}, Grant: b.Host != e.name}, nil)
}

// BeatAnswered implements Main.
func (e *end) BeatAnswered(_ time.Duration, r bus.BeatReply, _ error) { e.replies <- r }

// LinkSeen implements Main.
func (e *end) LinkSeen(s evidence.State) { e.seen <- s }

func (e *end) await(t *testing.T, want evidence.State) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		select {
		case got := <-e.seen:
			if got == want {
				return
			}
		case <-deadline:
			t.Fatalf("evidence %v was not seen", want)
		}
	}
}

// A host that was started with another secret was "link refused" for the other one, which is what is said of a dead host, and nothing was
// raised: the login failed over and over, beside evidence that stayed what it had been before.
func TestFault_B12_AnotherSecretIsNamedAndNoDeath(t *testing.T) {
	la, lb := processtest.Address(t), processtest.Address(t)
	a := startEnd(t, "a", la, lb, secret)
	b := startEnd(t, "b", lb, la, secret)
	a.await(t, evidence.Connected)
	if why := a.Refused(); why != "" {
		t.Errorf("connected: %s", why)
	}
	b.stop()
	a.await(t, evidence.Refused)
	b = startEnd(t, "b", lb, la, "another secret")
	a.await(t, evidence.Silent)
	for _, e := range []*end{a, b} {
		deadline := time.Now().Add(10 * time.Second)
		for e.Refused() == "" && time.Now().Before(deadline) {
			time.Sleep(time.Millisecond)
		}
		if !strings.Contains(e.Refused(), "HOTPAIR_PAIR_SECRET") {
			t.Errorf("%s says %q", e.name, e.Refused())
		}
	}
	for len(a.seen) > 0 {
		if s := <-a.seen; s == evidence.Refused {
			t.Errorf("a host that answers is %s", s)
		}
	}
}

// A call of an operator that is stuck on the line holds up neither beats nor what is said about roles.
func TestLink_BeatsWaitBehindNoCall(t *testing.T) {
	la, lb := processtest.Address(t), processtest.Address(t)
	stall := &bustest.Stall{Bus: lb}
	a := startEndOn(t, stall, "a", la, lb, "secret")
	t.Cleanup(stall.Go)
	b := startEnd(t, "b", lb, la, "secret")
	a.await(t, evidence.Connected)
	call := said{from, strings.Repeat("x", 256<<10)}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		_, err := callBulk.Ask(t.Context(), a.Bulk(), call)
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("a call: %v", err)
		}
	}
	<-b.messages

	stall.Stop()
	stuck := make(chan error, 1)
	go func() {
		_, err := callBulk.Ask(t.Context(), a.Bulk(), call)
		stuck <- err
	}()
	processtest.Await(t, "the call is stuck", func() bool { return stall.Blocked() > 0 })
	for drained := false; !drained; {
		select {
		case <-a.replies:
		default:
			drained = true
		}
	}
	for range 5 {
		select {
		case <-a.replies:
		case <-time.After(10 * time.Second):
			t.Fatal("beats get no replies")
		}
	}
	if _, err := callRoles.Ask(t.Context(), a.Roles(), said{from, "make ready"}); err != nil {
		t.Errorf("what is said about roles: %v", err)
	}
	stall.Go()
	if err := <-stuck; err != nil {
		t.Errorf("the call, once the line moves: %v", err)
	}
}

// TestFault_B1_BeatsOnlyWhileMainTurns: beats were made by a goroutine of the link. A main that hung elsewhere, as in a line of
// its log, went on beating, and its standby waited for it for ever.
func TestFault_B1_BeatsOnlyWhileMainTurns(t *testing.T) {
	la, lb := processtest.Address(t), processtest.Address(t)
	a := startEnd(t, "a", la, lb, "secret")
	startEnd(t, "b", lb, la, "secret")
	<-a.replies
	a.stuck.Store(true)
	for on := true; on; { // what was on its way
		select {
		case <-a.replies:
		case <-time.After(500 * time.Millisecond):
			on = false
		}
	}
	select {
	case <-a.replies:
		t.Error("it beats and decides nothing")
	case <-time.After(time.Second): // fifty beats
	}
	a.stuck.Store(false)
	select {
	case <-a.replies:
	case <-time.After(10 * time.Second):
		t.Error("it decides again and does not beat")
	}
}

func TestLink_BeatsGetRepliesAndDeathIsRefused(t *testing.T) {
	la, lb := processtest.Address(t), processtest.Address(t)
	a := startEnd(t, "a", la, lb, "secret")
	b := startEnd(t, "b", lb, la, "secret")
	a.await(t, evidence.Connected)
	if r := <-a.replies; r.Host != "b" || !r.Grant {
		t.Fatalf("reply %+v", r)
	}
	answer, err := callRoles.Ask(t.Context(), a.Roles(), said{from, "yes"})
	if err != nil || answer != "yes" {
		t.Fatalf("answered %q, %v", answer, err)
	}
	if m := <-b.messages; m.Host != "a" || m.Levels != level.Own() {
		t.Fatalf("message %+v", m)
	}
	if _, err := callRoles.Ask(t.Context(), a.Roles(), said{from, "no"}); !fault.Remote(err) || err.Error() != "not now" {
		t.Fatalf("a refusal came as %v", err)
	}
	if _, err := callRoles.Ask(t.Context(), a.Roles(), said{bus.LinkSender{Levels: level.Range{Oldest: 98, Newest: 99}}, "of another level"}); !errors.Is(err, level.ErrApart) {
		t.Fatalf("another version is answered with %v", err)
	}
	b.stop()
	a.await(t, evidence.Ended)
	a.await(t, evidence.Refused)
	startEnd(t, "b", lb, la, "secret")
	a.await(t, evidence.Connected)
}

func TestLink_WrongPasswordIsNoConnection(t *testing.T) {
	la, lb := processtest.Address(t), processtest.Address(t)
	startEnd(t, "b", lb, la, "another secret")
	a := startEnd(t, "a", la, lb, "secret")
	select {
	case r := <-a.replies:
		t.Fatalf("a stranger was answered: %+v", r)
	case <-time.After(500 * time.Millisecond): // the absence of an answer is the subject
	}
}

// undialled is a network in which one can listen and not dial.
type undialled struct{ bus.TCP }

var errUndialled = errors.New("nothing leads there")

func (undialled) Dial(context.Context, string) (net.Conn, error) { return nil, errUndialled }

// A link whose server had opened, and whose own connection to it failed, left that server open for good.
func TestLink_AStartThatFailsLeavesNothingOpen(t *testing.T) {
	address := processtest.Address(t)
	e := &end{name: "a"}
	l, err := New(Config{
		Host: "a", Listen: address, Peer: processtest.Address(t), Password: secret, Network: undialled{}, Interval: 20 * time.Millisecond, Clock: lease.BootClock,
		Main: e, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Start(t.Context()); !errors.Is(err, errUndialled) {
		t.Fatalf("it starts: %v", err)
	}
	again, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatalf("its port is still open: %v", err)
	}
	_ = again.Close()
}
