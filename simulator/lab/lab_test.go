package lab

import (
	"context"
	"flag"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/hotpair/hotpair/simulator/clustertest"
)

var (
	long  = flag.Bool("long", false, "play all sequences, and more of each")
	plain = flag.Bool("plain", false, "without certificates, everything in clear on the wire")
	suite = clustertest.NewSuite()
)

// binary is hotpair, built once for all tests.
var binary string

func TestMain(m *testing.M) { os.Exit(suite.Run(m, &binary)) }

// sideBySide lets a test run beside others: its lab has networks of its own, and most of it is waiting. The long form plays each alone.
func sideBySide(t *testing.T) {
	if !*long {
		t.Parallel()
	}
}

// fixture is a lab with a load, in a test.
type fixture struct {
	testing.TB
	*Lab
	ctx      context.Context
	load     *Load
	finished bool
}

// needLab skips, loudly, where no lab can be.
func needLab(t testing.TB) {
	t.Helper()
	if err := Available(); err != nil {
		t.Skipf("SKIPPED, NOTHING OF THIS WAS TRIED: %v", err)
	}
}

// begin starts a lab that is in sync and under load.
func begin(t testing.TB, o Options) *fixture {
	t.Helper()
	needLab(t)
	ctx := t.Context()
	o.Binary, o.Dir = binary, t.TempDir()
	o.Plain = o.Plain || *plain
	transcript := &transcript{tb: t}
	o.Log = transcript
	l, err := Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{TB: t, Lab: l, ctx: ctx}
	t.Cleanup(func() {
		if f.load != nil {
			f.must(f.load.Close())
		}
		ctx := context.WithoutCancel(ctx) // the test's own has ended
		if f.finished && !t.Failed() {
			if err := compareDatabases(ctx, l); err != nil {
				t.Error(err)
			}
		}
		f.must(l.Close())
		if t.Failed() {
			clustertest.KeepLogs(t, l.options.Dir, "*.log", "*.html")
		}
		transcript.end()
	})
	f.must(l.Heal(ctx))
	seed := uint64(time.Now().UnixNano())
	t.Logf("load seed %d", seed)
	if f.load, err = l.StartLoad(ctx, "test", seed); err != nil {
		t.Fatal(err)
	}
	f.progress()
	return f
}

// transcript is the lab's log in a test's.
type transcript struct {
	mu sync.Mutex
	tb testing.TB
}

func (t *transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.tb != nil {
		t.tb.Logf("%s", p[:len(p)-1])
	}
	return len(p), nil
}

func (t *transcript) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tb = nil
}

func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// await waits for a condition.
func (f *fixture) await(what string, condition func() bool) {
	f.Helper()
	f.must(f.Await(f.ctx, healWithin, what, condition))
}

// progress waits until the applications have got some answers more.
func (f *fixture) progress() {
	f.Helper()
	before := f.load.Acknowledged()
	f.await("progress of the load", func() bool { return f.load.Acknowledged() > before+50 })
}

// finish heals, compares the hosts and demands a good verdict.
func (f *fixture) finish() Verdict {
	f.Helper()
	f.must(f.Heal(f.ctx))
	f.progress()
	v, err := f.load.Finish(f.ctx)
	f.must(err)
	at, err := f.CompareHosts(f.ctx)
	f.must(err)
	f.finished = true
	for _, text := range v.All() {
		f.Error(text)
	}
	if v.Undecided {
		f.Error("porcupine did not finish")
	}
	f.Logf("measured: %d operations checked (%d open, %d on keys of several epochs), %d keys, %d accounts, %d reservations and %d notices read back, %d totals; both hosts at %s",
		v.Operations, v.Open, v.Crossed, v.Uniques, v.Balances, v.Reserved, v.Notices, v.Totals, at)
	return v
}
