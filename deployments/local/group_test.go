package local

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// tree is a shell with a child, as a supervisor has: both in one group. The child ignores SIGTERM when stubborn.
func tree(t *testing.T, script string) *group {
	t.Helper()
	g := &group{name: HostA, command: command{
		argv: []string{"/bin/sh", "-c", script}, env: []string{"PATH=" + os.Getenv("PATH")}, log: filepath.Join(t.TempDir(), "log"),
	}}
	if err := g.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if g.state().pgid != 0 {
			if err := g.kill(context.Background()); err != nil {
				t.Error(err)
			}
		}
	})
	eventually(t, func() bool { return strings.Contains(text(t, g.command.log), "up") })
	return g
}

func text(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func eventually(t *testing.T, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := await(ctx, func() (bool, error) { return condition(), nil }); err != nil {
		t.Fatal("did not come to pass in 10 s")
	}
}

const pairOfProcesses = "sleep 1000 & echo up; wait"

func TestGroup_KillLeavesNoProcess(t *testing.T) {
	g := tree(t, pairOfProcesses)
	pgid := g.state().pgid
	if members, err := membersOf(pgid); err != nil || len(members) != 2 {
		t.Fatalf("%v, %v", members, err)
	}
	if err := g.kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	if members, err := membersOf(pgid); err != nil || len(members) != 0 {
		t.Errorf("%v, %v", members, err)
	}
	if err := g.kill(t.Context()); !errors.Is(err, ErrState) {
		t.Errorf("second kill: %v", err)
	}
	if err := g.start(); err != nil {
		t.Errorf("start again: %v", err)
	}
	if err := g.start(); !errors.Is(err, ErrState) {
		t.Errorf("second start: %v", err)
	}
}

func TestGroup_FreezeStopsEveryProcessAndThawContinues(t *testing.T) {
	g := tree(t, pairOfProcesses)
	if err := g.thaw(); !errors.Is(err, ErrState) {
		t.Errorf("thaw of what is not frozen: %v", err)
	}
	if err := g.freeze(t.Context()); err != nil {
		t.Fatal(err)
	}
	members, err := membersOf(g.state().pgid)
	if err != nil || len(members) != 2 {
		t.Fatalf("%v, %v", members, err)
	}
	for _, m := range members {
		if m.state != 'T' {
			t.Errorf("process %d is %c", m.pid, m.state)
		}
	}
	if err := g.thaw(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool {
		members, err := membersOf(g.state().pgid)
		return err == nil && len(members) == 2 && members[0].state != 'T' && members[1].state != 'T'
	})
}

// A process that starts another one waits in the kernel until the other has loaded its program; when that is stopped before, the
// parent can't be seen to stop.
func TestGroup_FreezesWhoIsStartingAProcess(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("SKIPPED: there is no python3 here, which starts a process that does not load its program")
	}
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	g := tree(t, `exec python3 -c 'import os, sys
print("up", flush=True)
os.posix_spawn("/bin/true", ["true"], {}, file_actions=[(os.POSIX_SPAWN_OPEN, 0, sys.argv[1], os.O_RDONLY, 0)])' `+fifo)
	pgid := g.state().pgid
	eventually(t, func() bool {
		members, err := membersOf(pgid)
		return err == nil && slices.ContainsFunc(members, func(m member) bool { return m.pid == pgid && m.state == 'D' })
	})
	within, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := g.freeze(within); err != nil {
		t.Fatal(err)
	}
	if err := g.thaw(); err != nil {
		t.Error(err)
	}
}

func TestGroup_StopContinuesWhatIsFrozen(t *testing.T) {
	g := tree(t, `trap 'kill $!; echo stopped; exit 0' TERM; sleep 1000 & echo up; while :; do sleep 0.05; done`)
	if err := g.freeze(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := g.stop(t.Context(), 10*time.Second); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text(t, g.command.log), "stopped") {
		t.Error("it was killed, not stopped")
	}
}

func TestGroup_StopKillsWhatDoesNotEnd(t *testing.T) {
	g := tree(t, `trap '' TERM; sleep 1000 & echo up; while :; do wait; done`)
	pgid := g.state().pgid
	if err := g.stop(t.Context(), 200*time.Millisecond); err == nil || !strings.Contains(err.Error(), "was killed") {
		t.Errorf("%v", err)
	}
	if members, err := membersOf(pgid); err != nil || len(members) != 0 {
		t.Errorf("%v, %v", members, err)
	}
}
