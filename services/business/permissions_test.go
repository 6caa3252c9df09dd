package business_test

import (
	"context"
	"slices"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/bustest"
	"github.com/hotpair/hotpair/services/business/businesstest"
	"github.com/hotpair/hotpair/services/config"
)

// TestPermissions_OfABusinessProcess lists all that a business process may say and hear on each server that it connects to; the rest is
// refused. It has no other boundary: with these credentials a program of any origin runs beside the database.
func TestPermissions_OfABusinessProcess(t *testing.T) {
	host := businesstest.NewHost(t)
	env := host.Environment("kv")
	said := []string{
		"heartbeat.business.kv", "db.kv.read", "db.kv.scan", "db.kv.commit", "db.kv.pack", "answers.kv.x.0",
		"heartbeat.main", "heartbeat.updater", "heartbeat.business.ledger", "heartbeat.business.kv.x",
		"db.ledger.read", "db.ledger.commit", "db.kv", "db",
		"business.kv.put", "business.ledger.open", "pack.business.kv", "pack.business.ledger", "answers.ledger.x.0", "answers.kv",
		"control.updater.serve", "control.updater.note", "control.terminal-if.attach", "right", "process.updater", "process.business.kv",
		"inbox.main.x", "inbox.updater.x", "inbox.terminal-if.x", "inbox.business.kv.x", "inbox.business.ledger.x", "_INBOX.x",
		"$SRV.PING", "$SRV.PING.ledger", "$SYS.REQ.SERVER.PING", "$SYS.REQ.USER.INFO", "$JS.API.INFO",
		"link.beat", "link.message", "replication.a", "updater.a.hello", "session.s.requests", "agent.hello", "request.kv.put", "x",
	}
	heard := []string{
		"business.kv.put", "business.kv.>", "pack.business.kv", "$SRV.PING", "$SRV.INFO.kv", "$SRV.STATS.kv.*", "process.updater",
		"inbox.business.kv.>", "inbox.business.kv.x.*",
		">", "*", "*.*", "business.>", "business.*.put", "business.ledger.put", "pack.business.*", "pack.business.ledger",
		"db.>", "db.kv.read", "db.ledger.read", "answers.>", "answers.kv.>", "heartbeat.>", "control.>", "right",
		"process.>", "process.main", "process.business.ledger",
		"inbox.>", "inbox.main.>", "inbox.updater.>", "inbox.terminal-if.>", "inbox.business.>", "inbox.business.ledger.>", "_INBOX.>",
		"$SRV.>", "$SRV.INFO.*", "$SRV.INFO.ledger", "$SYS.>", "$JS.>", "link.>", "replication.>", "updater.>", "session.>", "agent.>", "request.>",
	}
	for _, server := range []struct {
		what, url       string
		publish, listen []string
	}{
		{"main's bus", env.BusURL, []string{"heartbeat.business.kv"}, nil},
		{"requests", env.RequestsURL, []string{"answers.kv.x.0"},
			[]string{"business.kv.put", "business.kv.>", "pack.business.kv", "$SRV.PING", "$SRV.INFO.kv", "$SRV.STATS.kv.*"}},
		{"database", env.DatabaseURL, []string{"db.kv.read", "db.kv.scan", "db.kv.commit", "db.kv.pack"},
			[]string{"inbox.business.kv.>", "inbox.business.kv.x.*"}},
	} {
		t.Run(server.what, func(t *testing.T) {
			conn := connectAs(t, env, server.url)
			for _, subject := range said {
				if err := conn.Publish(subject, []byte("x")); err != nil {
					t.Fatal(err)
				}
				if got, want := !bustest.Refused(t, conn), slices.Contains(server.publish, subject); got != want {
					t.Errorf("publish %s: allowed %v, want %v", subject, got, want)
				}
			}
			for _, subject := range heard {
				sub, err := conn.Subscribe(subject, func(*nats.Msg) {})
				if err != nil {
					t.Fatal(err)
				}
				if got, want := !bustest.Refused(t, conn), slices.Contains(server.listen, subject); got != want {
					t.Errorf("subscribe %s: allowed %v, want %v", subject, got, want)
				}
				_ = sub.Unsubscribe() // what was refused is gone already
			}
		})
	}
}

// TestPermissions_AnAnswerOnce: an answer is allowed once, where it was asked for.
func TestPermissions_AnAnswerOnce(t *testing.T) {
	host := businesstest.NewHost(t)
	env := host.Environment("kv")
	conn := connectAs(t, env, env.RequestsURL)
	asked := make(chan *nats.Msg, 1)
	if _, err := conn.ChanSubscribe("business.kv.get", asked); err != nil {
		t.Fatal(err)
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := host.Relay.PublishRequest("business.kv.get", "inbox.terminal-if.once", nil); err != nil {
		t.Fatal(err)
	}
	m := <-asked
	for i, allowed := range []bool{true, false} {
		if err := m.Respond(nil); err != nil {
			t.Fatal(err)
		}
		if got := !bustest.Refused(t, conn); got != allowed {
			t.Errorf("answer %d: allowed %v, want %v", i+1, got, allowed)
		}
	}
}

func connectAs(t *testing.T, env config.Business, url string) *bus.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), businesstest.Patience)
	defer cancel()
	conn, err := bus.Connect(ctx, bus.ConnConfig{Name: "kv", URL: url, User: env.BusUser, Password: env.BusPassword.Reveal(), Inbox: env.BusInbox})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}
