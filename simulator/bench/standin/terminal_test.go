package standin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/level"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/storage/position"
)

const patience = 10 * time.Second

func open(t testing.TB) (*Terminal, string) {
	t.Helper()
	fleet, err := Open([]string{"t1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := fleet.Close(); err != nil {
			t.Error(err)
		}
	})
	return fleet.Terminal(0), fleet.Addresses()[0]
}

// host is a host as an agent knows it, on the client library that everybody uses: so the protocol is looked at too.
type host struct {
	testing.TB
	name     string
	conn     *nats.Conn
	requests chan *nats.Msg // batches
	changes  chan bus.AgentChange
}

func dial(t testing.TB, name, address string) *host {
	t.Helper()
	conn, err := nats.Connect(address, nats.UserInfo(bus.AgentUser, "any"), nats.NoReconnect())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	h := &host{TB: t, name: name, conn: conn, requests: make(chan *nats.Msg, 100), changes: make(chan bus.AgentChange, 100)}
	if _, err := conn.Subscribe(bus.SubjectAgentChanged, func(m *nats.Msg) {
		var c bus.AgentChange
		if err := bus.DecodeJSON(m.Data, &c); err != nil {
			t.Error(err)
		}
		h.changes <- c
	}); err != nil {
		t.Fatal(err)
	}
	if err := conn.Flush(); err != nil { // what another connection does next comes after it
		t.Fatal(err)
	}
	return h
}

func call[A any](h *host, subject string, question any) (answer A) {
	h.Helper()
	m, err := h.conn.Request(subject, bus.EncodeJSON(question), patience)
	if err == nil {
		err = bus.DecodeJSON(m.Data, &answer)
	}
	if err != nil {
		h.Fatalf("%s: %v", subject, err)
	}
	return answer
}

func (h *host) attach(epoch, counter uint64) bus.AgentAttached {
	h.Helper()
	session := fmt.Sprintf("%s-%d-%d", h.name, epoch, counter)
	if _, err := h.conn.ChanSubscribe(bus.SessionRequests(session), h.requests); err != nil {
		h.Fatal(err)
	}
	return call[bus.AgentAttached](h, bus.SubjectAgentAttach, bus.AgentAttach{
		PairID: "pair", Host: h.name, Identity: "id-" + h.name, Epoch: epoch, Counter: counter, Session: session,
	})
}

// request gives the one request of the next batch, and how to answer it.
func (h *host) request() (bus.Request, func(bus.Reply)) {
	h.Helper()
	select {
	case m := <-h.requests:
		var requests batch[bus.Request]
		if err := bus.Decode(m.Data, &requests); err != nil || len(requests.Items) != 1 {
			h.Fatalf("%v, %+v", err, requests)
		}
		to := m.Reply[:strings.LastIndexByte(m.Reply, '.')] + ".0"
		return requests.Items[0].Value, func(r bus.Reply) {
			data, err := bus.Encode(batch[bus.Reply]{[]item[bus.Reply]{{requests.Items[0].Number, r}}})
			if err == nil {
				err = h.conn.Publish(to, data)
			}
			if err != nil {
				h.Error(err)
			}
		}
	case <-time.After(patience):
		h.Fatal("no request came")
	}
	return bus.Request{}, nil
}

// change gives the next word on who is attached.
func (h *host) change() bus.AgentChange {
	h.Helper()
	select {
	case c := <-h.changes:
		return c
	case <-time.After(patience):
		h.Fatal("the other host was told nothing")
	}
	return bus.AgentChange{}
}

type outcome struct {
	answer Answer
	err    error
}

func put(t *Terminal) <-chan outcome {
	got := make(chan outcome, 2)
	t.Ask("kv", "put", []byte(`{}`), func(a Answer, err error) { got <- outcome{a, err} })
	return got
}

