package supervisor

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hotpair/hotpair/services/process"
	"github.com/hotpair/hotpair/services/process/processtest"
)

func TestSupervisor_RestartsAKilledMainAtOnce(t *testing.T) {
	s := stageWith(t, "main", time.Minute) // of silence nothing is known while this test waits
	for n := 1; n <= 3; n++ {
		pids := s.awaitNotes(t, n, "main", "child", "grandchild")
		began := time.Now()
		syscall.Kill(pids[0], syscall.SIGKILL)
		s.awaitNotes(t, n+1, "main")
		t.Logf("kill %d: a new main works %v later", n, time.Since(began))
	}
	s.assertNobodyMet(t)
}

func TestSupervisor_KillsAFrozenMain(t *testing.T) {
	s := stage(t, "main")
	pids := s.awaitNotes(t, 1, "main", "child", "grandchild")
	began := time.Now()
	syscall.Kill(pids[0], syscall.SIGSTOP)
	s.awaitNotes(t, 2, "main")
	took := time.Since(began)
	t.Logf("a new main works %v after the old one froze", took)
	if patience := Patience(250 * time.Millisecond); took < patience-100*time.Millisecond || took > patience+5*time.Second {
		t.Errorf("patience is %v", patience)
	}
	s.assertNobodyMet(t)
}

// Somebody stops the whole host and continues it: the supervisor finds old beats only, because it was stopped itself.
func TestSupervisor_FrozenAndThawedWithItsHost(t *testing.T) {
	s := stage(t, "main")
	main := s.awaitNotes(t, 1, "main", "child", "grandchild")[0]
	group := -s.PID()
	syscall.Kill(group, syscall.SIGSTOP)
	processtest.Await(t, "all are stopped", func() bool { return state(main) == 'T' && state(s.PID()) == 'T' })
	time.Sleep(3 * Patience(250*time.Millisecond)) // not a condition: the length of the freeze
	syscall.Kill(group, syscall.SIGCONT)
	time.Sleep(2 * Patience(250*time.Millisecond)) // nor this: the time in which a wrong kill would come
	if got := notes(s.dir)["main"]; !slices.Equal(got, []int{main}) || !alive(main) {
		t.Errorf("mains %v, first %d", got, main)
	}
}

// T11: full CPU load must not make a supervisor kill a healthy main.
func TestSupervisor_T11_FullLoad(t *testing.T) {
	s := stage(t, "main")
	main := s.awaitNotes(t, 1, "main", "child", "grandchild")[0]
	for range 4 * runtime.NumCPU() {
		burn, err := process.Start(process.Spec{Name: "burn", Args: []string{"part", "burn"}, Environ: []string{"GOMAXPROCS=1"}})
		if err != nil {
			t.Fatal(err)
		}
		defer burn.Close()
		defer burn.Kill()
	}
	time.Sleep(6 * Patience(250*time.Millisecond)) // the length of the load
	if got := notes(s.dir)["main"]; !slices.Equal(got, []int{main}) || !alive(main) {
		t.Errorf("mains %v, first %d", got, main)
	}
}

func TestSupervisor_KilledTakesEverythingWithIt(t *testing.T) {
	s := stage(t, "main")
	pids := s.awaitNotes(t, 1, "main", "child", "grandchild")
	began := time.Now()
	s.Kill()
	for _, pid := range pids {
		processtest.Await(t, fmt.Sprintf("end of %d", pid), func() bool { return !alive(pid) })
	}
	t.Logf("everything gone after %v", time.Since(began))
}

func TestSupervisor_StopsCleanly(t *testing.T) {
	s := stage(t, "main")
	pids := s.awaitNotes(t, 1, "main", "child", "grandchild")
	s.Signal(syscall.SIGTERM)
	if exit := s.Wait(); !exit.Clean() {
		t.Error(exit)
	}
	for _, pid := range pids {
		if alive(pid) {
			t.Errorf("%d is alive after its supervisor", pid)
		}
	}
}

