package operations

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/broker"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/level"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/registry"
	"github.com/hotpair/hotpair/services/role"
)

// linked is a main that reaches the other one by an Asker.
type linked struct {
	host string
	peer bus.Asker
}

func (m *linked) Sender() bus.LinkSender    { return bus.LinkSender{Levels: level.Own(), Host: m.host} }
func (m *linked) Peer() (bus.Asker, string) { return m.peer, "10.0.0.2:7704" }
func (m *linked) Runs() (uint64, uint64)    { return 1, 1 }
func (m *linked) Unproved(string, string)   {}
func (m *linked) Standby() (bool, bool)     { return false, false }
func (m *linked) Missing() string           { return "" }

// down is a link that is down, silent one whose other end does not answer.
type (
	down   struct{}
	silent struct{}
)

func (down) Request(context.Context, string, []byte) (*nats.Msg, error) {
	return nil, bus.ErrDisconnected
}

func (silent) Request(ctx context.Context, _ string, _ []byte) (*nats.Msg, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// heard is a role machine that has heard of the other host.
type heard struct {
	Machine
	peer string
}

func (m heard) View() role.View {
	v := role.View{HasPeer: m.peer != ""}
	v.Peer.Host = m.peer
	return v
}

func hostOf(t *testing.T, environ ...string) config.Host {
	t.Helper()
	h, err := config.Load[config.Host](append([]string{"HOTPAIR_DATA=/d", "HOTPAIR_WITNESS=none", "HOTPAIR_PAIR_SECRET=secret of both hosts", "HOTPAIR_INSECURE=true"}, environ...))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// answering is a link on which what is asked is answered.
func answering(t *testing.T, calls *bus.Router) *bus.Conn {
	t.Helper()
	users := broker.NewUsers()
	users.Allow("peer", broker.Grant{Password: "x"})
	server, err := broker.NewServer(broker.ServerConfig{Name: "b", Listen: "127.0.0.1:0", Users: users, MaxPayload: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	conn, err := bus.Connect(t.Context(), bus.ConnConfig{Name: t.Name(), InProcess: server, User: "peer", Password: "x", Once: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	if _, err := calls.Listen(conn, bus.SubjectBulk); err != nil {
		t.Fatal(err)
	}
	if err := conn.FlushTimeout(2 * time.Second); err != nil {
		t.Fatal(err)
	}
	return conn
}

// TestSettings_OfBothHosts: each says what it is set to, over the link, and no secret is on it. Without the other host the
// one that is asked still answers, and says why.
func TestSettings_OfBothHosts(t *testing.T) {
	group := &sync.WaitGroup{}
	t.Cleanup(group.Wait)
	calls := bus.NewRouter("")
	b := registry.New(t.Context(), &linked{host: "b", peer: down{}}, "key", calls, group)
	New(t.Context(), Config{Host: hostOf(t, "HOTPAIR_HOST=b", "HOTPAIR_PEER_LINK=a:1", "HOTPAIR_PEER_REPLICATION=a:2", "HOTPAIR_LEASE=2s"), Machine: heard{peer: "a"}}, b)

	conn := answering(t, calls)
	main := &linked{host: "a", peer: conn}
	a := New(t.Context(), Config{Host: hostOf(t, "HOTPAIR_HOST=a", "HOTPAIR_PEER_LINK=b:1", "HOTPAIR_PEER_REPLICATION=b:2"), Machine: heard{peer: "b"}},
		registry.New(t.Context(), main, "key", bus.NewRouter(""), group))
	ask := func(within time.Duration) config.PairSettings {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		p, err := a.settings(ctx, operator.Caller{}, operator.None{})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := ask(5 * time.Second)
	if first := p.Settings[0]; p.Differing() != 1 || first.Name != "HOTPAIR_LEASE" || first.Hosts["a"].Value != "300ms" || first.Hosts["b"].Value != "2s" {
		t.Errorf("%d differ, first %+v", p.Differing(), first)
	}
	if text, err := json.Marshal(p); err != nil || strings.Contains(string(text), "secret of") {
		t.Errorf("%v: shows the secret: %s", err, text)
	}
	for _, link := range []bus.Asker{down{}, silent{}} {
		main.peer = link
		p = ask(50 * time.Millisecond)
		if len(p.Hosts) != 2 || p.Hosts[0] != (config.SettingsHost{Host: "a"}) || p.Hosts[1].Host != "b" || !strings.Contains(p.Hosts[1].Problem, "10.0.0.2:7704") {
			t.Errorf("hosts %+v", p.Hosts)
		}
		if lease := p.Settings[len(p.Settings)-1]; p.Differing() != 0 || len(lease.Hosts) != 1 {
			t.Errorf("%d differ, last %+v", p.Differing(), lease)
		}
	}
}
