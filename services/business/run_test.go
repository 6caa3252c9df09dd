package business_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/business"
	"github.com/hotpair/hotpair/services/business/businesstest"
	"github.com/hotpair/hotpair/services/business/kv"
	"github.com/hotpair/hotpair/services/level"
)

// single asks in the form of one message for each request, as an operator or a foreign caller does.
func single(t *testing.T, host *businesstest.Host, subject, body string, headers map[string]string) *nats.Msg {
	t.Helper()
	m := nats.NewMsg(subject)
	m.Data = []byte(body)
	for name, value := range headers {
		m.Header.Set(name, value)
	}
	ctx, cancel := context.WithTimeout(t.Context(), businesstest.Patience)
	defer cancel()
	reply, err := host.Relay.RequestMessage(ctx, m)
	if err != nil {
		t.Errorf("%s: %v", subject, err)
		return nats.NewMsg(subject)
	}
	return reply
}

func TestRun_SingleRequests(t *testing.T) {
	host := businesstest.NewHost(t)
	host.Run(kv.Service())
	id := map[string]string{bus.HeaderTerminal: "t1", bus.HeaderCounter: "1", bus.HeaderEpoch: "1", bus.HeaderAttempt: "1",
		bus.HeaderTicket: businesstest.Ticket(businesstest.Numbered(1, "kv", "put", `{"key":"a","value":1}`))}
	reply := single(t, host, "business.kv.put", `{"key":"a","value":1}`, id)
	if string(reply.Data) != `{"revision":2}` || !strings.HasPrefix(reply.Header.Get(bus.HeaderProof), "1/2.") || reply.Header.Get(bus.HeaderErrorCode) != "" {
		t.Errorf("put: %s %v", reply.Data, reply.Header)
	}
	id[bus.HeaderAttempt] = "2"
	if repeated := single(t, host, "business.kv.put", `{"key":"a","value":1}`, id); string(repeated.Data) != string(reply.Data) {
		t.Errorf("repeated: %s, want %s", repeated.Data, reply.Data)
	}
	for _, c := range []struct {
		name, subject, body string
		headers             map[string]string
		code                string
	}{
		{"absent", "business.kv.get", `{"key":"b"}`, nil, "404"},
		{"malformed", "business.kv.get", `{"key":`, nil, "400"},
		{"bad counter", "business.kv.get", `{"key":"a"}`, map[string]string{bus.HeaderCounter: "x"}, "400"},
		{"bad attempt", "business.kv.get", `{"key":"a"}`, map[string]string{bus.HeaderAttempt: "-1"}, "400"},
		{"bad deadline", "business.kv.get", `{"key":"a"}`, map[string]string{bus.HeaderDeadline: "soon"}, "400"},
		{"id of nobody", "business.kv.get", `{"key":"a"}`, map[string]string{bus.HeaderCounter: "3"}, "400"},
		{"deadline", "business.kv.put", `{"key":"a","value":1}`, map[string]string{bus.HeaderDeadline: "20ms"}, "503"}, // of no epoch
		{"fine", "business.kv.get", `{"key":"a"}`, map[string]string{bus.HeaderDeadline: "5s"}, ""},
	} {
		reply := single(t, host, c.subject, c.body, c.headers)
		if got := reply.Header.Get(bus.HeaderErrorCode); got != c.code || (got != "") != (reply.Header.Get(bus.HeaderError) != "") {
			t.Errorf("%s: %q %q, want %q", c.name, got, reply.Header.Get(bus.HeaderError), c.code)
		}
	}
}

func TestRun_IsDiscovered(t *testing.T) {
	host := businesstest.NewHost(t)
	host.Run(kv.Service())
	host.Call(businesstest.Request(kv.Name, "put", `{"key":"a","value":1}`))
	host.Call(businesstest.Request(kv.Name, "get", `{"key":"b"}`))

	var ping micro.Ping
	ask(t, host, "$SRV.PING.kv", &ping)
	if ping.Name != "kv" || ping.Version != "1.0.0" || ping.Metadata["packs"] != "1" || ping.Metadata["levels"] != level.Own().String() {
		t.Errorf("%+v", ping)
	}
	var info micro.Info
	ask(t, host, "$SRV.INFO.kv", &info)
	if len(info.Endpoints) != 5 || info.Endpoints[0].Subject != "business.kv.cas" {
		t.Errorf("%+v", info)
	}
	var stats micro.Stats
	ask(t, host, "$SRV.STATS.kv", &stats)
	seen := map[string]business.Statistics{}
	for _, e := range stats.Endpoints {
		var s business.Statistics
		if err := json.Unmarshal(e.Data, &s); err != nil {
			t.Fatal(err)
		}
		s.Took = 0
		seen[e.Name] = s
	}
	if seen["put"] != (business.Statistics{Requests: 1}) || seen["get"] != (business.Statistics{Requests: 1, Errors: 1}) {
		t.Errorf("%+v", seen)
	}
}

