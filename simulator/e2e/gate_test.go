package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/deployments/local"
	"github.com/hotpair/hotpair/services/alarms"
	"github.com/hotpair/hotpair/services/business"
)

// asGates makes this test binary a business process of the service "gates".
const asGates = "TEST_AS_GATES"

// opening asks for a gate to be opened.
type opening struct {
	Terminal string        `json:"terminal"`
	N        int           `json:"n"`
	Within   time.Duration `json:"within_ns"`
}

// serveGates has gates opened.
func serveGates() {
	business.Main(business.Service{Name: "gates", Version: "1.0.0", Operations: map[string]business.Operation{
		"open": {Handler: business.Handle(func(_ context.Context, tx *business.Tx, in opening) (any, error) {
			tx.Put(fmt.Sprintf("opened/%06d", in.N), []byte("1"))
			tx.Notify(business.Terminals(in.Terminal), "open", in, business.Fenced(in.Within))
			return in, nil
		})},
	}})
}

// gate is the program at a gate: it opens whenever it is handed a command, and counts.
type gate struct {
	*till
	conn   *nats.Conn
	by     string
	random *rand.Rand

	mu     sync.Mutex
	opened map[int]int       // how often
	told   map[string]string // what it was told of a command that it was not handed, by id
	silent int               // commands that it carried out and never said so
	quiet  bool              // it says of none that it was carried out
	errs   []string
}

// work takes whatever there is to be taken, until over is closed.
func (g *gate) work(over <-chan struct{}) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-over:
			return
		case <-tick.C:
		}
		m, err := g.conn.Request(notice.SubjectAfter, []byte(`{"number":"0","limit":1000,"fenced":true}`), time.Second)
		if err != nil || m.Header.Get(bus.HeaderErrorCode) != "" {
			continue // the agent was killed, or has not been told anything yet
		}
		var kept notice.Kept
		if err := json.Unmarshal(m.Data, &kept); err != nil {
			g.fault("%s: %v", m.Data, err)
			return
		}
		for _, n := range kept.Notices {
			switch {
			case !n.Fenced:
			case n.Body != nil:
				g.fault("notice %d tells what it says before it is taken: %s", n.Number, n.Body)
			case n.State == "open":
				g.take(n)
			default:
				g.heard(n.ID, n.State)
			}
		}
	}
}

func (g *gate) take(n notice.Told) {
	m, err := g.conn.Request(notice.SubjectTake, fmt.Appendf(nil, `{"number":"%d","by":%q}`, n.Number, g.by), 3*time.Second)
	if err != nil {
		return
	}
	if why := m.Header.Get(bus.HeaderError); why != "" {
		if state, _, _ := strings.Cut(why, ": "); m.Header.Get(bus.HeaderErrorCode) == "409" {
			g.heard(n.ID, state)
		}
		return
	}
	var handed notice.Handed
	var in opening
	err = json.Unmarshal(m.Data, &handed)
	if err == nil {
		err = json.Unmarshal(handed.Body, &in)
	}
	if err != nil || !handed.First || handed.ID != n.ID {
		g.fault("%s: %v", m.Data, err)
		return
	}
	g.mu.Lock()
	g.opened[in.N]++
	quiet := g.quiet || g.random.IntN(10) == 0
	if quiet {
		g.silent++
	}
	g.mu.Unlock()
	if !quiet {
		_, _ = g.conn.Request(notice.SubjectDone, fmt.Appendf(nil, `{"number":"%d"}`, n.Number), time.Second)
	}
}

