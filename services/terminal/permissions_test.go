package terminal

import (
	"errors"
	"net"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
)

// permitted tries a subject and reports whether the server took it.
func permitted(t *testing.T, url string, opts []nats.Option, publish bool, subject string) bool {
	t.Helper()
	refused := make(chan error, 4)
	nc, err := nats.Connect(url, append(opts, nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err }))...)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if publish {
		err = nc.Publish(subject, nil)
	} else {
		_, err = nc.SubscribeSync(subject)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := nc.LastError(); err != nil {
		if !errors.Is(err, nats.ErrPermissionViolation) {
			t.Fatal(err)
		}
		return false
	}
	return true
}

func TestPermissions(t *testing.T) {
	a := start(t, t.TempDir(), nil)
	asHost := []nats.Option{nats.UserInfo(bus.AgentUser, "key")}
	for _, c := range []struct {
		who     string
		url     string
		opts    []nats.Option
		publish []string
		hear    []string
	}{
		{"app", a.AppURL(), nil, []string{"request.kv.put", "$SRV.PING", "$SRV.INFO", "$SRV.INFO.kv", "$SRV.PING.kv.t1", "notices.after", "notices.take", "notices.done"},
			[]string{"_INBOX.x.*", "notice.>", "notice.kv.*", "notice.kv.price", "fenced.>", "fenced.gate.open"}},
		{"host", a.URL(), asHost,
			[]string{bus.SubjectAgentHello, bus.SubjectAgentAttach, bus.SubjectAgentDetach, bus.SubjectAgentFresh, bus.SubjectAgentReceipts,
				"session.s.answers.x.1", "session.s.notices"},
			[]string{bus.SubjectAgentChanged, "session.s.requests", "_INBOX.x.*"}},
	} {
		every := []string{"request.kv.put", "_INBOX.x.y", "agent.hello", "agent.attach", "agent.detach", "agent.fresh", "agent.receipts",
			"agent.changed", "session.s.requests", "session.s.answers.x.1", "$SYS.REQ.SERVER.PING", "$SYS.ACCOUNT.HOSTS.DISCONNECT",
			"$JS.API.INFO", "anything", "$SRV.PING", "$SRV.INFO", "$SRV.INFO.kv", "$SRV.PING.kv.t1", "$SRV.STATS", "notices.after", "notices.take", "notices.done", "notice.kv.price", "fenced.gate.open",
			"notice.hotpair.gap", "session.s.notices"}
		for _, subject := range every {
			if got, want := permitted(t, c.url, c.opts, true, subject), contains(c.publish, subject); got != want {
				t.Errorf("%s publishes %s: %t, want %t", c.who, subject, got, want)
			}
		}
		for _, subject := range append(every, ">", "request.>", "agent.*", "session.*.answers.>", "*.>", "_INBOX.x.*", "notice.>", "notice.kv.*", "notices.>", "fenced.>", "session.*.notices") {
			want := contains(c.hear, subject) || subject == "_INBOX.x.y" || subject == "notice.hotpair.gap" && contains(c.hear, "notice.>")
			if got := permitted(t, c.url, c.opts, false, subject); got != want {
				t.Errorf("%s hears %s: %t, want %t", c.who, subject, got, want)
			}
		}
	}
	for _, login := range [][]nats.Option{
		{nats.UserInfo(bus.AgentUser, "")}, {nats.UserInfo(bus.AgentUser, "wrong")}, {nats.UserInfo(ownHosts, "")},
		{nats.UserInfo(ownApps, "x")}, {nats.UserInfo("x", "key")}, {nats.Token("key")},
	} {
		nc, err := nats.Connect(a.AppURL(), login...)
		if err == nil {
			// A token is no user, so it is an application.
			if nc.Opts.Token == "" {
				t.Errorf("logged in as %q", nc.Opts.User)
			}
			nc.Close()
		}
	}
}

// An application must not be able to speak to hosts, or to make the agent speak for it.
func TestPermissions_AccountsAreApart(t *testing.T) {
	a := start(t, t.TempDir(), nil)
	h := newHost(t, a, "x")
	heard, err := h.conn.SubscribeSync("_INBOX.>")
	if err != nil {
		t.Fatal(err)
	}
	nc := app(t, a)
	for _, reply := range []string{"_INBOX.of.the.host", "agent.attach", "request.kv.put", "session.s.requests"} {
		if err := nc.PublishRequest("request.kv", reply, []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
	}
	wantCode(t, request(t, nc, "request.kv", `{}`), 400) // behind the others
	if err := h.conn.Flush(); err != nil {
		t.Fatal(err)
	}
	if n, _, _ := heard.Pending(); n != 0 {
		t.Errorf("a host heard %d answers to an application", n)
	}
}

// Without credentials only applications on the terminal's own machine are let in.
func TestPermissions_StrangersFromElsewhere(t *testing.T) {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range addresses {
		ip, ok := address.(*net.IPNet)
		if !ok || ip.IP.IsLoopback() || ip.IP.To4() == nil {
			continue
		}
		a := start(t, t.TempDir(), func(c *Config) { c.Listen = net.JoinHostPort(ip.IP.String(), "0"); c.Apps = c.Listen })
		for _, url := range []string{a.URL(), a.AppURL()} {
			if nc, err := nats.Connect(url); err == nil {
				nc.Close()
				t.Errorf("let in from %s at %s without credentials", ip.IP, url)
			}
		}
		nc, err := nats.Connect(a.URL(), nats.UserInfo(bus.AgentUser, "key"))
		if err != nil {
			t.Fatal(err)
		}
		nc.Close()
		return
	}
	t.Skip("SKIPPED: this machine has no address but loopback, so who comes from elsewhere could not be tried")
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