// ask is a request of main's.
func ask(t *testing.T, host *businesstest.Host, subject string, into any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), businesstest.Patience)
	defer cancel()
	reply, err := host.Asker.Request(ctx, subject, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(reply.Data, into); err != nil {
		t.Fatal(err)
	}
}

func TestRun_EndsWithItsConnection(t *testing.T) {
	host := businesstest.NewHost(t)
	p := host.Run((&counter{}).service())
	host.UpdaterDown() // a request in flight must not keep the process
	caller, waiting := host.Caller("counter"), make(chan struct{})
	go func() {
		defer close(waiting)
		_, _ = caller.Call(t.Context(), addOne(1))
	}()
	host.Kick("business.counter")
	if err := p.Wait(); !errors.Is(err, bus.ErrDisconnected) {
		t.Errorf("Run = %v", err)
	}
	caller.Fail(bus.ErrDisconnected)
	<-waiting
}

func TestRun_StoppedFinishesItsRequests(t *testing.T) {
	host := businesstest.NewHost(t)
	reached, release := make(chan struct{}), make(chan struct{})
	c := &counter{during: func(*business.Tx, int64) { close(reached); <-release }}
	p := host.Run(c.service())
	host.Caller("counter").Go(addOne(1), func(bus.Reply, error) {}) // the answer may leave before the connection closes, or not
	<-reached
	stopped := make(chan error, 1)
	go func() { stopped <- p.Stop() }()
	close(release)
	if err := <-stopped; err != nil {
		t.Errorf("Run = %v", err)
	}
	if value(host, "k") != "1" {
		t.Errorf("count is %q", value(host, "k"))
	}
}

func TestRun_StuckHandlerIsReported(t *testing.T) {
	host := businesstest.NewHost(t)
	reached, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	c := &counter{during: func(*business.Tx, int64) { close(reached); <-release }}
	p := host.Run(c.service())
	caller := host.Caller("counter")
	caller.Go(addOne(1), func(bus.Reply, error) {})
	<-reached
	if err := p.Stop(); !errors.Is(err, business.ErrStuck) {
		t.Errorf("Run = %v, want ErrStuck", err)
	}
}

func TestRun_RefusesWhatIsNoService(t *testing.T) {
	host := businesstest.NewHost(t)
	nothing := handler(func(*business.Tx) (any, error) { return nil, nil })
	for name, service := range map[string]business.Service{
		"no name":          {Version: "1.0.0", Operations: map[string]business.Operation{"a": {Handler: nothing}}},
		"name of two":      {Name: "a.b", Version: "1.0.0", Operations: map[string]business.Operation{"a": {Handler: nothing}}},
		"no operations":    {Name: "a", Version: "1.0.0"},
		"operation":        {Name: "a", Version: "1.0.0", Operations: map[string]business.Operation{"*": {Handler: nothing}}},
		"no handler":       {Name: "a", Version: "1.0.0", Operations: map[string]business.Operation{"a": {}}},
		"revision of read": {Name: "a", Version: "1.0.0", Operations: map[string]business.Operation{"a": {Handler: nothing, ReadOnly: true, Revision: true}}},
		"version":          {Name: "a", Version: "one", Operations: map[string]business.Operation{"a": {Handler: nothing}}},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), businesstest.Patience)
		if err := business.Run(ctx, host.Environment("a"), service, slog.New(slog.DiscardHandler)); !errors.Is(err, business.ErrService) {
			t.Errorf("%s: %v, want ErrService", name, err)
		}
		cancel()
	}
}

// TestRun_ForbiddenSubjectEndsTheProcess: with the credentials of another service it could not work, and says so.
func TestRun_ForbiddenSubjectEndsTheProcess(t *testing.T) {
	host := businesstest.NewHost(t)
	ctx, cancel := context.WithTimeout(t.Context(), businesstest.Patience)
	defer cancel()
	err := business.Run(ctx, host.Environment("ledger"), kv.Service(), slog.New(slog.DiscardHandler))
	if !errors.Is(err, bus.ErrForbidden) {
		t.Errorf("Run = %v, want ErrForbidden", err)
	}
}

func TestRun_BeatsUntilItEnds(t *testing.T) {
	host := businesstest.NewHost(t)
	beats := make(chan bus.Heartbeat, 16)
	sub, err := host.Main.Subscribe("heartbeat.>", func(m *nats.Msg) {
		var beat bus.Heartbeat
		if err := bus.DecodeJSON(m.Data, &beat); err != nil || beat.Process != "business.kv" || beat.PID == 0 {
			t.Errorf("%s %v", m.Data, err)
		}
		select {
		case beats <- beat:
		default:
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	p := host.Run(kv.Service())
	var last bus.Heartbeat
	for range 4 {
		select {
		case last = <-beats:
		case <-time.After(businesstest.Patience):
			t.Fatal("no beat")
		}
	}
	if !last.Ready {
		t.Error("the fourth beat is not ready")
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
}