func TestTerminal_FollowsTheHighestEpoch(t *testing.T) {
	_, address := open(t)
	x, y := dial(t, "x", address), dial(t, "y", address)
	if w := call[bus.AgentWelcome](x, bus.SubjectAgentHello, bus.AgentHello{Levels: level.Own()}); w.Error != "" || w.Terminal != "t1" || w.Epoch != 0 {
		t.Errorf("first hello: %+v", w)
	}
	for _, c := range []struct {
		host           *host
		epoch, counter uint64
		ok             bool
		known          uint64
	}{
		{x, 0, 1, false, 0},
		{x, 3, 5, true, 3},
		{x, 3, 5, false, 3},
		{x, 3, 4, false, 3},
		{x, 3, 6, true, 3},
		{y, 3, 9, false, 3},
		{y, 2, 9, false, 3},
		{y, 5, 1, true, 5},
		{x, 4, 9, false, 5},
		{x, 6, 1, true, 6},
	} {
		if got := c.host.attach(c.epoch, c.counter); got.OK != c.ok || got.Epoch != c.known || (got.Error == "") != c.ok {
			t.Errorf("%s attaches in %d/%d: %+v, want %t", c.host.name, c.epoch, c.counter, got, c.ok)
		}
	}
	if w := call[bus.AgentWelcome](y, bus.SubjectAgentHello, bus.AgentHello{Levels: level.Own(), PairID: "other"}); w.Error == "" || w.Active != "x" || !w.Fresh {
		t.Errorf("hello of another pair: %+v", w)
	}
	for identity, fresh := range map[string]bool{"id-x": false, "id-y": true} {
		if f := call[bus.AgentFresh](y, bus.SubjectAgentFresh, bus.AgentFreshRequest{Identity: identity}); f.Fresh != fresh || f.Epoch != 6 {
			t.Errorf("fresh for %s: %+v", identity, f)
		}
	}
	if _, err := y.conn.Request("agent.unknown", nil, patience); !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("unknown question: %v", err)
	}
}

func TestTerminal_KeepsWhatALostHostHadForTheNext(t *testing.T) {
	terminal, address := open(t)
	x, y := dial(t, "x", address), dial(t, "y", address)
	early := put(terminal) // nobody is attached
	if got := x.attach(1, 1); !got.OK || got.Waiting != 1 || got.Gap <= 0 {
		t.Fatalf("%+v", got)
	}
	if c := y.change(); !c.Fresh || c.Host != "x" || c.Epoch != 1 || c.Recent != 1 {
		t.Errorf("after the attach: %+v", c)
	}
	q, answer := x.request()
	if q.Attempt != 1 || q.Service != "kv" || q.Operation != "put" || q.Oldest != q.ID.Counter || q.Remaining <= 0 {
		t.Errorf("%+v", q)
	}
	at := position.Position{Epoch: 1, Sequence: 7}
	answer(bus.Reply{Body: []byte(`1`), Position: at, Receipt: []byte("code")})
	if got := <-early; got.err != nil || got.answer.Position != at {
		t.Errorf("%+v", got)
	}
	if terminal.Waiting() != 0 {
		t.Errorf("%d wait", terminal.Waiting())
	}

	held := put(terminal)
	first, _ := x.request()
	x.conn.Close()
	if c := y.change(); c.Fresh || c.Epoch != 1 || c.Recent != 2 {
		t.Errorf("after the loss: %+v", c)
	}
	if got := y.attach(2, 1); !got.OK || got.Waiting != 1 {
		t.Fatalf("%+v", got)
	}
	again, answer := y.request()
	if again.ID != first.ID || again.Attempt != 2 {
		t.Errorf("sent again: %+v after %+v", again, first)
	}
	answer(bus.Reply{Code: bus.CodeOverloaded}) // it may have been executed, so it is no answer
	again, answer = y.request()
	if again.ID != first.ID || again.Attempt != 3 {
		t.Errorf("sent again: %+v", again)
	}
	answer(bus.Reply{Position: position.Position{Epoch: 2, Sequence: 9}})
	answer(bus.Reply{Position: position.Position{Epoch: 2, Sequence: 10}}) // nobody asked any more
	if got := <-held; got.err != nil || got.answer.Position.Sequence != 9 {
		t.Errorf("%+v", got)
	}
	got := call[bus.Receipts](y, bus.SubjectAgentReceipts, bus.ReceiptsRequest{BeforeAttach: true}).Receipts
	if len(got) != 1 || got[0].Position != at || string(got[0].Code) != "code" {
		t.Errorf("receipts before the attach: %+v", got)
	}
	if len(held) > 0 {
		t.Error("answered twice")
	}
}

