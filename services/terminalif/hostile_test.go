package terminalif

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/services/terminalif/admission"
	"github.com/hotpair/hotpair/services/terminalif/screening"
)

// aLiar is a raw server that greets as an agent's server does and then does what a test wants.
type aLiar struct {
	listener net.Listener
	accepted atomic.Int32
	ended    chan error // of a connection's behaviour
	conns    sync.WaitGroup
}

const liarsGreeting = "INFO {\"server_id\":\"x\",\"version\":\"2.15.2\",\"proto\":1,\"headers\":true,\"max_payload\":8388608} \r\n"

func startLiar(t testing.TB, behave func(net.Conn, *bufio.Reader) error) *aLiar {
	t.Helper()
	l := &aLiar{listener: must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0")), ended: make(chan error, 1024)}
	l.conns.Go(func() {
		for {
			conn, err := l.listener.Accept()
			if err != nil {
				return
			}
			l.accepted.Add(1)
			l.conns.Go(func() {
				defer conn.Close()
				err := behave(conn, bufio.NewReader(conn))
				select {
				case l.ended <- err:
				default:
				}
			})
		}
	})
	t.Cleanup(func() { l.listener.Close(); l.conns.Wait() })
	return l
}

func (l *aLiar) terminal(id string) Terminal {
	return Terminal{ID: id, URL: "nats://" + l.listener.Addr().String(), Key: keyOf(id)}
}

// says sends lines and waits until the other side closes.
func says(lines string) func(net.Conn, *bufio.Reader) error {
	return func(conn net.Conn, r *bufio.Reader) error {
		_ = conn.SetDeadline(time.Now().Add(patience))
		if _, err := conn.Write([]byte(lines)); err != nil {
			return err
		}
		for {
			if _, err := r.ReadString('\n'); err != nil {
				return err
			}
		}
	}
}

// greets answers CONNECT, PING and the hello call as an agent would, then goes on with then.
func greets(id string, then func(net.Conn, *bufio.Reader) error) func(net.Conn, *bufio.Reader) error {
	return func(conn net.Conn, r *bufio.Reader) error {
		_ = conn.SetDeadline(time.Now().Add(patience))
		if _, err := conn.Write([]byte(liarsGreeting)); err != nil {
			return err
		}
		sid := ""
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return err
			}
			fields := strings.Fields(line)
			switch {
			case len(fields) == 0:
			case fields[0] == "PING":
				if _, err := conn.Write([]byte("PONG\r\n")); err != nil {
					return err
				}
			case fields[0] == "SUB" && strings.HasPrefix(fields[1], "_INBOX."):
				sid = fields[2]
			case fields[0] == "PUB" && fields[1] == bus.SubjectAgentHello:
				if _, err := r.ReadString('\n'); err != nil {
					return err
				}
				body := fmt.Sprintf(`{"levels":{"oldest":1,"newest":1},"terminal":%q,"epoch":18446744073709551615,"active":"nobody","fresh":true}`, id)
				if _, err := fmt.Fprintf(conn, "MSG %s %s %d\r\n%s\r\n", fields[2], sid, len(body), body); err != nil {
					return err
				}
				return then(conn, r)
			}
		}
	}
}

