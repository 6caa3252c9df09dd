package process

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
)

func TestFewProcessors_LeavesTheOperatorsWordAlone(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
	runtime.GOMAXPROCS(3)
	t.Setenv("GOMAXPROCS", "3")
	if FewProcessors(1); runtime.GOMAXPROCS(0) != 3 {
		t.Fatalf("%d processors although GOMAXPROCS says 3", runtime.GOMAXPROCS(0))
	}
	t.Setenv("GOMAXPROCS", "")
	if FewProcessors(4); runtime.GOMAXPROCS(0) != 3 {
		t.Fatalf("%d processors, more than there were", runtime.GOMAXPROCS(0))
	}
	if FewProcessors(1); runtime.GOMAXPROCS(0) != 1 {
		t.Fatalf("%d processors, want 1", runtime.GOMAXPROCS(0))
	}
}

func TestRareCollections_LeavesTheOperatorsWordAlone(t *testing.T) {
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(math.MaxInt64)
	t.Cleanup(func() { debug.SetGCPercent(percent); debug.SetMemoryLimit(limit) })
	for _, variable := range []string{"GOGC", "GOMEMLIMIT"} {
		t.Run(variable, func(t *testing.T) {
			t.Setenv("GOGC", "")
			t.Setenv("GOMEMLIMIT", "")
			t.Setenv(variable, "100")
			RareCollections(400, 1<<30)
			if got := debug.SetMemoryLimit(-1); got != math.MaxInt64 {
				t.Fatalf("limit %d although %s is set", got, variable)
			}
		})
	}
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	RareCollections(400, 1<<30)
	if got := debug.SetGCPercent(100); got != 400 || debug.SetMemoryLimit(-1) != 1<<30 {
		t.Fatalf("percent %d, limit %d", got, debug.SetMemoryLimit(-1))
	}
}

func TestRoomForGarbage_LetsGarbageGather(t *testing.T) {
	goal := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.NextGC
	}
	const bytes = 64 << 20
	t.Setenv("GOMEMLIMIT", "")
	t.Setenv("GOGC", "100")
	before := goal()
	defer RoomForGarbage(bytes)()
	if goal() > before+bytes {
		t.Fatal("garbage gathers although GOGC is set")
	}
	t.Setenv("GOGC", "")
	end := RoomForGarbage(bytes)
	if goal() < before+bytes {
		t.Fatalf("garbage is collected at %d bytes, before at %d", goal(), before)
	}
	if end(); goal() > before+bytes {
		t.Fatalf("garbage gathers after the end: it is collected at %d bytes, before at %d", goal(), before)
	}
}