func TestTerminal_KeepsWhatWasNotExecuted(t *testing.T) {
	terminal, address := open(t)
	x := dial(t, "x", address)
	x.attach(1, 1)
	got := put(terminal)
	q, answer := x.request()
	answer(bus.Reply{Code: bus.CodeNobody})
	if err := x.conn.Flush(); err != nil {
		t.Fatal(err)
	}
	if done := call[bus.AgentDetached](x, bus.SubjectAgentDetach, bus.AgentDetach{Session: "x-1-1"}); done.Error != "" {
		t.Error(done.Error)
	}
	x.attach(2, 1)
	again, answer := x.request()
	if again.ID != q.ID || again.Attempt != 1 {
		t.Errorf("held, not executed, was sent as %+v", again)
	}
	answer(bus.Reply{Code: bus.CodeConflict, Message: "no"})
	if o := <-got; !errors.Is(o.err, ErrAnswer) {
		t.Errorf("%+v", o)
	}
	withdrawn, end := context.WithCancel(context.Background())
	end()
	if _, err := terminal.Call(withdrawn, "kv", "put", nil); !errors.Is(err, context.Canceled) || terminal.Waiting() != 0 {
		t.Errorf("%v, %d wait", err, terminal.Waiting())
	}
}

// Whoever speaks nonsense is let go, and nobody else feels it.
func TestTerminal_ClosesAMalformedConnection(t *testing.T) {
	terminal, address := open(t)
	for _, text := range []string{
		"GET / HTTP/1.1\r\n", "PUB\r\n", "PUB a -1\r\n", "PUB a 99999999999\r\n", "PUB a b c d\r\n", "HPUB a 5 3\r\nabc\r\n", "HPUB a x 3\r\nabc\r\n",
		"SUB\r\n", "UNSUB\r\n", "\r\n", strings.Repeat("x", 2*readBuffer), "PUB agent.hello 3\r\n{x}\r\n",
		strings.Repeat("SUB a 1\r\n", maxSubscriptions+1),
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(address, "nats://"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte(text)); err != nil {
			t.Logf("%.20q: %v", text, err) // closed meanwhile
		}
		if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		read := bufio.NewReader(conn)
		line, err := read.ReadString('\n')
		if err == nil && !strings.HasPrefix(line, "INFO {") {
			t.Errorf("first line %q", line)
		}
		for err == nil {
			_, err = read.ReadByte()
		}
		var late net.Error
		if errors.As(err, &late) && late.Timeout() {
			t.Errorf("%.20q: the connection stands", text)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
	x := dial(t, "x", address)
	if got := x.attach(1, 1); !got.OK {
		t.Errorf("%+v", got)
	}
	processtest.Await(t, "all others are gone", func() bool {
		terminal.mu.Lock()
		defer terminal.mu.Unlock()
		return len(terminal.conns) == 1
	})
}

func TestFleet_CloseFailsWhatWaits(t *testing.T) {
	fleet, err := Open([]string{"t1", "t2"})
	if err != nil {
		t.Fatal(err)
	}
	got := put(fleet.Terminal(1))
	for range 2 {
		if err := fleet.Close(); err != nil {
			t.Error(err)
		}
	}
	if o := <-got; !errors.Is(o.err, ErrClosed) {
		t.Errorf("%+v", o)
	}
	if o := <-put(fleet.Terminal(0)); !errors.Is(o.err, ErrClosed) {
		t.Errorf("after the end: %+v", o)
	}
}

func TestClients_KnockTellsWhoWasAnswered(t *testing.T) {
	fleet, err := Open([]string{"t1", "t2"})
	if err != nil {
		t.Fatal(err)
	}
	defer fleet.Close()
	x := dial(t, "x", fleet.Addresses()[1])
	x.attach(1, 1)
	go func() {
		_, answer := x.request()
		answer(bus.Reply{})
	}()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var done atomic.Int64
	go func() {
		processtest.Await(t, "one is answered", func() bool { return done.Load() == 1 })
		cancel()
	}()
	took := fleet.Clients(2).Knock(ctx, putOperation(), &done)
	if took[0] != 0 || took[1] <= 0 || done.Load() != 2 || fleet.Terminal(0).Waiting() != 0 {
		t.Errorf("%v, %d done, %d wait", took, done.Load(), fleet.Terminal(0).Waiting())
	}
}