// One line can crash nats.go 1.55. The filter refuses it; everybody else is served as if nothing were.
func TestInterface_HostileTerminalsCostOnlyThemselves(t *testing.T) {
	agent := newAgent(t, "good")
	tls := strings.Replace(liarsGreeting, `"proto":1`, `"proto":1,"tls_required":true`, 1)
	elsewhere := startLiar(t, says(""))
	liars := map[string]*aLiar{
		"size-before": startLiar(t, says(liarsGreeting+"MSG a 1 9223372036854775807\r\n")),
		"size-after":  startLiar(t, greets("size-after", says("MSG a 1 9223372036854775807\r\n"))),
		"header":      startLiar(t, greets("header", says("HMSG a 1 99999999 1\r\n"))),
		"endless":     startLiar(t, says("INFO {"+strings.Repeat("x", 1<<20))),
		"endless-msg": startLiar(t, greets("endless-msg", says("MSG "+strings.Repeat("x", 1<<20)))),
		"http":        startLiar(t, says("HTTP/1.1 400 Bad Request\r\n\r\n")),
		"tls":         startLiar(t, says(tls+"\x16\x03\x01\x02\x00")),
		"other":       startLiar(t, greets("somebody-else", says(""))),
		"auth":        startLiar(t, says(liarsGreeting+"-ERR 'Authorization Violation'\r\n")),
		"redirect": startLiar(t, says(strings.Replace(liarsGreeting, `"proto":1`,
			fmt.Sprintf(`"proto":1,"connect_urls":[%q]`, elsewhere.listener.Addr().String()), 1)+"-ERR 'Stale Connection'\r\n")),
		"silent": startLiar(t, says("")),
	}
	terminals := terminalsOf(agent)
	for id, l := range liars {
		terminals = append(terminals, l.terminal(id))
	}
	h := startHost(t, "a", terminals...)
	h.startBatched("kv", echo)
	processtest.Await(t, "the good terminal is warm", func() bool { return stateOf(h, "good") == stateWarm })
	h.grant(1, time.Hour)
	if got := h.attachIn(1, 1); got.Attached != 1 {
		t.Errorf("attached %+v", got)
	}
	nc := app(t, agent.AppURL())
	for id, l := range liars {
		if id != "silent" {
			// Each is refused and dialled again, and again: nothing ends a session for good.
			processtest.Await(t, id+" is dialled again and again", func() bool { return l.accepted.Load() >= 3 })
		}
		wantCode(t, ask(t, nc, "request.kv.put", `{}`), 0)
	}
	s := h.State()
	if s.Attached != 1 || s.Epoch != 1 {
		t.Errorf("state %+v", s)
	}
	for _, status := range s.Terminals {
		if status.ID != "good" && status.ID != "silent" && status.State != stateRefused && status.State != stateUnreachable && status.State != stateWarm {
			t.Errorf("%+v", status)
		}
		t.Logf("%s: %s %s", status.ID, status.State, status.Reason)
	}
	for _, id := range []string{"size-before", "header", "endless", "http", "size-after", "endless-msg"} {
		processtest.Await(t, id+" is told", func() bool { return stateOf(h, id) == stateRefused })
	}
	if n := elsewhere.accepted.Load(); n != 0 {
		t.Errorf("a terminal sent this host elsewhere %d times", n)
	}
}

func stateOf(h *aHost, id string) string {
	for _, s := range h.State().Terminals {
		if s.ID == id {
			return s.State
		}
	}
	return ""
}

// What a terminal says never changes the host: an epoch above ours is only reported.
func TestInterface_TerminalsWordIsOnlyReported(t *testing.T) {
	liar := startLiar(t, greets("liar", says("")))
	agent := newAgent(t, "good")
	h := startHost(t, "a", append(terminalsOf(agent), liar.terminal("liar"))...)
	h.startBatched("kv", echo)
	h.awaitWarm(2)
	h.serveAll(3, 1)
	if s := h.State(); s.HighestEpoch != 1<<64-1 || s.Epoch != 3 {
		t.Errorf("state %+v", s)
	}
	m := ask(t, app(t, agent.AppURL()), "request.kv.put", `{}`)
	if got := m.Header.Get(bus.HeaderPosition); !strings.HasPrefix(got, "3/") {
		t.Errorf("position %s", got)
	}
}

