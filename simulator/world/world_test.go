package world

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats-server/v2/server/ats"
	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/simulator/load"
)

// bubble runs a test where time is not real. Two things of the process reach into it and must not: the NATS client keeps
// timers in a pool, where those of an earlier bubble must be gone, which takes two collections; and the NATS server keeps one
// goroutine for the access times of all its stores, whose channel is no bubble's, so it has to be started outside.
func bubble(t *testing.T, f func(*testing.T)) {
	t.Helper()
	ats.Register()
	defer ats.Unregister()
	runtime.GC()
	runtime.GC()
	synctest.Test(t, f)
}

// buffer takes log lines of many goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) { b.mu.Lock(); defer b.mu.Unlock(); return b.b.Write(p) }

func (b *buffer) String() string { b.mu.Lock(); defer b.mu.Unlock(); return b.b.String() }

func TestWorld_ServesAPut(t *testing.T) {
	bubble(t, func(t *testing.T) {
		log := &buffer{}
		w, err := New(Options{Dir: t.TempDir(), Terminals: 2, Lease: time.Second, Patience: 2 * time.Second,
			Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		w.Start()
		if err := w.AwaitPaired(context.Background()); err != nil {
			t.Fatal(err)
		}
		app := w.network.Endpoint(Address("t1"))
		c, err := load.Dial("test", at("t1", portTerminal), dialer{app})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		m, err := c.Request("request.kv.put", []byte(`{"key":"k","value":1}`), 5*time.Second)
		if err != nil || !strings.Contains(string(m.Data), "revision") {
			t.Fatal(m, err)
		}
		t.Log(string(m.Data), w.Elapsed())
	})
}

var _ nats.CustomDialer = dialer{}

func TestWorld_Walks(t *testing.T) {
	for seed := range uint64(*walks) {
		seed += *firstSeed
		bubble(t, func(t *testing.T) {
			s := Walk(seed, 10*time.Second)
			log := &buffer{}
			r, err := Play(s, t.TempDir(), slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelInfo})), "")
			t.Logf("seed %d: %s", seed, r)
			if err != nil || len(r.Bad()) > 0 {
				name := fmt.Sprintf("/tmp/world-%d.log", seed)
				_ = os.WriteFile(name, []byte(s.String()+"\n"+log.String()), 0o600)
				t.Fatalf("seed %d: %v, %q, see %s\n%s", seed, err, r.Bad(), name, s)
			}
		})
	}
}

var (
	walks     = flag.Uint("walks", 1, "how many schedules are drawn and played")
	firstSeed = flag.Uint64("seed", 1, "of the first schedule; each has the next one")
)
