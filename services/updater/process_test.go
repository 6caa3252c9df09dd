package updater

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/updater/draft/drafttest"
	"github.com/hotpair/hotpair/storage/position"
)

// asUpdater makes this test binary an updater process, with the environment that main would give it.
const asUpdater = "TEST_AS_UPDATER"

func TestMain(m *testing.M) {
	if os.Getenv(asUpdater) == "" {
		os.Exit(m.Run())
	}
	c, err := config.Load[config.Updater](os.Environ())
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		err = Run(ctx, c, c.Logger(os.Stderr, c.Host, bus.ProcessUpdater))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// spawn starts the updater as a process of its own.
func (h *host) spawn() *exec.Cmd {
	h.t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append([]string{asUpdater + "=1", "GOMEMLIMIT=512MiB"}, config.Environ(&h.config)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if testing.Verbose() {
		cmd.Stderr = os.Stderr
	}
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	h.ended = ended
	h.cancel = func() { _ = cmd.Process.Signal(syscall.SIGTERM) } // fails only when it has ended
	h.ready(ended)
	return cmd
}

// kill is kill -9.
func (h *host) kill(cmd *exec.Cmd) {
	h.t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		h.t.Fatal(err)
	}
	<-h.ended
	h.cancel = nil
	// main tells business processes when a process goes down; what it had may or may not have been executed.
	h.kv.Fail(bus.ErrDisconnected)
}

// active is who serves, and in which epoch.
type active struct {
	h     *host
	epoch uint64
}

// writer is a terminal in a closed loop: it repeats a request with the same id, to whoever serves, until it is answered.
type writer struct {
	at    *atomic.Pointer[active]
	name  string
	acked []position.Position // by counter-1
}

// writers lets some of them work. stop ends them and gives them back.
func writers(at *atomic.Pointer[active]) (stop func() []*writer) {
	var end atomic.Bool
	var group sync.WaitGroup
	all := make([]*writer, 8)
	for i := range all {
		all[i] = &writer{at: at, name: fmt.Sprintf("t%d", i)}
		group.Go(func() { all[i].run(&end) })
	}
	return func() []*writer {
		end.Store(true)
		group.Wait()
		return all
	}
}

func (w *writer) run(stop *atomic.Bool) {
	for n := uint64(1); !stop.Load(); n++ {
		w.acked = append(w.acked, w.write(n))
	}
}

func (w *writer) write(n uint64) position.Position {
	for attempt := 1; ; attempt++ {
		ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
		now := w.at.Load()
		r, err := now.h.kv.Call(ctx, bus.DatabaseCall{Commit: request{
			ID: bus.RequestID{Terminal: w.name, Counter: n}, Oldest: n, Epoch: now.epoch,
			Operations: []bus.Operation{drafttest.Put(fmt.Sprintf("%s/%d", w.name, n), fmt.Sprint(n))},
		}.Commit(testKey)})
		cancel()
		if err == nil && r.Code == bus.CodeOK && r.Position.Sequence != 0 {
			return r.Position
		}
		time.Sleep(time.Millisecond) // a client's pause before it asks again; nothing is awaited by it
	}
}

// TestProcess_KilledUnderLoad kills updaters, the active's and the other's, with SIGKILL while updates run, restarts them
// within the term, and looks for every update that was acknowledged (R2, V2), each request once (R7).
func TestProcess_KilledUnderLoad(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes for some seconds")
	}
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 1))
	t.Logf("seed %d", seed)
	a, b := newHosts(t)
	processA, processB := a.spawn(), b.spawn()
	a.lead(1, false)
	a.pairUp(1)

	var at atomic.Pointer[active]
	at.Store(&active{a, 1})
	stop := writers(&at)
	const kills = 36
	for range kills {
		time.Sleep(time.Duration(random.IntN(120)) * time.Millisecond) // the moment of the kill is what is tried
		which := random.IntN(3)
		if which != 1 {
			a.kill(processA)
		}
		if which != 0 {
			b.kill(processB)
			processB = b.spawn()
		}
		if which != 1 {
			processA = a.spawn()
			ordered(a, bus.CallServe, bus.Serve{Epoch: 1, RecordVersion: 1, Resume: true, RequirePeer: true, TicketKey: testKey})
		}
	}
	checkWriters(t, a, stop())
	last := a.await("all is notified", func(s bus.UpdaterState) bool { return s.Notified == s.Committed && s.FramesInFlight == 0 })
	b.await("the same history", func(s bus.UpdaterState) bool { return s.Committed == last.Committed && s.Digest == last.Digest })
	a.stop()
	b.stop()
}