// heard notes that the gate does not open for a command, and why. That somebody has it, or had, says no such thing.
func (g *gate) heard(id, state string) {
	switch state {
	case "late", "unknown", "void", "gone":
	default:
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.told[id] = state
}

func (g *gate) fault(format string, a ...any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.errs = append(g.errs, fmt.Sprintf(format, a...))
}

// sender has a gate opened again and again, from another terminal.
type sender struct {
	conn *nats.Conn
	ids  map[int]string // of the notices, without their pair
	over chan struct{}
	done chan struct{}
}

// send asks until it is answered, under one id.
func (s *sender) send(t testing.TB, n int, within time.Duration) {
	body, err := json.Marshal(opening{"till", n, within})
	if err != nil {
		t.Error(err)
		return
	}
	q := &nats.Msg{Subject: "request.gates.open", Data: body, Header: nats.Header{bus.HeaderRequestID: {fmt.Sprintf("%s/gate-%d", time.Now().UTC().Format(time.RFC3339Nano), n)}}}
	for began := time.Now(); time.Since(began) < 2*healWithin; time.Sleep(10 * time.Millisecond) {
		m, err := s.conn.RequestMsg(q, healWithin)
		if err != nil {
			continue
		}
		if at := m.Header.Get(bus.HeaderPosition); at != "" {
			s.ids[n] = at + "/0"
			return
		}
		if code := m.Header.Get(bus.HeaderErrorCode); code != "503" && code != "504" && code != "429" {
			t.Errorf("%d: %s %s", n, code, m.Header.Get(bus.HeaderError))
			return
		}
	}
	t.Errorf("%d is not answered", n)
}

// replace ends the agent of a terminal by SIGKILL, has its directory become that at from ("": an empty one), and starts it again.
func (t *till) replace(from string) {
	t.Helper()
	if err := t.agent.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = t.agent.cmd.Wait()
	t.become(from)
	t.start()
}

func (t *till) become(from string) {
	t.Helper()
	dir := t.env["HOTPAIR_DATA"]
	err := os.RemoveAll(dir)
	if err == nil && from != "" {
		err = errors.Join(os.CopyFS(dir, os.DirFS(from)), os.Chmod(dir, 0o700))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// copied copies the directory of a terminal's agent, which was killed: so it is as a disk has it.
func (t *till) copied() (to string) {
	t.Helper()
	if err := t.agent.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = t.agent.cmd.Wait()
	to = filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(to, os.DirFS(t.env["HOTPAIR_DATA"])); err != nil {
		t.Fatal(err)
	}
	t.start()
	return to
}

// TestGate_OpensOnceOrSomebodyIsTold: a service has a gate opened again and again, while the host that serves is killed, its processes are,
// one is promoted by force, and the terminal's agent is killed, put back on an older copy of its directory, and set up anew. No command opens
// the gate twice; of each that did not open it the program at the gate or the operator was told why. The long form is 50 takeovers.
func TestGate_OpensOnceOrSomebodyIsTold(t *testing.T) {
	sideBySide(t)
	takeovers := 5
	if *long {
		takeovers = 50
	}
	self, err := os.Executable()
	program := filepath.Join(t.TempDir(), "gates")
	if err == nil {
		err = os.WriteFile(program, []byte(fmt.Sprintf("#!/bin/sh\n%s=1 exec %s\n", asGates, self)), 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
	c := startCluster(t, []string{"--terminals", "2"}, "HOTPAIR_LEASE=1s", "HOTPAIR_BUSINESS=kv,gates="+program)
	c.awaitPaired()
	h := &house{cluster: c, killed: map[string]map[string]int{}}
	at := startTill(c, "till", c.File().Hosts["a"].StartFile.Env["HOTPAIR_PAIR_SECRET"])
	c.Await(healWithin, "the terminal is attached", func() bool {
		_, s := c.active()
		return s.Terminals.Attached == 3
	})
	connect := func(url string) *nats.Conn {
		t.Helper()
		conn, err := nats.Connect(url, nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond), nats.RetryOnFailedConnect(true))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(conn.Close)
		return conn
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	g := &gate{till: at, conn: connect("nats://" + at.env["HOTPAIR_TERMINAL_APPS"]), by: "gate", random: rand.New(rand.NewPCG(seed, 1)), opened: map[int]int{}, told: map[string]string{}}
	over := make(chan struct{})
	var working sync.WaitGroup
	working.Go(func() { g.work(over) })
	s := &sender{conn: connect(c.File().Terminals[0].Address), ids: map[int]string{}, over: make(chan struct{}), done: make(chan struct{})}
	sent := 0
	go func() {
		defer close(s.done)
		for tick := time.NewTicker(100 * time.Millisecond); ; <-tick.C {
			select {
			case <-s.over:
				tick.Stop()
				return
			default:
			}
			within := time.Minute
			if sent%9 == 8 { // nobody is as quick
				within = time.Millisecond
			}
			s.send(t, sent, within)
			sent++
		}
	}()

	kills, before := 0, at.copied()
	for n := range takeovers {
		active, was := c.mustActive()
		c.order("kill", active)
		pause(random, 500*time.Millisecond)
		switch n % 5 {
		case 0, 2:
			at.kill()
		case 1:
			at.replace("")
		case 3:
			at.replace(before)
		case 4:
			before = at.copied()
		}
		kills++
		c.awaitTakeover(was)
		c.order("start", active)
		c.awaitPaired()
		active, _ = c.mustActive()
		switch n % 3 {
		case 0:
			h.killProcess(active, "updater")
		case 1:
			h.killProcess(active, "terminal-if")
		case 2:
			h.killProcess(active, "business.gates")
		}
		pause(random, time.Second)
		if n%2 == 0 {
			at.kill()
			kills++
		}
	}
	h.awaitStarted()
	c.awaitPaired()
	h.force()
	c.awaitPaired()
	close(s.over)
	<-s.done

	// What each alarm tells of: a directory that is put back after another one was there, and a command that is taken and not said to be done.
	before = at.copied()
	at.awaitServed()
	another := func(e bus.Event) bool {
		return strings.Contains(e.Text, "the agent of terminal till has a new data directory")
	}
	active, _ := c.mustActive()
	last := uint64(0) // of those before, which the takeovers brought
	for _, e := range c.events(active) {
		if another(e) {
			last = max(last, e.ID)
		}
	}
	at.replace("")
	at.awaitServed()
	c.awaitEvent("a directory of another identity", func(e bus.Event) bool { return e.ID > last && another(e) })
	at.replace(before)
	c.awaitEither(alarms.TerminalTwice, healWithin)
	g.mu.Lock()
	g.quiet = true
	g.mu.Unlock()
	s.send(t, sent, time.Minute)
	s.send(t, sent+1, time.Millisecond)
	sent += 2
	c.awaitEither(alarms.CommandsLate, healWithin)
	c.awaitEither(alarms.CommandsUnknown, 3*time.Minute)

	// By now the time of each is over.
	var said string
	missing := func() (list []int) {
		said = c.said()
		g.mu.Lock()
		defer g.mu.Unlock()
		for n := range sent {
			if g.opened[n] > 0 {
				continue
			}
			told := strings.Contains(said, "/"+s.ids[n]+"\n")
			for id := range g.told {
				told = told || strings.HasSuffix(id, "/"+s.ids[n])
			}
			if !told {
				list = append(list, n)
			}
		}
		return list
	}
	c.Await(3*time.Minute, "word of each command that did not open the gate", func() bool { return len(missing()) == 0 })
	close(over)
	working.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	opened, states := 0, map[string]int{}
	for n, times := range g.opened {
		opened++
		if times > 1 {
			t.Errorf("command %d (%s) opened the gate %d times", n, s.ids[n], times)
		}
	}
	for _, state := range g.told {
		states[state]++
	}
	for _, err := range g.errs {
		t.Error(err)
	}
	t.Logf("measured: %d commands through %d takeovers and a promotion by force, %d kills of the agent: %d opened the gate once, none twice (%d of them were not said to be done); "+
		"the program at the gate was told of %v, the operator of %d", sent, takeovers, kills, opened, g.silent, states, strings.Count(said, "\n"))
	if opened < sent/3 || states["late"] == 0 || !strings.Contains(said, "\n") {
		t.Error("too few opened the gate, or none was late: it proves nothing")
	}
}

// awaitEither waits until either host raises an alarm: a slow machine may take over meanwhile.
func (c *cluster) awaitEither(id string, within time.Duration) {
	c.Helper()
	c.Await(within, "alarm "+id, func() bool {
		for _, host := range []string{local.HostA, local.HostB} {
			s, err := c.Status(host)
			if err == nil && slices.ContainsFunc(s.Alarms, func(a bus.Alarm) bool { return a.ID == id }) {
				return true
			}
		}
		return false
	})
}

// awaitServed waits until a host serves the agent that runs now.
func (t *till) awaitServed() {
	t.Helper()
	t.Await(healWithin, "the terminal is served", func() bool {
		var s struct{ Serves bool }
		status, ok := t.call(http.MethodGet, "/v1/status", "", nil, &s)
		return ok && status == http.StatusOK && s.Serves
	})
}

// said is the ids of commands of which the operator was told, a line each.
func (c *cluster) said() string {
	c.Helper()
	var ids strings.Builder
	for _, host := range []string{"a", "b"} {
		text, err := os.ReadFile(filepath.Join(c.Dir, "host-"+host+".log"))
		if err != nil {
			c.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if !strings.Contains(line, "it is unknown whether a fenced command was executed") && !strings.Contains(line, "a fenced command was not taken in time") {
				continue
			}
			if _, rest, ok := strings.Cut(line, "command="); ok {
				id, _, _ := strings.Cut(rest, " ")
				ids.WriteString(strings.Trim(id, `"`) + "\n")
			}
		}
	}
	return ids.String()
}