func TestSupervisor_SecondSignalEndsAtOnce(t *testing.T) {
	s := stage(t, "main-stubborn")
	pids := s.awaitNotes(t, 1, "main")
	processtest.Await(t, "end", func() bool { // the first one is still being handled when the second would be too early
		s.Signal(syscall.SIGTERM)
		return !alive(s.PID())
	})
	if exit := s.Wait(); exit.Signal != syscall.SIGTERM { // not the end of a stop in good order
		t.Errorf("%s", exit)
	}
	processtest.Await(t, "end of main", func() bool { return !alive(pids[0]) })
}

// A program started a daemon that outlives main: no new main before it is gone, and it is killed.
func TestSupervisor_NoNewMainBesideALeftover(t *testing.T) {
	for _, part := range []string{"main-careless", "main-escaped"} {
		t.Run(part, func(t *testing.T) {
			s := stage(t, part)
			pids := s.awaitNotes(t, 1, "daemon", "main")
			syscall.Kill(pids[1], syscall.SIGKILL)
			s.awaitNotes(t, 2, "main")
			if alive(pids[0]) {
				t.Error("the daemon is alive")
			}
			s.assertNobodyMet(t)
			// A clean stop leaves nothing either.
			daemon := s.awaitNotes(t, 2, "daemon")[0]
			s.Signal(syscall.SIGTERM)
			if exit := s.Wait(); !exit.Clean() || alive(daemon) {
				t.Errorf("%s; the daemon is alive: %t", exit, alive(daemon))
			}
		})
	}
}

func TestSupervisor_ReapsOrphansWhileMainRuns(t *testing.T) {
	s := stage(t, "main-messy")
	main := s.awaitNotes(t, 1, "main")[0]
	processtest.Await(t, "main is the only child", func() bool { return slices.Equal(childrenOf(s.PID()), []int{main}) })
	s.Signal(syscall.SIGTERM)
	if exit := s.Wait(); !exit.Clean() {
		t.Error(exit)
	}
}

func TestSupervisor_TriesForEverWithDelays(t *testing.T) {
	s := stage(t, "main-crash")
	s.awaitNotes(t, 9, "main") // more than the policy believes in
	if !alive(s.PID()) {
		t.Error("the supervisor gave up itself")
	}
	if n := len(notes(s.dir)["main"]); n > 20 {
		t.Errorf("%d starts: no delay between them", n)
	}
}

func TestSupervisor_LeadsItsGroup(t *testing.T) {
	s := stage(t, "main") // not started as a leader
	pids := s.awaitNotes(t, 1, "main", "child", "grandchild")
	for _, pid := range append(pids, s.PID()) {
		if group, err := unix.Getpgid(pid); err != nil || group != s.PID() {
			t.Errorf("group of %d is %d, want %d: %v", pid, group, s.PID(), err)
		}
	}
}

func TestBeater_NeverBlocksAndTellsTheEnd(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	beater, err := NewBeater(process.Inheritance{SupervisorFD: int(w.Fd())})
	if err != nil {
		t.Fatal(err)
	}
	for range 100_000 { // more than a pipe holds
		if err := beater.Beat(); err != nil {
			t.Fatal(err)
		}
	}
	r.Close()
	if err := beater.Beat(); err != ErrNoSupervisor {
		t.Error(err)
	}
	if err := new(Beater).Beat(); err != nil {
		t.Errorf("without a supervisor: %v", err)
	}
}

func FuzzParentIn(f *testing.F) {
	f.Add([]byte("12 (sleep) S 7 12 12 0"))
	f.Add([]byte("12 (a) b) R 9 (c) S 7 12"))
	f.Add([]byte(") "))
	f.Fuzz(func(t *testing.T, text []byte) { process.ParentIn(text) })
}

func TestParentIn(t *testing.T) {
	text, err := os.ReadFile("/proc/self/stat")
	if err != nil || process.ParentIn(text) != os.Getppid() {
		t.Errorf("%d, want %d: %v", process.ParentIn(text), os.Getppid(), err)
	}
	odd := bytes.Replace(text, []byte("("), []byte("(x) Z 1 (\n"), 1)
	if process.ParentIn(odd) != os.Getppid() {
		t.Errorf("with an odd name %d", process.ParentIn(odd))
	}
}

// state is the letter of a process's state.
func state(pid int) byte {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	return text[bytes.LastIndexByte(text, ')')+2]
}
