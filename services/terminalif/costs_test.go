package terminalif

import (
	"bytes"
	"fmt"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/services/terminal"
)

// manyAgents starts agents that share one file for their facts.
func manyAgents(t *testing.T, n int) []*anAgent {
	t.Helper()
	disk := must[*terminal.Disk](t)(terminal.OpenDisk(t.TempDir()))
	t.Cleanup(func() { _ = disk.Close() })
	agents := make([]*anAgent, n)
	var starting sync.WaitGroup
	for k := range agents {
		id, dir := fmt.Sprint("t", k), t.TempDir()
		starting.Go(func() {
			agents[k] = startAgent(t, id, dir, "127.0.0.1:0", func(c *terminal.Config) { c.Disk = disk })
		})
	}
	starting.Wait()
	return agents
}

// inUse is what the process has in use.
func inUse() (goroutines, bytes int) {
	runtime.GC()
	runtime.GC() // what has a finalizer goes with the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return runtime.NumGoroutine(), int(m.HeapAlloc + m.StackInuse)
}

// goroutinesIn counts those that run a function of a name.
func goroutinesIn(t *testing.T, name string) (n int) {
	t.Helper()
	var profile bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 2); err != nil {
		t.Fatal(err)
	}
	for _, one := range strings.Split(profile.String(), "\n\n") {
		if strings.Contains(one, name) {
			n++
		}
	}
	return n
}

// TestSession_CostsLittle: there are thousands of sessions, on both hosts. The figures are those of an attached session and
// of the agent's end of it, which is in this process too: of the five goroutines two belong to the agent's server and one to
// the agent. With the client library they were ten and 150 KB.
func TestSession_CostsLittle(t *testing.T) {
	const (
		terminals      = 100
		goroutinesEach = 5
		bytesEach      = 110 << 10 // 80 measured
		beside         = 70        // of main's bus and of the server for requests
	)
	agents := manyAgents(t, terminals)
	goroutines, bytes := inUse()
	h := startHost(t, "a", terminalsOf(agents...)...)
	h.awaitWarm(terminals)
	h.attachAll(terminals)
	processtest.Await(t, "one wire and one session each", func() bool {
		return goroutinesIn(t, "wire.(*Conn).listen") == terminals && goroutinesIn(t, "terminalif.(*session).run(") == terminals
	})
	processtest.Await(t, "few goroutines", func() bool { return runtime.NumGoroutine()-goroutines <= goroutinesEach*terminals+beside })
	after, now := inUse()
	t.Logf("measured: %.1f goroutines and %d bytes for each session and the agent's end of it", float64(after-goroutines)/terminals, (now-bytes)/terminals)
	if each := (now - bytes) / terminals; each > bytesEach {
		t.Errorf("%d bytes each, at most %d", each, bytesEach)
	}
}

// TestInterface_CostsRiseWithTheNumber: whatever goes through all terminals makes so much garbage for each, and no more for
// each when there are more of them. A beat that has nothing to tell makes the same for any number.
func TestInterface_CostsRiseWithTheNumber(t *testing.T) {
	const few, many = 500, 4 * 500
	allocations := func(n int, do func(*Interface)) float64 {
		list := make([]Terminal, n)
		for k := range list {
			list[k] = Terminal{ID: fmt.Sprint("t", k), URL: "nats://127.0.0.1:1", Key: "k"}
		}
		i := New(Config{Terminals: list})
		i.report.state(i, false)
		i.report.state(i, true)
		return testing.AllocsPerRun(5, func() { do(i) })
	}
	for name, do := range map[string]func(*Interface){
		"state":   func(i *Interface) { i.report.state(i, true) },
		"busiest": func(i *Interface) { busiest(i.roster.all()) },
		"page":    func(i *Interface) { i.page("t1", 100) },
		"round":   func(i *Interface) { newRound(i.roster.all()) },
		"gaps":    func(i *Interface) { i.gaps() },
	} {
		a, b := allocations(few, do), allocations(many, do)
		t.Logf("%s: %.0f allocations for %d, %.0f for %d", name, a, few, b, many)
		if b > 4*a+100 {
			t.Errorf("%s makes %.0f allocations for %d terminals and %.0f for %d", name, a, few, b, many)
		}
	}
	beat := func(i *Interface) { i.report.state(i, false) }
	if a, b := allocations(few, beat), allocations(many, beat); b > a+5 {
		t.Errorf("a beat without news makes %.0f allocations for %d terminals and %.0f for %d", a, few, b, many)
	}
}

// TestSession_HellosAreBoundedInAll: the sessions' housekeeping does not grow with their number.
func TestSession_HellosAreBoundedInAll(t *testing.T) {
	for _, n := range []int{1, 200, 1000, 5000} {
		i := New(Config{Terminals: make([]Terminal, n)})
		pause := i.helloPause()
		if rate := float64(n) / pause.Seconds(); rate > hellosPerSecond || pause < helloEvery {
			t.Errorf("%d terminals: a hello each %v, %.0f a second", n, pause, rate)
		}
	}
}

// TestAttach_TheBusiestFirst: a host that takes over attaches first where somebody waits.
func TestAttach_TheBusiestFirst(t *testing.T) {
	agents := manyAgents(t, 3)
	a := startHost(t, "a", terminalsOf(agents...)...)
	a.startBatched("kv", echo)
	b := startHost(t, "b", terminalsOf(agents...)...)
	a.awaitWarm(3)
	b.awaitWarm(3)
	a.serveAll(1, 3)
	nc := app(t, agents[2].AppURL())
	for range 5 {
		ask(t, nc, "request.kv.put", `{}`)
	}
	wantCode(t, ask(t, app(t, agents[1].AppURL()), "request.kv.put", `{}`), 0)
	a.stop()
	processtest.Await(t, "the standby knows who is busy", func() bool {
		order := busiest(b.roster.all())
		return order[0].id == "t2" && order[0].pace() == 5 && order[1].id == "t1" && order[2].id == "t0" && order[2].pace() == 0
	})
}

// TestTurn_KeepsNobodyWaiting: idle terminals that do not answer give their turn away.
func TestTurn_KeepsNobodyWaiting(t *testing.T) {
	i := New(Config{Terminals: []Terminal{{ID: "t"}}})
	s := i.roster.all()[0]
	for range attachesAtOnce {
		if _, err := s.turn(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	done, err := s.turn(t.Context())
	if err != nil || time.Since(began) < attachPatience/2 {
		t.Fatalf("a turn after %v, %v", time.Since(began), err)
	}
	done()
	done()
	s.said("", false, 1, 0)
	for range 2 * attachesAtOnce { // who is busy does not wait
		if _, err := s.turn(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
