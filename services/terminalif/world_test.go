package terminalif

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/terminalif/numbers"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/batch"
	"github.com/hotpair/hotpair/bus/broker"
	"github.com/hotpair/hotpair/bus/bustest"
	"github.com/hotpair/hotpair/bus/ticket"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/lease"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/services/terminal"
	"github.com/hotpair/hotpair/services/terminalif/receipt"
	"github.com/hotpair/hotpair/services/traffic"
	"github.com/hotpair/hotpair/storage/position"
)

// queueBase is where the numbers of queues begin here.
const queueBase = 5 << 32

const patience = 10 * time.Second

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func testLog(t testing.TB) *slog.Logger {
	if testing.Verbose() && os.Getenv("HOTPAIR_TEST_LOG") != "" {
		return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return slog.New(slog.DiscardHandler)
}

// background runs something with a context until the test ends, or until stop.
func background(t testing.TB, what string, run func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			select {
			case err := <-done:
				if err != nil {
					t.Errorf("%s: %v", what, err)
				}
			case <-time.After(patience):
				t.Errorf("%s does not end", what)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

// anAgent runs an agent in a directory.
type anAgent struct {
	*terminal.Agent
	id, dir, address string
	stop             func()
}

func keyOf(id string) string { return "key-of-" + id }

func startAgent(t testing.TB, id, dir, listen string, change func(*terminal.Config)) *anAgent {
	t.Helper()
	c := terminal.Config{ID: id, Listen: listen, Apps: processtest.Address(t), Key: keyOf(id), Data: dir, Log: testLog(t).With("agent", id)}
	if change != nil {
		change(&c)
	}
	a := &anAgent{Agent: terminal.New(c), id: id, dir: dir}
	a.stop = background(t, "agent "+id, a.Run)
	select {
	case <-a.Started():
	case <-time.After(patience):
		t.Fatalf("agent %s does not start", id)
	}
	a.address = a.Address()
	return a
}

func newAgent(t testing.TB, id string) *anAgent {
	return startAgent(t, id, filepath.Join(t.TempDir(), id), processtest.Address(t), nil)
}

func app(t testing.TB, url string) *nats.Conn {
	t.Helper()
	nc := must[*nats.Conn](t)(nats.Connect(url, nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.ReconnectWait(5*time.Millisecond)))
	t.Cleanup(nc.Close)
	processtest.Await(t, "app connects", nc.IsConnected)
	return nc
}

// aHost is a bus with a terminal-if on it and the test as its main.
type aHost struct {
	*Interface
	t       testing.TB
	name    string
	server  *broker.Server
	traffic config.Traffic
	users   *broker.Users
	main    *bus.Conn
	stop    func()
	now     atomic.Int64 // of the clock
	began   time.Time
	real    atomic.Bool // the clock is the machine's
	asked   atomic.Int64
	base    atomic.Uint64 // where the updater says that numbering begin

	receipts atomic.Pointer[receipt.Keys] // that the updater gives
}

func startHost(t testing.TB, name string, terminals ...Terminal) *aHost {
	t.Helper()
	return startHostOn(t, name, nil, terminals...)
}

// startHostOn lets terminal-if reach its bus and its terminals through a network.
func startHostOn(t testing.TB, name string, network bus.Network, terminals ...Terminal) *aHost {
	t.Helper()
	h := &aHost{t: t, name: name, users: broker.NewUsers(), began: time.Now()}
	h.server = must[*broker.Server](t)(broker.NewServer(broker.ServerConfig{Name: name, Listen: processtest.Address(t), Users: h.users}))
	if err := h.server.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.server.Stop)
	h.traffic = config.Traffic{TrafficListen: processtest.Address(t), TrafficKey: "key"}
	if stall, ok := network.(*bustest.Stall); ok {
		stall.Bus = h.traffic.TrafficListen
	}
	h.main = h.connect(bus.ProcessMain)
	h.now.Store(int64(time.Hour))
	h.users.Allow(bus.ProcessTerminalInterface, broker.Grant{Password: "t", Permissions: broker.Permissions(bus.ProcessTerminalInterface)})
	h.Interface = New(Config{
		Bus: bus.ConnConfig{
			Name: "terminal-if", URL: h.server.URL(), User: bus.ProcessTerminalInterface, Password: "t",
			Inbox: bus.InboxPrefix(bus.ProcessTerminalInterface), Network: network,
		},
		Traffic: h.traffic,
		Host:    name, Terminals: terminals, KeyOf: keyOf, Beat: 10 * time.Millisecond,
		Clock: h.clock, Log: testLog(t).With("host", name),
	})
	numbering := bus.NewRouter("inbox")
	numbers.Call.Handle(numbering, func(q numbers.Question, answer func(numbers.Base, error)) {
		h.asked.Add(1)
		answer(numbers.Base{Base: max(h.base.Load(), q.Seen+1), Queue: queueBase}, nil)
	})
	must[func()](t)(numbering.Listen(h.main, numbers.Call.Subject())) // in place of the updater
	keys := bus.NewRouter("inbox")
	receipt.CallKeys.Handle(keys, func(_ receipt.KeysQuestion, answer func(receipt.Keys, error)) { answer(*h.receipts.Load(), nil) })
	must[func()](t)(keys.Listen(h.main, receipt.CallKeys.Subject()))
	h.receipts.Store(&receipt.Keys{Keys: []receipt.Key{{Secret: []byte("first")}}})
	h.base.Store(1 << 17)
	h.stop = background(t, "terminal-if of "+name, h.Interface.Run)
	select {
	case <-h.Started():
	case <-time.After(patience):
		t.Fatalf("terminal-if of %s does not start", name)
	}
	processtest.Await(t, "the keys of receipts are known", func() bool { return h.receiptKeys.Load() != nil })
	return h
}

func (h *aHost) clock() time.Duration {
	if h.real.Load() {
		return time.Duration(h.now.Load()) + time.Since(h.began)
	}
	return time.Duration(h.now.Load())
}

func (h *aHost) connect(process string) *bus.Conn {
	h.t.Helper()
	h.users.Allow(process, broker.Grant{Password: process, Permissions: broker.Permissions(process)})
	if strings.HasPrefix(process, bus.ProcessBusiness) { // which has no say on main's bus
		return h.connectTo("nats://"+h.traffic.TrafficListen, process, traffic.Password(h.traffic.TrafficKey, process))
	}
	return h.connectTo(h.server.URL(), process, process)
}

func (h *aHost) connectTo(url, process, password string) *bus.Conn {
	h.t.Helper()
	conn := must[*bus.Conn](h.t)(bus.Connect(context.Background(), bus.ConnConfig{
		Name: process, URL: url, User: process, Password: password, Inbox: bus.InboxPrefix(process),
		Complaint: func(err error) { h.t.Errorf("%s: %v", process, err) },
	}))
	h.t.Cleanup(conn.Close)
	return conn
}

func terminalsOf(agents ...*anAgent) []Terminal {
	var list []Terminal
	for _, a := range agents {
		list = append(list, Terminal{ID: a.id, URL: a.URL(), Key: keyOf(a.id)})
	}
	return list
}

func (h *aHost) awaitWarm(n int) {
	h.t.Helper()
	processtest.Await(h.t, fmt.Sprintf("%s has %d warm terminals", h.name, n), func() bool {
		s := h.State()
		return s.Warm+s.Attached == n
	})
}

// order asks terminal-if as main does.
func order[Q, A any](h *aHost, e bus.Endpoint[Q, A], q Q) A {
	h.t.Helper()
	return must[A](h.t)(tryOrder(h, e, q))
}

func tryOrder[Q, A any](h *aHost, e bus.Endpoint[Q, A], q Q) (A, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return e.Ask(ctx, h.main, q)
}

// testKey is what main gives to terminal-if and updater.
var testKey = ticket.NewKey()

// proved is what the updater says of the position of a request with this ticket.
func proved(service, text string, at position.Position) string {
	desk := ticket.NewDesk(testKey)
	asked, err := desk.Read(service, text)
	if err != nil {
		return err.Error()
	}
	return desk.Prove(asked, at)
}

func (h *aHost) identity() string { return "identity-" + h.name }

func (h *aHost) attachIn(epoch, counter uint64) bus.Attached {
	h.t.Helper()
	return order(h, bus.CallAttach, bus.Attach{Epoch: epoch, Counter: counter, PairID: "pair", Identity: h.identity(), TicketKey: testKey})
}

// grant returns the right to answer for a time of the test's clock.
func (h *aHost) grant(epoch uint64, d time.Duration) {
	h.t.Helper()
	h.tell(bus.SubjectRight, lease.Right{Epoch: epoch, Until: time.Duration(h.now.Load()) + d})
}

func (h *aHost) tell(subject string, v any) {
	h.t.Helper()
	if err := h.main.Publish(subject, must[[]byte](h.t)(json.Marshal(v))); err != nil {
		h.t.Fatal(err)
	}
	if err := h.main.Flush(); err != nil {
		h.t.Fatal(err)
	}
}

func (h *aHost) announce(service string, incarnation uint64, up bool) {
	h.t.Helper()
	process := bus.ProcessBusiness + "." + service
	h.tell(bus.SubjectProcesses+"."+process, bus.ProcessState{Process: process, Incarnation: incarnation, Up: up})
}

// serveAll makes h the active: attached, with the right to answer.
func (h *aHost) serveAll(epoch uint64, terminals int) {
	h.t.Helper()
	h.grant(epoch, time.Hour)
	if got := h.attachIn(epoch, 1); got.Attached != terminals {
		h.t.Fatalf("%s attached %+v, want %d", h.name, got, terminals)
	}
}

// aService is a business process on a host's bus.
type aService struct {
	conn *bus.Conn
	stop func()
}

// ending returns what ends a service as kill -9 does, and waits until its server has noticed: a service that is started
// again comes much later than that, and here it would come at once.
func (h *aHost) ending(name string, conn *bus.Conn) func() {
	return func() {
		h.t.Helper()
		conn.Close()
		main := h.connectTo("nats://"+h.traffic.TrafficListen, bus.ProcessMain, traffic.Password(h.traffic.TrafficKey, bus.ProcessMain))
		defer main.Close()
		processtest.Await(h.t, "nobody is "+name, func() bool {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			_, err := main.Request(ctx, micro.APIPrefix+"."+micro.PingVerb.String()+"."+name, nil)
			return errors.Is(err, bus.ErrNobody)
		})
	}
}

// startBatched runs a service that takes batches.
func (h *aHost) startBatched(name string, handle func(bus.Request, func(bus.Reply))) *aService {
	h.t.Helper()
	conn := h.connect(bus.ProcessBusiness + "." + name)
	must[*batch.Responder[bus.Request, bus.Reply]](h.t)(batch.NewResponder(conn, bus.BatchSubject(name), "q",
		func(r bus.Reply) int { return len(r.Body) + 64 },
		func(q bus.Request, _ string, answer func(bus.Reply)) { handle(q, answer) }, nil))
	must[micro.Service](h.t)(micro.AddService(conn.Conn, micro.Config{Name: name, Version: "1.0.0", Metadata: map[string]string{"packs": "1"}}))
	if err := conn.Flush(); err != nil {
		h.t.Fatal(err)
	}
	return &aService{conn: conn, stop: h.ending(name, conn)}
}

// startSingle runs a service as any language would: one message for each request.
func (h *aHost) startSingle(name, operation string, handle micro.HandlerFunc) *aService {
	h.t.Helper()
	conn := h.connect(bus.ProcessBusiness + "." + name)
	s := must[micro.Service](h.t)(micro.AddService(conn.Conn, micro.Config{Name: name, Version: "1.0.0"}))
	if err := s.AddEndpoint(operation, handle, micro.WithEndpointSubject(bus.BusinessSubject(name, operation))); err != nil {
		h.t.Fatal(err)
	}
	if err := conn.Flush(); err != nil {
		h.t.Fatal(err)
	}
	return &aService{conn: conn, stop: h.ending(name, conn)}
}

// echo answers with the request itself and counts as a write at the position of its counter.
func echo(q bus.Request, answer func(bus.Reply)) {
	answer(bus.Reply{Body: q.Body, Proof: proved(q.Service, q.Ticket, position.Position{Epoch: q.Epoch, Sequence: q.ID.Counter}), Receipt: []byte("code")})
}

func ask(t testing.TB, nc *nats.Conn, subject, body string, headers ...string) *nats.Msg {
	t.Helper()
	return must[*nats.Msg](t)(askErr(nc, subject, body, headers...))
}

func askErr(nc *nats.Conn, subject, body string, headers ...string) (*nats.Msg, error) {
	m := &nats.Msg{Subject: subject, Data: []byte(body), Header: nats.Header{}}
	for i := 0; i+1 < len(headers); i += 2 {
		m.Header.Set(headers[i], headers[i+1])
	}
	return nc.RequestMsg(m, patience)
}

// askLater asks while the test goes on. A request that fails is answered by code -1 and the error.
func askLater(nc *nats.Conn, subject, body string) <-chan *nats.Msg {
	answers := make(chan *nats.Msg, 1)
	go func() {
		m, err := askErr(nc, subject, body)
		if err != nil {
			m = &nats.Msg{Header: nats.Header{bus.HeaderErrorCode: {"-1"}, bus.HeaderError: {err.Error()}}, Data: []byte(err.Error())}
		}
		answers <- m
	}()
	return answers
}

func codeOf(m *nats.Msg) int {
	code, _ := strconv.Atoi(m.Header.Get(bus.HeaderErrorCode))
	return code
}

func wantCode(t testing.TB, m *nats.Msg, code int) {
	t.Helper()
	if got := codeOf(m); got != code {
		t.Errorf("answer %d %q (%s), want %d", got, m.Header.Get(bus.HeaderError), m.Data, code)
	}
}
