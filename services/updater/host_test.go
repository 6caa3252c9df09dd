package updater

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/batch"
	"github.com/hotpair/hotpair/bus/broker"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/membership"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/services/traffic"
	"github.com/hotpair/hotpair/services/updater/draft/drafttest"
	"github.com/hotpair/hotpair/storage/position"
)

// host is one host of a test: the bus as main would have it, and an updater. The test is main.
type host struct {
	t      testing.TB
	name   string
	config config.Updater
	server *broker.Server
	main   *bus.Conn
	kv     *batch.Caller[bus.DatabaseCall, bus.DatabaseReply]
	log    *slog.Logger

	// seams for the next start
	own   func(ownJournal) ownJournal
	other func(otherJournal) otherJournal

	network bus.Network      // nil: TCP
	wall    func() time.Time // nil: the machine's
	mate    *host            // the other host of the pair
	read    uint64           // epoch up to which its main has read the pair record

	cancel context.CancelFunc
	ended  chan error

	mu      sync.Mutex
	state   bus.UpdaterState
	changed chan struct{}
}

// newHosts makes the two hosts of a pair, a and b; nothing is started.
func newHosts(t testing.TB) (a, b *host) {
	t.Helper()
	addressA, addressB := processtest.Address(t), processtest.Address(t)
	a, b = newHost(t, "a", addressA, addressB), newHost(t, "b", addressB, addressA)
	a.mate, b.mate = b, a
	return a, b
}

func newHost(t testing.TB, name, replication, peer string) *host {
	t.Helper()
	users := broker.NewUsers()
	for _, process := range []string{bus.ProcessMain, bus.ProcessUpdater} {
		users.Allow(process, broker.Grant{Password: process, Permissions: broker.Permissions(process)})
	}
	server, err := broker.NewServer(broker.ServerConfig{Name: "bus-" + name, Listen: "127.0.0.1:0", Users: users})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	h := &host{t: t, name: name, server: server, changed: make(chan struct{}), log: testLog(t, name)}
	h.config = config.Updater{
		Bus: config.Bus{BusURL: server.URL(), BusUser: bus.ProcessUpdater, BusPassword: config.Secret(bus.ProcessUpdater),
			BusInbox: bus.InboxPrefix(bus.ProcessUpdater)},
		Traffic: config.Traffic{TrafficListen: processtest.Address(t), TrafficKey: "key"},
		Name:    config.Name{Host: name}, Storage: config.Storage{Data: t.TempDir()},
		Replication: replication, PeerReplication: peer, PairSecret: "0123456789abcdef",
		Pace: config.Pace{Lease: time.Second}, Patience: config.Patience{StandbyPatience: 2 * time.Second, RefusedIsDead: true},
		Bounds: config.Bounds{HistoryMaxUpdates: 1_000_000, HistoryMaxAge: time.Hour, HistoryMaxBytes: 1 << 30, Retention: time.Hour, JournalMaxBytes: 256 << 20, EventsMax: 1000},
	}
	h.main = h.connect(bus.ProcessMain)
	if _, err := h.main.Subscribe(bus.HeartbeatSubject(bus.ProcessUpdater), h.heard); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.stop() })
	return h
}

// testLog writes to the test's log when it runs verbosely.
func testLog(t testing.TB, name string) *slog.Logger {
	if !testing.Verbose() {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})).With("host", name)
}

