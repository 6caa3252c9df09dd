package traffic_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/bustest"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/traffic"
)

const patience = 30 * time.Second

// newPlan reserves ports that end with the test.
func newPlan(t *testing.T) *traffic.Plan {
	t.Helper()
	p, err := traffic.NewPlan(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Release(); err != nil {
			t.Error(err)
		}
	})
	return p
}

type serve = func(context.Context, config.Traffic, traffic.Environment) (*traffic.Server, error)

func start(t *testing.T, serve serve, c config.Traffic) *traffic.Server {
	t.Helper()
	s, err := serve(t.Context(), c, traffic.Environment{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func connect(t *testing.T, s *traffic.Server, user, password string, complaint func(error)) (*bus.Conn, error) {
	inbox := bus.InboxPrefix(user)
	if !bus.ValidName(strings.ReplaceAll(user, ".", "")) || strings.HasSuffix(user, ".") {
		inbox = "" // the client would not even try
	}
	conn, err := bus.Connect(t.Context(), bus.ConnConfig{URL: s.URL(), User: user, Password: password, Inbox: inbox, Once: true, Complaint: complaint})
	if err == nil {
		t.Cleanup(conn.Close)
	}
	return conn, err
}

func flush(t *testing.T, conns ...*bus.Conn) {
	t.Helper()
	for _, c := range conns {
		if err := c.FlushTimeout(patience); err != nil {
			t.Fatal(err)
		}
	}
}

// Only who has the password that main derives for it gets in, and only as what it is.
func TestServe_LetsInWhoIsOfTheHost(t *testing.T) {
	plan := newPlan(t)
	requests, database := start(t, traffic.ServeRequests, plan.Requests()), start(t, traffic.ServeDatabase, plan.Database())
	kv, ledger, main := "business.kv", "business.ledger", bus.ProcessMain
	for _, c := range []struct {
		to             *traffic.Server
		user, password string
		in             bool
	}{
		{requests, kv, plan.Password(kv), true},
		{database, kv, plan.Password(kv), true},
		{requests, main, plan.Password(main), true},
		{database, main, plan.Password(main), false},
		{requests, kv, plan.Password(ledger), false},
		{requests, kv, "", false},
		{requests, "", "", false},
		{requests, bus.ProcessTerminalInterface, plan.Password(bus.ProcessTerminalInterface), false},
		{database, bus.ProcessUpdater, plan.Password(bus.ProcessUpdater), false},
		{requests, bus.ProcessUpdater, plan.Password(bus.ProcessUpdater), false},
		{requests, "business.a.b", plan.Password("business.a.b"), false},
		{requests, "business.>", plan.Password("business.>"), false},
		{requests, "business.", plan.Password("business."), false},
		{requests, bus.ProcessBackup, plan.Password(bus.ProcessBackup), false},
	} {
		_, err := connect(t, c.to, c.user, c.password, nil)
		if in := err == nil; in != c.in || !in && !errors.Is(err, nats.ErrAuthorization) {
			t.Errorf("%q at %s: %v", c.user, c.to.Address(), err)
		}
	}
}

// A server that was started again is found where it was, by who was connected, and the port is nobody else's meanwhile.
func TestPlan_APortOutlivesItsServer(t *testing.T) {
	plan := newPlan(t)
	address := plan.Database().TrafficListen
	first := start(t, traffic.ServeDatabase, plan.Database())
	restored := make(chan struct{}, 1)
	conn, err := bus.Connect(t.Context(), bus.ConnConfig{
		URL: first.URL(), User: "business.kv", Password: plan.Password("business.kv"), Restored: func() { restored <- struct{}{} },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for range 3 {
		first.Close()
		for range 200 {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			if l.Addr().String() == address {
				t.Fatal("somebody else got the port")
			}
			defer l.Close()
		}
		if c, err := net.DialTimeout("tcp", address, patience); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("a port that nobody listens on: %v, %v", c, err)
		}
		first = start(t, traffic.ServeDatabase, plan.Database())
		select {
		case <-restored:
		case <-time.After(patience):
			t.Fatal("who was connected does not come back")
		}
	}
}

func TestServe_SaysThatThePortIsTaken(t *testing.T) {
	plan := newPlan(t)
	start(t, traffic.ServeDatabase, plan.Database())
	if _, err := traffic.ServeDatabase(t.Context(), plan.Database(), traffic.Environment{}); !errors.Is(err, bus.ErrListen) || !strings.Contains(err.Error(), plan.Database().TrafficListen) {
		t.Error(err)
	}
}

// What was given to be sent is sent before a server ends: answers at the end of a term.
func TestClose_HandsOverWhatWasSaid(t *testing.T) {
	plan := newPlan(t)
	for round := range 20 {
		s := start(t, traffic.ServeDatabase, plan.Database())
		kv, err := connect(t, s, "business.kv", plan.Password("business.kv"), nil)
		if err != nil {
			t.Fatal(err)
		}
		const n = 2000
		got := make(chan *nats.Msg, n)
		if _, err := kv.ChanSubscribe("inbox.business.kv.x", got); err != nil {
			t.Fatal(err)
		}
		flush(t, kv)
		for range n {
			if err := s.Conn.Publish("inbox.business.kv.x", make([]byte, 1000)); err != nil {
				t.Fatal(err)
			}
		}
		s.Close()
		for i := range n {
			select {
			case <-got:
			case <-time.After(patience):
				t.Fatalf("round %d: %d of %d came", round, i, n)
			}
		}
	}
}

// TestPermissions_OfAll lists who may say and hear what on each server, of all that is said on either.
func TestPermissions_OfAll(t *testing.T) {
	plan := newPlan(t)
	requests, database := start(t, traffic.ServeRequests, plan.Requests()), start(t, traffic.ServeDatabase, plan.Database())
	subjects := []string{
		"business.kv.put", "business.ledger.open", "pack.business.kv", "pack.business.ledger", "answers.kv.x.1", "answers.ledger.x.1",
		"db.kv.pack", "db.kv.commit", "db.ledger.pack", "right", "process.updater", "heartbeat.business.kv", "control.updater.facts", "question.updater.numbers",
		"inbox.main.x.1", "inbox.updater.x.1", "inbox.terminal-if.x.1", "inbox.business.kv.x.1", "inbox.business.ledger.x.1",
		"$SRV.PING", "$SRV.PING.kv", "$SRV.INFO.kv", "$SRV.STATS.kv.one", "$SRV.PING.ledger", "$SRV.INFO.ledger", "anything", "$SYS.REQ.SERVER.PING", "$JS.API.INFO",
	}
	both := func(service, format string) []string {
		return []string{fmt.Sprintf(format, "kv"), fmt.Sprintf(format, service)}
	}
	for _, c := range []struct {
		what            string
		at              *traffic.Server
		user            string // "" is the process that has it
		publish, listen []string
	}{
		{"terminal-if", requests, "", slices.Concat([]string{"business.kv.put", "business.ledger.open", "$SRV.INFO.kv", "$SRV.INFO.ledger"}, both("ledger", "pack.business.%s")),
			append(both("ledger", "answers.%s.x.1"), "inbox.terminal-if.x.1")},
		{"updater", database, "", both("ledger", "inbox.business.%s.x.1"), []string{"db.kv.pack", "db.kv.commit", "db.ledger.pack"}},
		{"main", requests, bus.ProcessMain, []string{"$SRV.PING", "$SRV.PING.kv", "$SRV.INFO.kv", "$SRV.STATS.kv.one", "$SRV.PING.ledger", "$SRV.INFO.ledger"}, []string{"inbox.main.x.1"}},
		{"kv at requests", requests, "business.kv", []string{"answers.kv.x.1"},
			[]string{"business.kv.put", "pack.business.kv", "$SRV.PING", "$SRV.PING.kv", "$SRV.INFO.kv", "$SRV.STATS.kv.one"}},
		{"kv at the database", database, "business.kv", []string{"db.kv.pack", "db.kv.commit"}, []string{"inbox.business.kv.x.1"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			conn := c.at.Conn
			if c.user != "" {
				var err error
				if conn, err = connect(t, c.at, c.user, plan.Password(c.user), nil); err != nil {
					t.Fatal(err)
				}
			}
			for _, subject := range subjects {
				if err := conn.Publish(subject, nil); err != nil {
					t.Fatal(err)
				}
				if got, want := !bustest.Refused(t, conn), slices.Contains(c.publish, subject); got != want {
					t.Errorf("publish %s: allowed %v, want %v", subject, got, want)
				}
				sub, err := conn.Subscribe(subject, func(*nats.Msg) {})
				if err != nil {
					t.Fatal(err)
				}
				if got, want := !bustest.Refused(t, conn), slices.Contains(c.listen, subject); got != want {
					t.Errorf("subscribe %s: allowed %v, want %v", subject, got, want)
				}
				_ = sub.Unsubscribe() // what was refused is gone already
			}
		})
	}
}

// TestFault_C9_NoServiceAnswersForAnother: a business process heard the questions to all services, and could describe another one: with
// operations that it does not have, or as one that takes batches, and its requests were refused or lost.
func TestFault_C9_NoServiceAnswersForAnother(t *testing.T) {
	plan := newPlan(t)
	s := start(t, traffic.ServeRequests, plan.Requests())
	refused := make(chan error, 64)
	evil, err := connect(t, s, "business.evil", plan.Password("business.evil"), func(err error) { refused <- err })
	if err != nil {
		t.Fatal(err)
	}
	kv, err := connect(t, s, "business.kv", plan.Password("business.kv"), nil)
	if err != nil {
		t.Fatal(err)
	}
	answer := func(c *bus.Conn, name, subject string) {
		t.Helper()
		if _, err := c.Subscribe(subject, func(m *nats.Msg) { _ = m.Respond([]byte(name)) }); err != nil {
			t.Fatal(err)
		}
	}
	for _, subject := range []string{"$SRV.INFO.kv", "$SRV.INFO.>", "$SRV.INFO.*", "$SRV.>", "$SRV.*.kv", "$SRV.STATS.kv.*"} {
		answer(evil, "evil", subject)
	}
	answer(evil, "evil", "$SRV.INFO.evil")
	answer(kv, "kv", "$SRV.INFO.kv")
	flush(t, evil, kv)
	for range 6 {
		select {
		case err := <-refused:
			if !errors.Is(err, bus.ErrForbidden) {
				t.Error(err)
			}
		case <-time.After(30 * time.Second):
			t.Fatal("what it may not hear was not refused")
		}
	}
	for _, service := range []string{"kv", "evil"} {
		for range 20 {
			m, err := s.Conn.Request(t.Context(), "$SRV.INFO."+service, nil)
			if err != nil || string(m.Data) != service {
				t.Fatalf("for %s answers %q, %v", service, m.Data, err)
			}
		}
	}
}
