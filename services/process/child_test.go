package process

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/process/processtest"
)

func TestChild_TellsHowItEnded(t *testing.T) {
	crash, err := Start(Spec{Name: "crash", Environ: []string{"HELPER=crash"}})
	if err != nil {
		t.Fatal(err)
	}
	if exit := crash.Wait(); exit.Code != 7 || exit.Signal != 0 || exit.Clean() || exit.PID != crash.PID() || exit.String() != "exited with code 7" {
		t.Errorf("%+v %s", exit, exit)
	}
	child, _, scanner := stage(t, "polite")
	told(t, scanner, 1)
	if exit, err := child.Stop(20 * time.Second); err != nil || !exit.Clean() {
		t.Errorf("%+v %v", exit, err)
	}
	child, _, scanner = stage(t, "stubborn")
	told(t, scanner, 1)
	if exit, err := child.Stop(50 * time.Millisecond); err != nil || exit.Signal != syscall.SIGKILL || exit.Ran <= 0 {
		t.Errorf("%+v %v", exit, err)
	}
	if err := child.Kill(); err != nil {
		t.Errorf("kill of one that is gone: %v", err)
	}
}

// An exit code tells an operator nothing: what the process says of its end comes along, bounded and fit for a screen.
func TestChild_SaysWhyItEnded(t *testing.T) {
	child, err := Start(Spec{Name: "complain", Environ: []string{"HELPER=complain"}})
	if err != nil {
		t.Fatal(err)
	}
	exit := child.Wait()
	if !strings.HasPrefix(exit.String(), "exited with code 3: the disk is full: [31mfree some space xxx") || len(exit.Words) > longestWords {
		t.Errorf("%s", exit)
	}
	again, err := Start(Spec{Name: "crash", Environ: []string{"HELPER=crash", lastWordsVariable + "=0"}})
	if err != nil {
		t.Fatal(err)
	}
	if exit := again.Wait(); exit.Words != "" {
		t.Errorf("one that said nothing: %s", exit)
	}
}

func TestStart_NoSuchProgram(t *testing.T) {
	_, err := Start(Spec{Name: "shop", Path: "/nowhere/shop", Logger: slog.New(slog.DiscardHandler)})
	if !errors.Is(err, ErrStart) || !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "shop") {
		t.Error(err)
	}
}

func TestChild_OutputBecomesLogLines(t *testing.T) {
	var log processtest.Output
	child, err := Start(Spec{Name: "print", Environ: []string{"HELPER=print"}, Logger: slog.New(slog.NewTextHandler(&log, nil)).With("process", "print")})
	if err != nil {
		t.Fatal(err)
	}
	child.Close()
	for _, want := range []string{
		`level=INFO msg="on output" process=print`, `level=WARN msg="on error" process=print`, `level=INFO msg="without end" process=print`,
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("%q is missing in\n%s", want, log.String())
		}
	}
}

