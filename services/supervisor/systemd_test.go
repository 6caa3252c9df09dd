package supervisor

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/services/systemd/systemdtest"
)

// told is a supervisor that tells a systemd how it does.
func told(t testing.TB, part string, lease time.Duration, socket *systemdtest.Socket, watchdog time.Duration) *staged {
	t.Helper()
	return stageWith(t, part, lease, "NOTIFY_SOCKET="+socket.Path, fmt.Sprintf("WATCHDOG_USEC=%d", watchdog.Microseconds()))
}

// speaks is the status of a main of the test.
func speaks(pid int) string { return fmt.Sprintf("STATUS=main %d speaks", pid) }

// Ready is when main runs, once; what is said is what main says, and what has become of it when none runs.
func TestSystemd_AKilledMain(t *testing.T) {
	socket := systemdtest.Listen(t)
	s := told(t, "main", time.Minute, socket, time.Hour)
	first := s.awaitNotes(t, 1, "main", "child", "grandchild")[0]
	socket.Await(t, "READY=1")
	n := socket.AwaitAfter(t, 0, speaks(first))
	syscall.Kill(first, syscall.SIGKILL)
	second := s.awaitNotes(t, 2, "main")[0]
	n = socket.AwaitAfter(t, n, speaks(second))
	s.Signal(syscall.SIGTERM)
	n = socket.AwaitAfter(t, n, "STOPPING=1")
	socket.AwaitAfter(t, n, "STATUS=stopping: ")
	if exit := s.Wait(); !exit.Clean() {
		t.Error(exit)
	}
	if socket.Count("READY=1") != 1 || socket.Count("STOPPING=1") != 1 {
		t.Errorf("%q", socket.Lines())
	}
	s.assertNobodyMet(t)
}

// The supervisor's own watch turns while main is frozen, and says so; a main that says what it does without deciding anything is frozen too.
func TestSystemd_AFrozenMain(t *testing.T) {
	for _, part := range []string{"main", "main-undecided"} {
		t.Run(part, func(t *testing.T) {
			t.Parallel()
			socket := systemdtest.Listen(t)
			s := told(t, part, time.Second, socket, 200*time.Millisecond)
			first := s.awaitNotes(t, 1, "main")[0]
			n := socket.AwaitAfter(t, 0, speaks(first))
			socket.Await(t, "READY=1")
			if part == "main" {
				syscall.Kill(first, syscall.SIGSTOP)
			}
			signs := socket.Count("WATCHDOG=1")
			second := s.awaitNotes(t, 2, "main")[0]
			// A watch looks eight times at least before it says that somebody is frozen.
			if more := socket.Count("WATCHDOG=1") - signs; more < 4 {
				t.Errorf("%d signs of life while main was frozen", more)
			}
			socket.AwaitAfter(t, n, speaks(second))
			if socket.Count("READY=1") != 1 {
				t.Errorf("%q", socket.Lines())
			}
		})
	}
}

// Until a main speaks, the status says what became of the one before.
func TestSystemd_WhatBecameOfMain(t *testing.T) {
	for signal, want := range map[syscall.Signal]string{syscall.SIGKILL: "ended by signal: killed", syscall.SIGSTOP: "was frozen for "} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			socket := systemdtest.Listen(t)
			s := told(t, "main-mute", 250*time.Millisecond, socket, time.Hour)
			first := s.awaitNotes(t, 1, "main")[0]
			socket.Await(t, "STATUS=main is starting")
			socket.Await(t, "READY=1")
			syscall.Kill(first, signal)
			s.awaitNotes(t, 2, "main")
			socket.Await(t, "STATUS=main is starting; the previous one "+want)
		})
	}
}

// A main that never runs is not ready, and the status says why.
func TestSystemd_AMainThatCanNotRun(t *testing.T) {
	socket := systemdtest.Listen(t)
	s := told(t, "main-crash", 250*time.Millisecond, socket, time.Hour)
	s.awaitNotes(t, 3, "main")
	socket.Await(t, "STATUS=main is starting; the previous one exited with code 7")
	if socket.Count("READY=1") != 0 {
		t.Errorf("%q", socket.Lines())
	}
}