// openTraffic connects as the service kv, anew after each start of the updater. What it asked one that is killed is failed by whoever kills
// it: that the connection is lost may be told before the last answers that came over it, which the client hands out as long as it reconnects.
func (h *host) openTraffic() {
	h.t.Helper()
	const kv = bus.ProcessBusiness + ".kv"
	conn, err := bus.Connect(context.Background(), bus.ConnConfig{
		Name: kv, URL: "nats://" + h.config.TrafficListen, User: kv, Password: traffic.Password(h.config.TrafficKey, kv), Inbox: bus.InboxPrefix(kv),
	})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(conn.Close)
	h.kv, err = batch.NewCaller[bus.DatabaseCall, bus.DatabaseReply](batch.CallerConfig[bus.DatabaseCall]{
		Conn: conn, Subject: bus.DatabaseSubject("kv", "pack"), Size: func(bus.DatabaseCall) int { return 200 },
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) connect(process string) *bus.Conn {
	h.t.Helper()
	conn, err := bus.Connect(context.Background(), bus.ConnConfig{
		Name: process, URL: h.server.URL(), User: process, Password: process, Inbox: bus.InboxPrefix(process)})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(conn.Close)
	return conn
}

func (h *host) heard(m *nats.Msg) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var beat bus.Heartbeat
	var state bus.UpdaterState
	if json.Unmarshal(m.Data, &beat) != nil || json.Unmarshal(beat.State, &state) != nil {
		h.t.Error("a heartbeat that can't be read")
	}
	h.state = state
	close(h.changed)
	h.changed = make(chan struct{})
}

// await waits until the heartbeat says what holds.
func (h *host) await(what string, holds func(bus.UpdaterState) bool) bus.UpdaterState {
	h.t.Helper()
	deadline := time.After(patience)
	for {
		h.mu.Lock()
		state, changed := h.state, h.changed
		h.mu.Unlock()
		if holds(state) {
			return state
		}
		select {
		case <-changed:
		case <-deadline:
			h.t.Fatalf("%s: %s is not so: %+v", h.name, what, state)
		}
	}
}

// start starts the updater in this process and returns when it gives its facts.
func (h *host) start() *host {
	h.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	u := newUpdater(h.config, h.log)
	u.network = h.network
	if h.wall != nil {
		u.wall = h.wall
	}
	if h.own != nil {
		u.ownSeam = h.own
	}
	if h.other != nil {
		u.otherSeam = h.other
	}
	ended := make(chan error, 1)
	h.cancel, h.ended = cancel, ended
	go func() { ended <- u.run(ctx) }()
	h.ready(ended)
	return h
}

// reads has main read in the pair record that an epoch was taken: now, or once the updater is started.
func (h *host) reads(epoch uint64) {
	h.t.Helper()
	if h.read = max(h.read, epoch); h.read > 0 && h.cancel != nil {
		ordered(h, bus.CallNote, bus.Note{Epoch: h.read})
	}
}

// ready waits until the updater answers, and has main tell it what it has read.
func (h *host) ready(ended chan error) {
	h.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		_, err := bus.CallFacts.Ask(ctx, h.main, bus.FactsRequest{})
		cancel()
		if err == nil {
			h.openTraffic()
			h.reads(h.read)
			return
		}
		select {
		case err := <-ended:
			h.t.Fatalf("%s ended: %v", h.name, err)
		case <-time.After(5 * time.Millisecond): // nobody serves the subject yet, and nothing tells when
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("%s gives no facts: %v", h.name, err)
		}
	}
}

// stop stops the updater as SIGTERM does.
func (h *host) stop() {
	h.t.Helper()
	if h.cancel == nil {
		return
	}
	h.cancel()
	select {
	case err := <-h.ended:
		if err != nil {
			h.t.Errorf("%s ended: %v", h.name, err)
		}
	case <-time.After(patience):
		h.t.Fatalf("%s does not stop", h.name)
	}
	h.cancel = nil
}

// ordered gives an order as main does, which must be carried out.
func ordered[Q, A any](h *host, e bus.Endpoint[Q, A], q Q) A {
	h.t.Helper()
	a, err := tryOrder(h, e, q, patience)
	if err != nil {
		h.t.Fatalf("%s: order %s: %v", h.name, e.Subject(), err)
	}
	return a
}