func TestStart_ChildGetsExactlyTheEnvironmentGiven(t *testing.T) {
	t.Setenv("STRAY", "1")
	var log processtest.Output
	child, err := Start(Spec{Name: "environment", Environ: []string{"HELPER=environment", "HOTPAIR_PARENT_PID=1", "HOTPAIR_SUPERVISOR_FD=4"}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	child.Close()
	if got := log.String(); strings.Contains(got, "STRAY") || strings.Contains(got, "SUPERVISOR") || !strings.Contains(got, "HOTPAIR_PARENT_PID="+strconv.Itoa(os.Getpid())) {
		t.Error(got)
	}
}

// A parent killed with SIGKILL can't tidy up: the kernel must.
func TestChild_DiesWithItsParent(t *testing.T) {
	child, life, scanner := stage(t, "top")
	pids := told(t, scanner, 3)
	began := time.Now()
	if err := child.Kill(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := life.Wait(ctx); err != nil {
		t.Fatalf("%v of %v", err, pids)
	}
	t.Logf("three generations gone after %v", time.Since(began))
	for name, pid := range pids {
		processtest.Await(t, name+" is gone", func() bool { return !alive(pid) }) // it closes its files a moment before
	}
}

// The parent-death signal belongs to the thread that created the child; a runtime that ends threads must not end children.
func TestChild_OutlivesThreadsOfItsParent(t *testing.T) {
	child, _, scanner := stage(t, "leaf")
	told(t, scanner, 1)
	threads := func() int {
		list, _ := filepath.Glob("/proc/self/task/*")
		return len(list)
	}
	before := threads()
	var all sync.WaitGroup
	hold := make(chan struct{})
	for range 30 {
		all.Go(func() {
			runtime.LockOSThread() // and never unlock: the thread ends with the goroutine
			<-hold
		})
	}
	processtest.Await(t, "threads begin", func() bool { return threads() >= before+20 })
	close(hold)
	all.Wait()
	processtest.Await(t, "threads end", func() bool { return threads() < before+15 })
	if !alive(child.PID()) {
		t.Error("the child is gone")
	}
}

func TestLifeline_IsKeptOpenByADaemonOfACarelessProgram(t *testing.T) {
	child, life, scanner := stage(t, "careless")
	daemon := told(t, scanner, 1)["daemon"]
	child.Kill()
	child.Wait()

	short, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := life.Wait(short); !errors.Is(err, ErrAlive) {
		t.Fatalf("daemon %d is alive: %t; %v", daemon, alive(daemon), err)
	}
	killed, err := life.Kill()
	if err != nil || !slices.Equal(killed, []int{daemon}) {
		t.Errorf("killed %v, want %d: %v", killed, daemon, err)
	}
	long, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := life.Wait(long); err != nil {
		t.Error(err)
	}
}

func TestInherit_OrphanAndForeignDescriptors(t *testing.T) {
	parent := "HOTPAIR_PARENT_PID=" + strconv.Itoa(os.Getppid())
	for want, environ := range map[error][]string{
		nil:           {"PATH=/bin"},
		ErrOrphan:     {"HOTPAIR_PARENT_PID=1073741824"},
		ErrDescriptor: {parent, "HOTPAIR_LIFELINE_FD=1000"},
	} {
		if _, err := Inherit(environ); !errors.Is(err, want) {
			t.Errorf("%v: %v, want %v", environ, err, want)
		}
	}
}

// Ctrl-C reaches every process of the group; only the supervisor acts on it.
func TestInherit_ChildIsDeafToInterrupt(t *testing.T) {
	child, _, scanner := stage(t, "polite")
	told(t, scanner, 1)
	for range 3 {
		if err := child.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile("/proc/" + strconv.Itoa(child.PID()) + "/status")
	if err != nil || !alive(child.PID()) {
		t.Fatalf("gone: %v", err)
	}
	i := strings.Index(string(text), "SigIgn:\t") + len("SigIgn:\t")
	ignored, err := strconv.ParseUint(string(text[i:i+16]), 16, 64)
	if err != nil || ignored&(1<<(syscall.SIGINT-1)) == 0 {
		t.Errorf("SIGINT is not ignored: %x %v", ignored, err)
	}
}

func TestContext_SecondSignalEndsAtOnce(t *testing.T) {
	kinds := []syscall.Signal{syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGINT) { // some shells start what runs in the background deaf to it, and we hand that on
		kinds = append(kinds, syscall.SIGINT)
	}
	for _, kind := range kinds {
		// Not a Child: one started by hand, where SIGINT counts too.
		cmd := exec.Command(self())
		cmd.Env = []string{"HELPER=lingering"}
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stdout = w
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		w.Close()
		r.SetReadDeadline(time.Now().Add(20 * time.Second))
		said := make([]byte, 8)
		for _, want := range []string{"ready\n", "ending\n"} {
			if n, err := r.Read(said); string(said[:n]) != want {
				t.Fatalf("said %q, want %q: %v", said[:n], want, err)
			}
			cmd.Process.Signal(kind)
		}
		// The default action is back a moment after the context's end.
		processtest.Await(t, "end", func() bool {
			cmd.Process.Signal(kind)
			return !alive(cmd.Process.Pid)
		})
		cmd.Wait()
		r.Close()
		if exit := exitOf(cmd.ProcessState, 0); exit.Signal != kind {
			t.Errorf("after a second %v: %s", kind, exit)
		}
	}
}
