package business_test

import (
	"context"
	"errors"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/business/businesstest"
)

// TestPermissions_OfABusinessProcess lists all that a business process may say and hear on the bus; the rest is refused.
// It has no other boundary: with these credentials a program of any origin runs beside the database.
func TestPermissions_OfABusinessProcess(t *testing.T) {
	host := businesstest.NewHost(t)
	host.Allow("business.kv")
	ctx, cancel := context.WithTimeout(t.Context(), businesstest.Patience)
	defer cancel()
	conn, err := bus.Connect(ctx, bus.ConnConfig{
		Name: "kv", URL: host.Server.URL(), User: "business.kv", Password: businesstest.Password, Inbox: "inbox.business.kv",
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// refused tells whether the server has complained since it was last called: it does so before it answers a flush.
	var last error
	refused := func(what string) bool {
		t.Helper()
		if err := conn.Flush(); err != nil {
			t.Fatal(err)
		}
		before := last
		last = conn.LastError()
		if last != before && !errors.Is(last, nats.ErrPermissionViolation) {
			t.Errorf("%s: %v", what, last)
		}
		return last != before
	}

	publish := map[bool][]string{
		true: {
			"heartbeat.business.kv", "db.kv.read", "db.kv.scan", "db.kv.commit", "db.kv.pack", "answers.kv.x.0",
		},
		false: {
			"heartbeat.main", "heartbeat.updater", "heartbeat.business.ledger", "heartbeat.business.kv.x",
			"db.ledger.read", "db.ledger.commit", "db.kv", "db",
			"business.kv.put", "business.ledger.open", "pack.business.kv", "pack.business.ledger", "answers.ledger.x.0", "answers.kv",
			"control.updater.serve", "control.updater.note", "control.terminal-if.attach", "right", "process.updater", "process.business.kv",
			"inbox.main.x", "inbox.updater.x", "inbox.terminal-if.x", "inbox.business.kv.x", "inbox.business.ledger.x", "_INBOX.x",
			"$SRV.PING", "$SRV.PING.ledger", "$SYS.REQ.SERVER.PING", "$SYS.REQ.USER.INFO", "$JS.API.INFO",
			"link.beat", "link.message", "replication.a", "updater.a.hello", "session.s.requests", "agent.hello", "request.kv.put", "x",
		},
	}
	for allowed, subjects := range publish {
		for _, subject := range subjects {
			if err := conn.Publish(subject, []byte("x")); err != nil {
				t.Fatal(err)
			}
			if got := !refused(subject); got != allowed {
				t.Errorf("publish %s: allowed %v, want %v", subject, got, allowed)
			}
		}
	}
	subscribe := map[bool][]string{
		true: {
			"business.kv.put", "business.kv.>", "pack.business.kv", "$SRV.PING", "$SRV.INFO.kv", "$SRV.STATS.kv.*", "process.updater",
			"inbox.business.kv.>", "inbox.business.kv.x.*",
		},
		false: {
			">", "*", "*.*", "business.>", "business.*.put", "business.ledger.put", "pack.business.*", "pack.business.ledger",
			"db.>", "db.kv.read", "db.ledger.read", "answers.>", "answers.kv.>", "heartbeat.>", "control.>", "right",
			"process.>", "process.main", "process.business.ledger",
			"inbox.>", "inbox.main.>", "inbox.updater.>", "inbox.terminal-if.>", "inbox.business.>", "inbox.business.ledger.>", "_INBOX.>",
			"$SRV.>", "$SRV.INFO.*", "$SRV.INFO.ledger", "$SYS.>", "$JS.>", "link.>", "replication.>", "updater.>", "session.>", "agent.>", "request.>",
		},
	}
	for allowed, subjects := range subscribe {
		for _, subject := range subjects {
			sub, err := conn.Subscribe(subject, func(*nats.Msg) {})
			if err != nil {
				t.Fatal(err)
			}
			if got := !refused(subject); got != allowed {
				t.Errorf("subscribe %s: allowed %v, want %v", subject, got, allowed)
			}
			_ = sub.Unsubscribe() // what was refused is gone already
		}
	}

	// An answer is allowed once, where it was asked for.
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
		if got := !refused("answer"); got != allowed {
			t.Errorf("answer %d: allowed %v, want %v", i+1, got, allowed)
		}
	}
}
