package broker

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
)

func startServer(t testing.TB, users *Users) *Server {
	t.Helper()
	s, err := NewServer(ServerConfig{Name: "test", Listen: "127.0.0.1:0", Users: users})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

func connect(t testing.TB, s *Server, c bus.ConnConfig) *bus.Conn {
	t.Helper()
	c.URL = s.URL()
	conn, err := bus.Connect(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

func TestUsers_RevokeKicksAndRefuses(t *testing.T) {
	users := NewUsers()
	users.Allow("main", Grant{Password: "m"})
	users.Allow("session-1", Grant{Password: "s"})
	s := startServer(t, users)
	lost := make(chan error, 8)
	session := connect(t, s, bus.ConnConfig{User: "session-1", Password: "s", Lost: func(err error) { lost <- err }})
	other := connect(t, s, bus.ConnConfig{User: "main", Password: "m"})
	users.Revoke("session-1")
	select {
	case <-lost:
	case <-time.After(30 * time.Second):
		t.Fatal("a revoked user's connection stays open")
	}
	if _, err := bus.Connect(t.Context(), bus.ConnConfig{URL: s.URL(), User: "session-1", Password: "s", Once: true}); !errors.Is(err, nats.ErrAuthorization) {
		t.Fatalf("a revoked user connects again: %v", err)
	}
	if err := session.Publish("x", nil); err == nil {
		if err := session.FlushTimeout(200 * time.Millisecond); err == nil {
			t.Fatal("a revoked user still publishes")
		}
	}
	if err := other.FlushTimeout(5 * time.Second); err != nil {
		t.Fatalf("another user was disturbed: %v", err)
	}
}

func TestUsers_RefuseStrangers(t *testing.T) {
	users := NewUsers()
	users.Allow("main", Grant{Password: "m"})
	s := startServer(t, users)
	for _, c := range []bus.ConnConfig{{}, {User: "main", Password: "x"}, {User: "other", Password: "m"}, {User: "main"}} {
		c.URL, c.Once = s.URL(), true
		if conn, err := bus.Connect(t.Context(), c); err == nil {
			conn.Close()
			t.Errorf("user %q with password %q got in", c.User, c.Password)
		}
	}
}

// TestPermissions lists for each kind of process what it may publish and subscribe, and sees everything else of the
// table of subjects refused by a real server.
func TestPermissions(t *testing.T) {
	subjects := []string{
		bus.SubjectRight, "process.updater", "process.business.kv",
		"heartbeat.updater", "heartbeat.terminal-if", "heartbeat.courier", "heartbeat.business.kv", "heartbeat.business.ledger",
		bus.CallFacts.Subject(), bus.CallPrepare.Subject(), bus.CallServe.Subject(), bus.CallRequire.Subject(), bus.CallDrain.Subject(), bus.CallNote.Subject(), bus.CallHistory.Subject(), ofTerminalInterface.Subject(),
		bus.CallAttach.Subject(), bus.CallDetach.Subject(), bus.CallDrainRequests.Subject(), bus.CallAskTerminals.Subject(),
		"business.kv.put", "business.ledger.open", bus.BatchSubject("kv"), bus.BatchSubject("ledger"),
		"answers.kv.x.1", "answers.ledger.x.1",
		"db.kv.pack", "db.kv.commit", "db.ledger.pack",
		"inbox.main.x.1", "inbox.updater.x.1", "inbox.terminal-if.x.1", "inbox.courier.x.1", "inbox.business.kv.x.1", "inbox.business.ledger.x.1",
		"question.updater.courier.pending", "question.updater.emissions-list", "$SRV.PING", "$SRV.PING.kv", "$SRV.INFO.kv", "$SRV.STATS.kv.one", "$SRV.PING.ledger", "$SRV.INFO.ledger", "$SRV.STATS.ledger.one", "anything", "$SYS.REQ.SERVER.PING", "$JS.API.INFO",
	}
	tests := []struct {
		process              string
		publishes, subscribe []string
	}{
		{bus.ProcessUpdater,
			[]string{"heartbeat.updater", "inbox.main.x.1", "inbox.terminal-if.x.1", "inbox.courier.x.1"},
			[]string{bus.CallFacts.Subject(), bus.CallPrepare.Subject(), bus.CallServe.Subject(), bus.CallRequire.Subject(), bus.CallDrain.Subject(), bus.CallNote.Subject(), bus.CallHistory.Subject(), ofTerminalInterface.Subject(), "inbox.updater.x.1", "question.updater.courier.pending", "question.updater.emissions-list"}},
		{bus.ProcessTerminalInterface,
			[]string{"heartbeat.terminal-if", "inbox.main.x.1", ofTerminalInterface.Subject()},
			[]string{bus.SubjectRight, "process.updater", "process.business.kv", bus.CallAttach.Subject(), bus.CallDetach.Subject(), bus.CallDrainRequests.Subject(), bus.CallAskTerminals.Subject(), "inbox.terminal-if.x.1"}},
		{bus.ProcessCourier, []string{"heartbeat.courier", "question.updater.courier.pending"}, []string{bus.SubjectRight, "inbox.courier.x.1"}},
		{bus.ProcessBusiness + ".kv", []string{"heartbeat.business.kv"}, nil},
		{"stranger", nil, nil},
	}
	for _, test := range tests {
		t.Run(test.process, func(t *testing.T) {
			users := NewUsers()
			users.Allow(test.process, Grant{Password: "p", Permissions: Permissions(test.process)})
			s := startServer(t, users)
			complaints := make(chan error, 4*len(subjects))
			conn := connect(t, s, bus.ConnConfig{User: test.process, Password: "p", Complaint: func(err error) { complaints <- err }})
			refused := func(do func(string) error, subject string) bool {
				t.Helper()
				if err := do(subject); err != nil {
					t.Fatal(err)
				}
				if err := conn.FlushTimeout(5 * time.Second); err != nil {
					t.Fatal(err)
				}
				// The refusal travels before the flush's answer but is told on another goroutine: await it with a marker
				// that is always refused.
				if err := conn.Publish("always.refused", nil); err != nil {
					t.Fatal(err)
				}
				var was bool
				for {
					select {
					case err := <-complaints:
						if !errors.Is(err, bus.ErrForbidden) {
							t.Fatalf("%s: %v", subject, err)
						}
						if contains(err.Error(), "always.refused") {
							return was
						}
						was = true
					case <-time.After(30 * time.Second):
						t.Fatalf("%s: the marker was not refused", subject)
					}
				}
			}
			for _, subject := range subjects {
				if got, want := !refused(func(s string) error { return conn.Publish(s, nil) }, subject), has(test.publishes, subject); got != want {
					t.Errorf("publish %s: allowed %v, want %v", subject, got, want)
				}
				subscribe := func(s string) error {
					_, err := conn.Subscribe(s, func(*nats.Msg) {})
					return err
				}
				if got, want := !refused(subscribe, subject), has(test.subscribe, subject); got != want {
					t.Errorf("subscribe %s: allowed %v, want %v", subject, got, want)
				}
			}
		})
	}
}

func has(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

func contains(s, part string) bool {
	for i := 0; i+len(part) <= len(s); i++ {
		if s[i:i+len(part)] == part {
			return true
		}
	}
	return false
}

func TestServer_PortInUseNamesTheAddress(t *testing.T) {
	first := startServer(t, nil)
	second, err := NewServer(ServerConfig{Name: "second", Listen: first.Address()})
	if err != nil {
		t.Fatal(err)
	}
	err = second.Start(t.Context())
	if !errors.Is(err, bus.ErrListen) || !contains(err.Error(), first.Address()) {
		t.Fatalf("got %v, want ErrListen naming %s", err, first.Address())
	}
}

func TestServer_RefusesWhatIsNoAddress(t *testing.T) {
	for _, a := range []string{"nowhere", "host:port", "host:70000", "1.2.3.4"} {
		if _, err := NewServer(ServerConfig{Listen: a}); !errors.Is(err, bus.ErrAddress) {
			t.Errorf("%q: %v", a, err)
		}
	}
}

func TestConn_RequestEndsWhenTheConnectionDrops(t *testing.T) {
	users := NewUsers()
	users.Allow("u", Grant{Password: "p"})
	s := startServer(t, users)
	silent := connect(t, s, bus.ConnConfig{User: "u", Password: "p"})
	arrived := make(chan struct{})
	if _, err := silent.Subscribe("black.hole", func(*nats.Msg) { close(arrived) }); err != nil {
		t.Fatal(err)
	}
	if err := silent.Flush(); err != nil {
		t.Fatal(err)
	}
	conn := connect(t, s, bus.ConnConfig{User: "u", Password: "p"})
	failed := make(chan error, 1)
	go func() {
		_, err := conn.Request(context.Background(), "black.hole", nil)
		failed <- err
	}()
	<-arrived
	users.Revoke("u")
	select {
	case err := <-failed:
		if !errors.Is(err, bus.ErrDisconnected) {
			t.Fatalf("got %v, want ErrDisconnected", err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the request waits for a reply that can't come")
	}
	if _, err := conn.Request(t.Context(), "nobody", nil); !errors.Is(err, bus.ErrDisconnected) && !errors.Is(err, bus.ErrNobody) {
		t.Fatalf("while disconnected: %v", err)
	}
}

// ofTerminalInterface is a question that terminal-if may ask the updater.
var ofTerminalInterface = bus.Question[bus.Done, bus.Done](bus.ProcessUpdater, bus.OfTerminalInterface+"numbers")