// A systemd that reads nothing, or is gone, holds neither the watch nor main.
func TestSystemd_NobodyListens(t *testing.T) {
	for name, socket := range map[string]func(*testing.T) *systemdtest.Socket{
		"nobody reads": func(t *testing.T) *systemdtest.Socket { return systemdtest.Deaf(t) },
		"gone": func(t *testing.T) *systemdtest.Socket {
			s := systemdtest.Deaf(t)
			s.Close()
			return s
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := told(t, "main-chatty", 250*time.Millisecond, socket(t), 20*time.Millisecond)
			first := s.awaitNotes(t, 1, "main")[0]
			time.Sleep(3 * Patience(250*time.Millisecond)) // not a condition: long enough to fill whatever can be full
			if got := notes(s.dir)["main"]; len(got) != 1 {
				t.Fatalf("mains %v", got)
			}
			syscall.Kill(first, syscall.SIGSTOP)
			s.awaitNotes(t, 2, "main")
			s.Signal(syscall.SIGTERM)
			if exit := s.Wait(); !exit.Clean() {
				t.Error(exit)
			}
		})
	}
}

// SIGHUP has main read its files again, and ends nobody: not the supervisor, not main, not a program that knows nothing of it.
func TestSystemd_HangUp(t *testing.T) {
	for name, to := range map[string]func(s *staged) int{
		"the supervisor": func(s *staged) int { return s.PID() },
		"everybody":      func(s *staged) int { return -s.PID() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			socket := systemdtest.Listen(t)
			s := told(t, "main-careless", time.Minute, socket, time.Hour)
			pids := s.awaitNotes(t, 1, "main", "daemon")
			socket.Await(t, "READY=1")
			n := 0
			for range 3 {
				syscall.Kill(to(s), syscall.SIGHUP)
				n = socket.AwaitAfter(t, n, "RELOADING=1")
				n = socket.AwaitAfter(t, n, "READY=1")
				if status := socket.Status(); !strings.Contains(status, "files read again at ") || !strings.HasSuffix(status, fmt.Sprintf(": main %d has read its files", pids[0])) {
					t.Errorf("status %q", status)
				}
			}
			syscall.Kill(pids[1], syscall.SIGHUP)
			syscall.Kill(pids[0], syscall.SIGHUP)
			for _, pid := range append(pids, s.PID()) {
				if !alive(pid) {
					t.Errorf("%d was ended by SIGHUP", pid)
				}
			}
			if got := notes(s.dir)["main"]; len(got) != 1 {
				t.Errorf("mains %v", got)
			}
			s.assertNobodyMet(t)
			s.Signal(syscall.SIGTERM) // which leaves nothing of a daemon either
			if exit := s.Wait(); !exit.Clean() {
				t.Error(exit)
			}
		})
	}
}

// What systemd is told about files that only a start reads: what has changed, and what a start would fail by.
func TestSystemd_HangUpSaysWhatTakesARestart(t *testing.T) {
	socket := systemdtest.Listen(t)
	dir := t.TempDir()
	file := dir + "/terminals"
	if err := os.WriteFile(file, []byte("t1=nats://127.0.0.1:4223\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := stageWith(t, "main", time.Minute, "NOTIFY_SOCKET="+socket.Path, "HOTPAIR_TERMINALS_FILE="+file)
	s.awaitNotes(t, 1, "main")
	socket.Await(t, "READY=1")
	for content, want := range map[string]string{
		"t1=nats://127.0.0.1:4224": "holds other terminals",
		"t1=nats://127.0.0.1:4223": ": main ",
		"nonsense":                 "the next start will fail",
	} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		n := len(socket.Lines())
		s.Signal(syscall.SIGHUP)
		n = socket.AwaitAfter(t, n, "RELOADING=1")
		socket.AwaitAfter(t, n, "READY=1")
		processtest.Await(t, want, func() bool { return strings.Contains(socket.Status(), want) })
	}
}

// The unit that ships gives a supervisor ten times what that gives a frozen main, at the longest lease that can be set.
func TestSystemd_WatchdogOfTheUnit(t *testing.T) {
	const longest = time.Minute
	for lease, allowed := range map[time.Duration]bool{longest: true, longest + time.Millisecond: false} {
		_, err := config.Load[config.Host]([]string{"HOTPAIR_LEASE=" + lease.String()})
		if refused := strings.Contains(fmt.Sprint(err), "HOTPAIR_LEASE"); refused == allowed {
			t.Fatalf("a lease of %s: %v", lease, err)
		}
	}
	unit, err := os.ReadFile("../../deployments/systemd/hotpair.service")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(unit), "\nWatchdogSec=")
	value, _, _ := strings.Cut(after, "\n")
	watchdog, err := time.ParseDuration(strings.Replace(value, "min", "m", 1))
	if err != nil || watchdog < 10*max(startPatience, Patience(longest)) {
		t.Errorf("WatchdogSec=%s: %v", value, err)
	}
}