// TestProcess_TakeoversUnderLoad kills the active with SIGKILL while updates run; the other host takes over alone, the
// killed one returns and is added again. Nothing acknowledged is missing at the end (R1, R2), each request is there
// once (R7), and both hosts have one history.
func TestProcess_TakeoversUnderLoad(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes for some seconds")
	}
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 2))
	t.Logf("seed %d", seed)
	a, b := newHosts(t)
	running := map[*host]*exec.Cmd{a: a.spawn(), b: b.spawn()}
	a.lead(1, false)
	a.pairUp(1)
	var at atomic.Pointer[active]
	at.Store(&active{a, 1})
	stop := writers(&at)
	const takeovers = 12
	var took []time.Duration
	for range takeovers {
		time.Sleep(time.Duration(20+random.IntN(150)) * time.Millisecond) // the moment of the kill is what is tried
		old := at.Load()
		next := &active{a, old.epoch + 1}
		if old.h == a {
			next.h = b
		}
		heard := old.h.await("anything", func(bus.UpdaterState) bool { return true }).Committed
		old.h.kill(running[old.h])
		started := time.Now()
		ordered(next.h, bus.CallPrepare, bus.Prepare{Epoch: next.epoch, AtLeast: heard})
		next.h.serve(bus.Serve{Epoch: next.epoch, RecordVersion: next.epoch})
		at.Store(next)
		took = append(took, time.Since(started))
		if random.IntN(2) == 0 {
			time.Sleep(time.Duration(random.IntN(50)) * time.Millisecond) // some updates alone (A7)
		}
		running[old.h] = old.h.spawn()
		next.h.pairUp(next.epoch)
	}
	all := stop()
	slices.Sort(took)
	t.Logf("prepare and serve took %v in the middle, %v at worst", took[len(took)/2], took[len(took)-1])
	now := at.Load()
	checkWriters(t, now.h, all)
	last := now.h.await("all is notified", func(s bus.UpdaterState) bool { return s.Notified == s.Committed && s.FramesInFlight == 0 })
	other := a
	if now.h == a {
		other = b
	}
	other.await("the same history", func(s bus.UpdaterState) bool { return s.Committed == last.Committed && s.Digest == last.Digest })
}

// checkWriters looks for every acknowledged update, and for requests that took effect twice.
func checkWriters(t *testing.T, h *host, all []*writer) {
	t.Helper()
	total := 0
	for _, w := range all {
		for i, at := range w.acked {
			total++
			if got, want := h.get(fmt.Sprintf("%s/%d", w.name, i+1)), fmt.Sprintf("%d@%d", i+1, at.Sequence); got != want {
				t.Errorf("%s/%d: got %s, acknowledged %s", w.name, i+1, got, want)
			}
		}
	}
	seen := map[string]position.Position{}
	for from := uint64(1); ; {
		page := ordered(h, bus.CallHistory, bus.HistoryRequest{From: from, Limit: 1000})
		for _, u := range page.Updates {
			if u.Position.Sequence != from {
				t.Fatalf("history jumps from %d to %v", from, u.Position)
			}
			from++
			if other, twice := seen[u.Request]; twice && u.Request != "" {
				t.Errorf("request %s took effect at %v and %v", u.Request, other, u.Position)
			}
			seen[u.Request] = u.Position
		}
		if len(page.Updates) == 0 || from > page.Last {
			break
		}
	}
	t.Logf("%d acknowledged updates, none missing, none doubled", total)
}

// processorTime is what processes have used so far, from /proc, in ticks of 10 ms.
func processorTime(t testing.TB, processes []*exec.Cmd) (used []time.Duration) {
	t.Helper()
	for _, p := range processes {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
		user, _ := strconv.Atoi(fields[11])
		system, _ := strconv.Atoi(fields[12])
		used = append(used, time.Duration(user+system)*10*time.Millisecond)
	}
	return used
}

// BenchmarkCommit measures updates at the updater's own subject, both copies fsynced: bus and callers in one process,
// an updater process for each host.
func BenchmarkCommit(b *testing.B) {
	hostA, hostB := newHosts(b)
	processes := []*exec.Cmd{hostA.spawn(), hostB.spawn()}
	hostA.lead(1, false)
	hostA.pairUp(1)
	value := make([]byte, 100)
	for _, callers := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			var next atomic.Int64
			var group sync.WaitGroup
			b.ResetTimer()
			before := processorTime(b, processes)
			for c := range callers {
				group.Go(func() {
					for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
						commit := bus.Commit{Epoch: 1, Operations: []bus.Operation{{Key: fmt.Appendf(nil, "k%d/%d", c, n), Value: value}}}
						r, err := hostA.kv.Call(context.Background(), bus.DatabaseCall{Commit: &commit})
						if err != nil || r.Code != bus.CodeOK {
							b.Errorf("commit: %v %+v", err, r)
							return
						}
					}
				})
			}
			group.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "updates/s")
			for i, used := range processorTime(b, processes) {
				// On a busy machine the rate says little; what an update costs a processor says more.
				b.ReportMetric(float64((used-before[i]).Microseconds())/float64(b.N), "cpu-µs/update-on-"+[]string{"a", "b"}[i])
			}
		})
	}
}