// refused gives an order that must be refused, and the error.
func refused[Q, A any](h *host, e bus.Endpoint[Q, A], q Q) error {
	h.t.Helper()
	_, err := tryOrder(h, e, q, patience)
	if err == nil || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, bus.ErrNobody) {
		h.t.Fatalf("%s: order %s: %v, it must be refused", h.name, e.Subject(), err)
	}
	return err
}

func tryOrder[Q, A any](h *host, e bus.Endpoint[Q, A], q Q, within time.Duration) (A, error) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	return e.Ask(ctx, h.main, q)
}

// lead prepares and begins a term.
func (h *host) lead(epoch uint64, requirePeer bool) position.Position {
	h.t.Helper()
	ordered(h, bus.CallPrepare, bus.Prepare{Epoch: epoch})
	return h.serve(bus.Serve{Epoch: epoch, RecordVersion: epoch, RequirePeer: requirePeer})
}

func (h *host) serve(q bus.Serve) position.Position {
	h.t.Helper()
	q.TicketKey = testKey
	if h.mate != nil {
		h.mate.reads(q.Epoch)
	}
	return ordered(h, bus.CallServe, q).Position
}

// pairUp adds the other host to the set of a serving host.
func (h *host) pairUp(epoch uint64) {
	h.t.Helper()
	h.await("the other host is close", func(s bus.UpdaterState) bool { return s.Peer == bus.PeerClose })
	ordered(h, bus.CallRequire, bus.Require{Peer: true, Epoch: epoch, Membership: membership.Note{Version: 2, Epoch: epoch}})
	h.await("frames wait for the other host", func(s bus.UpdaterState) bool { return s.Peer == bus.PeerAwaited })
}

// call makes one call of the service kv.
func (h *host) call(c bus.DatabaseCall) bus.DatabaseReply {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := h.kv.Call(ctx, c)
	if err != nil {
		h.t.Fatalf("%s: call: %v", h.name, err)
	}
	return r
}

// begin sends a commit; the answer comes on the channel.
func (h *host) begin(c request) <-chan bus.DatabaseReply {
	got := make(chan bus.DatabaseReply, 1)
	h.kv.Go(bus.DatabaseCall{Commit: c.Commit(testKey)}, func(r bus.DatabaseReply, err error) {
		if err != nil {
			r = bus.DatabaseReply{Code: -1, Message: err.Error()}
		}
		got <- r
	})
	return got
}

func (h *host) put(epoch uint64, key, value string) bus.DatabaseReply {
	h.t.Helper()
	r := receive(h.t, "the answer of "+h.name, h.begin(request{Epoch: epoch, Operations: []bus.Operation{drafttest.Put(key, value)}}))
	if r.Code != bus.CodeOK {
		h.t.Fatalf("%s: put %s: %d %s", h.name, key, r.Code, r.Message)
	}
	return r
}

func (h *host) get(key string) string {
	h.t.Helper()
	r := h.call(bus.DatabaseCall{Read: &bus.Read{Keys: [][]byte{[]byte(key)}}})
	if r.Code != bus.CodeOK {
		h.t.Fatalf("%s: get %s: %d %s", h.name, key, r.Code, r.Message)
	}
	return fmt.Sprintf("%s@%d", r.Items[0].Value, r.Items[0].Revision)
}

// appID is an id as an application makes it now.
func (h *host) appID() string { return time.Now().UTC().Format(time.RFC3339Nano) + "/x" }

// busy lets updates go on until stop, which tells how long the slowest took.
func (h *host) overloaded(epoch uint64) (stop func() (slowest time.Duration)) {
	over, ended := make(chan struct{}), make(chan time.Duration, 1)
	go func() {
		var slowest time.Duration
		defer func() { ended <- slowest }()
		for i := 0; ; i++ {
			select {
			case <-over:
				return
			default:
				began := time.Now()
				h.put(epoch, fmt.Sprint("busy-", i%50), fmt.Sprint(i))
				slowest = max(slowest, time.Since(began))
			}
		}
	}()
	return func() time.Duration {
		close(over)
		return <-ended
	}
}
