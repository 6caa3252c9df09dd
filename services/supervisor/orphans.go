package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hotpair/hotpair/services/process"
)

// reap waits until this process has no children, except those that process.Expendable exempts. It is called while no
// main runs, so every child is an orphan from the kernel. Those that do not end are killed; the kernel does not reuse
// a child's id before it is reaped, so the right ones are killed.
func (s *Supervisor) reap(ctx context.Context) error {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	defer signal.Stop(ended)
	patience := time.NewTicker(leftoverPatience)
	defer patience.Stop()
	killed := map[int]bool{}
	for {
		pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
		switch {
		case errors.Is(err, unix.ECHILD):
			return nil
		case errors.Is(err, unix.EINTR) || pid > 0:
			continue
		case err != nil:
			return fmt.Errorf("reap orphans: %w", err)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ended:
		case <-patience.C:
			s.Unit.Alive() // it waits for the kernel, and keeps watching
			orphans := children()
			if !slices.ContainsFunc(orphans, func(orphan int) bool { return !killed[orphan] || !process.Stuck(orphan) }) {
				s.Logger.Error("killed processes hang in the kernel; not waiting for them", "pids", orphans)
				return nil // swept when it ends
			}
			for _, orphan := range orphans {
				killed[orphan] = true
				_ = unix.Kill(orphan, unix.SIGKILL) // it may have ended this moment, which is as good
			}
			s.Logger.Error("killing orphaned processes that survived main", "pids", orphans)
		}
	}
}

// sweep reaps orphans that end while main runs, until ctx ends: a crashing business process may leave some each time,
// and no other process reaps them. Main itself is left to the keeper.
func (s *Supervisor) sweep(ctx context.Context) {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	defer signal.Stop(ended)
	for {
		select {
		case <-ctx.Done():
			return
		case <-ended:
		}
		orphans := children()
		// Asked after the list was made: the keeper knows a main before it can be in a list.
		main := s.keeper.Status().PID
		for _, orphan := range orphans {
			if orphan != main {
				_, _ = unix.Wait4(orphan, nil, unix.WNOHANG, nil) // reaped or not yet ended, either is right
			}
		}
	}
}

// children lists the child processes of this process, including zombies.
func children() []int { return childrenOf(os.Getpid()) }

func childrenOf(parent int) []int {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // its only error is a bad pattern
	var list []int
	for _, stat := range stats {
		text, err := os.ReadFile(stat)
		if err != nil {
			continue // gone
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
		if err == nil && process.ParentIn(text) == parent {
			list = append(list, pid)
		}
	}
	return list
}
