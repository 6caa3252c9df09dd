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

// reap waits until this process has no child at all, but for what process.Expendable says that nobody has to wait for. It is called while no main runs, so every child is an orphan that
// the kernel handed over. Those that do not end by themselves are killed; a child's id can't become another's before
// it is reaped, so they can't be missed.
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
			s.Unit.Alive() // it waits for the kernel, and watches
			orphans := children()
			if !slices.ContainsFunc(orphans, func(orphan int) bool { return !killed[orphan] || !process.Stuck(orphan) }) {
				s.Logger.Error("what was killed hangs in the kernel, is of no more use to anybody, and is not waited for", "pids", orphans)
				return nil // swept up when it ends
			}
			for _, orphan := range orphans {
				killed[orphan] = true
				_ = unix.Kill(orphan, unix.SIGKILL) // it may have ended this moment, which is as good
			}
			s.Logger.Error("orphans of main survived it and are killed", "pids", orphans)
		}
	}
}

// sweep reaps orphans that end while main runs, until ctx ends: a business process that crashes may leave some each
// time, and nobody else waits for them. Main itself is left to the keeper.
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
		// Asked after the list was made: the keeper names a main before it can be in a list.
		main := s.keeper.Status().PID
		for _, orphan := range orphans {
			if orphan != main {
				_, _ = unix.Wait4(orphan, nil, unix.WNOHANG, nil) // reaped or not yet ended, either is right
			}
		}
	}
}

// children lists the processes whose parent is this one, ended ones that nobody has reaped included.
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
