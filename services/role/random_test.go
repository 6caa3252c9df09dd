package role_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	. "github.com/hotpair/hotpair/services/role"
)

var (
	seed  = flag.Uint64("seed", 0, "seed of the first random schedule; 0 draws one")
	walks = flag.Int("walks", 300, "number of random schedules")
)

// TestRandomSchedules lets faults happen at random moments under load. After each event the world checks that rights
// never overlap, that a host which may be promoted holds all that was acknowledged, and that an epoch has one
// host. At the end all faults are healed, and the pair must come back to active and in-sync standby.
func TestRandomSchedules(t *testing.T) {
	first := *seed
	if first == 0 {
		first = rand.Uint64()
	}
	t.Logf("first seed %d, %d schedules", first, *walks)
	for i := range *walks {
		walk(t, first+uint64(i))
		if t.Failed() {
			return
		}
	}
}

func walk(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 0))
	w := newWorld(t)
	var script []string
	do := func(line string) {
		script = append(script, line)
		w.command(strings.Fields(line))
	}
	defer func() {
		if t.Failed() {
			t.Logf("seed %d\n> %s", seed, strings.Join(script, "\n> "))
		}
	}()
	w.lag = func() time.Duration { return time.Duration(r.IntN(4)) * time.Duration(r.IntN(4)) * time.Millisecond }
	do("start a")
	do("start b")
	do("run 1s")
	for range 30 {
		h := w.hosts[[]string{"a", "b"}[r.IntN(2)]]
		switch n := r.IntN(12); {
		case n < 3 && h.alive:
			do("kill " + h.name)
		case n < 3:
			do("start " + h.name)
		case n == 3 && h.alive:
			do("restart " + h.name)
		case n == 4 && h.alive && !h.frozen:
			do("freeze " + h.name)
		case n == 4 && h.alive:
			do("thaw " + h.name)
		case n == 5 && w.cut:
			do("heal")
		case n == 5:
			do("cut")
		case n == 6 && w.register.up:
			do("witness down")
		case n == 6:
			do("witness up")
		case n == 7:
			do("swallow")
		case n == 8 && h.alive && !h.frozen:
			do("switchover " + h.name)
		case n == 9 && h.alive && !h.frozen && h.m.Role() != Starting:
			do("updater " + h.name)
		case n == 10 && h.alive && !h.frozen:
			do("stop " + h.name)
		case n == 11 && h.alive && !h.frozen:
			do("failed " + h.name + " business.kv")
		}
		do(fmt.Sprintf("run %dms", 1+r.IntN(1+r.IntN(1500))))
	}
	w.lag = nil
	do("witness up")
	for _, name := range []string{"a", "b"} {
		if w.hosts[name].frozen {
			do("thaw " + name)
		}
		if !w.hosts[name].alive {
			do("start " + name)
		}
	}
	do("heal")
	before := w.acked
	do("run 20s")
	for _, name := range []string{"a", "b"} {
		if !w.hosts[name].alive {
			do("start " + name) // it was told to stop just before
		}
	}
	do("run 20s")
	do("state")
	a, b := w.hosts["a"].m.View(), w.hosts["b"].m.View()
	if !(a.Serving != b.Serving && a.Mode == Paired && b.Mode == Paired) || w.acked == before {
		t.Errorf("seed %d: 40 s after all faults were healed the pair is not whole\n%s", seed, strings.Join(w.lines, "\n"))
	}
}