// Requests that no agent makes are refused by this host too.
func TestRelay_RefusesWhatATerminalMustNotSay(t *testing.T) {
	h := startHost(t, "a")
	h.grant(1, time.Hour)
	order := bus.Attach{Epoch: 1, Counter: 1, PairID: "p", Identity: "i", TicketKey: testKey}
	tm := &term{Attach: order, round: newRound(nil)}
	h.relay.begin(tm)
	good := bus.Request{ID: bus.RequestID{Counter: 1}, Service: "kv", Operation: "put", Body: []byte(`{}`)}
	for name, change := range map[string]func(*bus.Request){
		"wildcard service":   func(q *bus.Request) { q.Service = ">" },
		"two tokens":         func(q *bus.Request) { q.Operation = "put.more" },
		"no service":         func(q *bus.Request) { q.Service = "" },
		"no id":              func(q *bus.Request) { q.ID.Counter = 0 },
		"two ids":            func(q *bus.Request) { q.ID.App = "x" },
		"long id":            func(q *bus.Request) { q.ID = bus.RequestID{App: strings.Repeat("x", 1000)} },
		"id that is no text": func(q *bus.Request) { q.ID = bus.RequestID{App: "\xff"} },
		"no JSON":            func(q *bus.Request) { q.Body = []byte(`{`) },
		"no UTF-8":           func(q *bus.Request) { q.Body = []byte("{\"to\":\"M\xfcller\"}") },
		"a name twice":       func(q *bus.Request) { q.Body = []byte(`{"amount":1,"amount":500}`) },
		"half a character":   func(q *bus.Request) { q.Body = []byte(`["\ud800"]`) },
		"large":              func(q *bus.Request) { q.Body = []byte(`"` + strings.Repeat("x", screening.MaxBody) + `"`) },
	} {
		q := good
		change(&q)
		code := -1
		h.relay.take("t", tm, q, func(r bus.Reply) { code = r.Code })
		if code != bus.CodeMalformed {
			t.Errorf("%s: %d", name, code)
		}
	}
	// A terminal can't name another terminal, an epoch, or crashes.
	got := make(chan bus.Request, 1)
	h.startBatched("kv", func(q bus.Request, answer func(bus.Reply)) { got <- q; answer(bus.Reply{}) })
	q := good
	q.ID.Terminal, q.Epoch, q.Crashes, q.Attempt, q.Remaining = "other", 9, 3, -1, -1
	h.relay.take("t", tm, q, func(bus.Reply) {})
	if q := <-got; q.ID.Terminal != "t" || q.Epoch != 1 || q.Crashes != 0 || q.Attempt != 1 || q.Remaining <= 0 {
		t.Errorf("passed on %+v", q)
	}
}

func TestRelay_BoundsWhatIsInFlight(t *testing.T) {
	h := startHost(t, "a")
	h.grant(1, time.Hour)
	h.startBatched("kv", func(bus.Request, func(bus.Reply)) {})
	tm := &term{Attach: bus.Attach{Epoch: 1, Counter: 1, PairID: "p", Identity: "i", TicketKey: testKey}, round: newRound(nil)}
	h.relay.begin(tm)
	h.relay.books.Bounds = admission.Bounds{PerTerminal: 3, InAll: 5, PerTerminalBytes: 100, InAllBytes: 150}
	take := func(terminal string, counter uint64, size int) int {
		code := 0
		h.relay.take(terminal, tm, bus.Request{ID: bus.RequestID{Counter: counter}, Service: "kv", Operation: "put",
			Body: []byte(`"` + strings.Repeat("x", size-2) + `"`), Remaining: int64(time.Minute)}, func(r bus.Reply) { code = r.Code })
		return code
	}
	for i, c := range []struct {
		terminal string
		counter  uint64
		size     int
		code     int
	}{
		{"t1", 1, 10, 0}, {"t1", 2, 10, 0}, {"t1", 3, 90, bus.CodeOverloaded}, {"t1", 3, 10, 0}, {"t1", 4, 10, bus.CodeOverloaded}, {"t1", 3, 10, 0},
		{"t2", 1, 90, 0}, {"t3", 1, 60, bus.CodeOverloaded}, {"t3", 1, 10, 0}, {"t4", 1, 2, bus.CodeOverloaded},
	} {
		if got := take(c.terminal, c.counter, c.size); got != c.code {
			t.Errorf("step %d: %d, want %d", i, got, c.code)
		}
	}
	if n := h.relay.inFlight(); n != 5 {
		t.Errorf("%d in flight", n)
	}
}

