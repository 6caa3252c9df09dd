package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ErrAlive means that processes still hold the lifeline.
var ErrAlive = errors.New("descendants are still alive")

// Lifeline is a pipe that tells when the last descendant of a child is gone: all of them hold its writing end, and
// the reading end meets its end when the kernel has closed the last. It needs no list of processes, so it can't miss one.
type Lifeline struct {
	read, write *os.File
	link        string // as the links in /proc/PID/fd name this pipe
}

// NewLifeline makes a lifeline. Hand FD to the child, call Release after its start.
func NewLifeline() (*Lifeline, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("lifeline: %w", err)
	}
	l := &Lifeline{read: read, write: write}
	var stat unix.Stat_t
	if err := unix.Fstat(int(write.Fd()), &stat); err != nil {
		return nil, errors.Join(fmt.Errorf("lifeline: %w", err), l.Close())
	}
	l.link = fmt.Sprintf("pipe:[%d]", stat.Ino)
	return l, nil
}

// FD is the descriptor for Spec.LifelineFD; it is valid until Release.
func (l *Lifeline) FD() int { return int(l.write.Fd()) }

// Release gives up this process's own hold, once the child has one.
func (l *Lifeline) Release() error {
	if err := l.write.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("lifeline: %w", err)
	}
	return nil
}

// Wait waits until nobody holds the lifeline. When ctx ends before, the error is ErrAlive; Wait may be called again.
func (l *Lifeline) Wait(ctx context.Context) error {
	if err := l.read.SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("lifeline: %w", err)
	}
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(interrupted)
		_ = l.read.SetReadDeadline(time.Unix(1, 0)) // fails only on a closed pipe, which ends the read too
	})
	defer func() {
		if !stop() {
			<-interrupted
		}
	}()
	buffer := make([]byte, 512)
	for {
		_, err := l.read.Read(buffer) // whatever a confused program wrote
		switch {
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded):
			return fmt.Errorf("lifeline: %w: %w", ErrAlive, context.Cause(ctx))
		case errors.Is(err, os.ErrClosed):
			return fmt.Errorf("lifeline: %w", err)
		default: // end of file
			return nil
		}
	}
}

// Kill kills every process that holds the lifeline, and tells which. It finds them by the pipe itself, never by name
// or by a remembered id, so it can't hit a stranger. Descriptors of a process that has called Seal can't be seen; one that
// descends from this process is one of ours and holds the lifeline. This process is spared.
func (l *Lifeline) Kill() ([]int, error) {
	directories, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, fmt.Errorf("lifeline: %w", err)
	}
	var killed []int
	for _, directory := range directories {
		pid, err := strconv.Atoi(filepath.Base(directory))
		if err != nil || pid == os.Getpid() {
			continue
		}
		// The handle comes first: from here on it is this process or none, whoever gets the id afterwards.
		process, err := os.FindProcess(pid)
		if err != nil {
			continue
		}
		if open, hidden := l.openIn(directory); (open || hidden && descends(pid)) && process.Signal(syscall.SIGKILL) == nil {
			killed = append(killed, pid)
		}
		_ = process.Release()
	}
	return killed, nil
}

// openIn looks for the pipe among a process's descriptors; hidden: they can't be seen.
func (l *Lifeline) openIn(directory string) (open, hidden bool) {
	descriptors, err := os.ReadDir(filepath.Join(directory, "fd"))
	if err != nil {
		return false, errors.Is(err, fs.ErrPermission)
	}
	for _, descriptor := range descriptors {
		if link, err := os.Readlink(filepath.Join(directory, "fd", descriptor.Name())); err == nil && link == l.link {
			return true, false
		}
	}
	return false, false
}

// descends reports whether this process is an ancestor of another one.
func descends(pid int) bool {
	for pid > 1 {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return false // gone
		}
		if pid = ParentIn(text); pid == os.Getpid() {
			return true
		}
	}
	return false
}

// ParentIn finds the parent in the text of /proc/PID/stat: the second field after the name, which is in parentheses
// and may hold anything. It is 0 when there is none.
func ParentIn(stat []byte) int {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 2 {
		return 0
	}
	parent, err := strconv.Atoi(string(fields[1]))
	if err != nil {
		return 0
	}
	return parent
}

// Close gives up the lifeline. It may be called again.
func (l *Lifeline) Close() error {
	if err := l.read.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return errors.Join(fmt.Errorf("lifeline: %w", err), l.Release())
	}
	return l.Release()
}
