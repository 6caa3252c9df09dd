package world

import (
	"cmp"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats-server/v2/server/ats"

	"github.com/hotpair/hotpair/services/process/processtest"
)

var (
	walks     = flag.Uint("walks", 2, "how many schedules are drawn and played")
	firstSeed = flag.Uint64("seed", 1, "of the first schedule, each has the next one; 0 draws one")
	lasting   = flag.Duration("lasting", 6*time.Second, "how long faults begin in each, in the world's time")
	story     = flag.String("story", "", "a schedule in a file to play instead of those in testdata")
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

// play plays a schedule, and keeps it with the log when anything was found.
func play(t *testing.T, name string, s Schedule) {
	t.Helper()
	log := &processtest.Output{}
	began := time.Now()
	bubble(t, func(t *testing.T) {
		r, err := Play(s, t.TempDir(), slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelInfo})))
		if err != nil {
			t.Errorf("the world failed: %v", err)
		}
		for _, text := range r.Bad() {
			t.Errorf("found: %s", text)
		}
		t.Logf("%s: %s", name, r)
	})
	t.Logf("%s: took %s", name, time.Since(began).Round(time.Millisecond))
	if !t.Failed() {
		return
	}
	file := filepath.Join(os.TempDir(), "hotpair-world-"+name)
	if err := os.WriteFile(file+".log", []byte(log.String()), 0o600); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(file+".story", []byte(s.String()), 0o600); err != nil {
		t.Error(err)
	}
	t.Fatalf("play it again with -story %s.story, and keep it in testdata; the log is %s.log\n%s", file, file, s)
}

// TestWorld_Stories plays the schedules that are kept, each for what it tells or once found.
func TestWorld_Stories(t *testing.T) {
	files := []string{*story}
	if *story == "" {
		var err error
		if files, err = filepath.Glob("testdata/*.story"); err != nil || len(files) == 0 {
			t.Fatal("no stories", err)
		}
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".story")
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s, err := Parse(string(text))
			if err != nil {
				t.Fatal(err)
			}
			play(t, name, s)
		})
	}
}

// TestWorld_Walks plays schedules that are drawn.
func TestWorld_Walks(t *testing.T) {
	first := cmp.Or(*firstSeed, uint64(rand.Uint32()))
	t.Logf("seeds %d to %d", first, first+uint64(*walks)-1)
	for n := range uint64(*walks) {
		t.Run(fmt.Sprint("seed", first+n), func(t *testing.T) { play(t, fmt.Sprint(first+n), Walk(first+n, *lasting)) })
	}
}