// TestFault_A13_UnknownServicesAreBounded: an application can make up names of services without end; so many are asked for at one time.
func TestFault_A13_UnknownServicesAreBounded(t *testing.T) {
	h := startHost(t, "a")
	find := func(name string) *service { return h.relay.services.find(name) }
	h.relay.mu.Lock() // no answer is taken meanwhile
	for i := range maxUnknown {
		if find(fmt.Sprint("made-up-", i)) == nil {
			t.Fatalf("%d are too many", i)
		}
	}
	if find("one-more") != nil || find("made-up-7") == nil {
		t.Error("one more is asked for, or one that is asked for already is refused")
	}
	h.relay.mu.Unlock()
	processtest.Await(t, "there is room again", func() bool {
		h.relay.mu.Lock()
		defer h.relay.mu.Unlock()
		return find("another") != nil
	})
}

// A terminal that does not read must not keep its answers in our memory.
func TestInterface_ClosesATerminalThatDoesNotRead(t *testing.T) {
	stuck := make(chan struct{})
	closed := sync.OnceFunc(func() { close(stuck) }) // who is closed is dialled again
	liar := startLiar(t, greets("liar", func(conn net.Conn, r *bufio.Reader) error {
		defer closed()
		// Pings without reading the pongs: they fill every buffer on the way.
		_ = conn.SetDeadline(time.Now().Add(patience))
		for {
			if _, err := conn.Write([]byte(strings.Repeat("PING\r\n", 4000))); err != nil {
				if errors.Is(err, net.ErrClosed) {
					return nil
				}
				return err
			}
		}
	}))
	agent := newAgent(t, "good")
	h := startHost(t, "a", append(terminalsOf(agent), liar.terminal("liar"))...)
	h.startBatched("kv", echo)
	processtest.Await(t, "the good terminal is warm", func() bool { return stateOf(h, "good") == stateWarm })
	h.grant(1, time.Hour)
	h.attachIn(1, 1)
	nc := app(t, agent.AppURL())
	for {
		wantCode(t, ask(t, nc, "request.kv.put", `{}`), 0)
		select {
		case <-stuck:
			return
		default:
		}
	}
}

func TestInterface_AuthErrorsDoNotEndASession(t *testing.T) {
	agent := newAgent(t, "t1")
	h := startHost(t, "a", Terminal{ID: "t1", URL: agent.URL(), Key: "wrong"})
	processtest.Await(t, "it dials again and again", func() bool { return h.Dials() >= 5 })
	if got := stateOf(h, "t1"); got != stateRefused {
		t.Errorf("state %s", got)
	}
}

// permissions of terminal-if on main's bus: what it needs and nothing else.
func TestPermissions_OnTheBus(t *testing.T) {
	h := startHost(t, "a")
	try := func(publish bool, subject string) bool {
		nc := must[*nats.Conn](t)(nats.Connect(h.server.URL(), nats.UserInfo(bus.ProcessTerminalInterface, "t"),
			nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})))
		defer nc.Close()
		if publish {
			_ = nc.Publish(subject, nil)
		} else {
			_, _ = nc.SubscribeSync(subject)
		}
		if err := nc.Flush(); err != nil {
			t.Fatal(err)
		}
		return nc.LastError() == nil
	}
	for subject, want := range map[string][2]bool{ // publish, subscribe
		"heartbeat.terminal-if":      {true, false},
		"heartbeat.main":             {false, false},
		"business.kv.put":            {false, false},
		"pack.business.kv":           {false, false},
		"$SRV.INFO.kv":               {false, false},
		"$SRV.PING":                  {false, false},
		"inbox.main.x":               {true, false},
		"inbox.terminal-if.x":        {false, true},
		"inbox.business.kv.x":        {false, false},
		"answers.kv.x.1":             {false, false},
		"control.terminal-if.attach": {false, true},
		"control.updater.serve":      {false, false},
		"right":                      {false, true},
		"process.business.kv":        {false, true},
		"db.kv.commit":               {false, false},
		"db.kv.pack":                 {false, false},
		"anything":                   {false, false},
	} {
		if got := [2]bool{try(true, subject), try(false, subject)}; got != want {
			t.Errorf("%s: publish, subscribe %v, want %v", subject, got, want)
		}
	}
}
