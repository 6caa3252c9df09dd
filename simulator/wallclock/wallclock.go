// Package wallclock moves the wall clock that a running process reads, as if somebody had set the clock of its machine.
//
// A kernel has one wall clock for all its processes, and no namespace for it. But programs read it without the kernel, by a
// function that the kernel puts into the memory of each process (vdso(7)), Go's too. This package has that function of one
// process begin with a jump to another one, which asks the kernel and adds to what it says of CLOCK_REALTIME. The program is
// the one that ships, and it may be in the middle of anything, also of that function: what is behind the jump stays.
//
// What it does not move: times that the kernel writes itself, as those of files; what the kernel says of its clock being
// synchronised; CLOCK_MONOTONIC and CLOCK_BOOTTIME, which nobody can set on a real machine either. A process that is
// started has the machine's clock until it is moved too.
package wallclock

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

var (
	// ErrUnavailable says that clocks can't be moved on this machine.
	ErrUnavailable = errors.New("wall clocks of processes can't be moved here")
	// ErrGone says that the process has ended, or is about to become another program.
	ErrGone = errors.New("no such process")
)

// replacement is what is called instead of clock_gettime(clock edi, timespec *rsi), for amd64. The number to add comes behind it.
var replacement = []byte{
	0xb8, 0xe4, 0x00, 0x00, 0x00, // mov eax, 228: clock_gettime
	0x0f, 0x05, // syscall
	0x85, 0xff, // test edi, edi: CLOCK_REALTIME?
	0x75, 0x0e, // jne done
	0x85, 0xc0, // test eax, eax: did it work?
	0x75, 0x0a, // jne done
	0x48, 0x8b, 0x0d, 0x0a, 0x00, 0x00, 0x00, // mov rcx, [ahead]
	0x48, 0x01, 0x0e, // add [rsi], rcx: its seconds
	0xc3,                               // done: ret
	0x90, 0x90, 0x90, 0x90, 0x90, 0x90, // as far as the next multiple of eight
}

// jump is how long a jump is, in bytes: jmp rel32.
const jump = 5

// stopWithin bounds how long a process may take to stop; a busy machine needs some time.
const stopWithin = 10 * time.Second

// Set has a process read a wall clock that is so far ahead of the machine's, in whole seconds, from now on. The first time it
// stops the process for an instant. Errors: ErrGone, ErrUnavailable.
func Set(pid int, ahead time.Duration) error {
	if runtime.GOARCH != "amd64" {
		return fmt.Errorf("%w: no code for %s", ErrUnavailable, runtime.GOARCH)
	}
	at, room, err := function(pid)
	if err != nil {
		return err
	}
	memory, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_RDWR, 0)
	if err != nil {
		return gone(err)
	}
	defer memory.Close()
	number := binary.LittleEndian.AppendUint64(nil, uint64(int64(ahead/time.Second)))
	now := make([]byte, len(replacement))
	if _, err := memory.ReadAt(now, int64(room)); err != nil {
		return gone(err)
	}
	replaced := bytes.Equal(now, replacement)
	if !replaced && len(bytes.Trim(now, "\x00")) > 0 {
		return fmt.Errorf("%w: the kernel's code leaves no room for more", ErrUnavailable)
	}
	if _, err := memory.WriteAt(number, int64(room)+int64(len(replacement))); err != nil || replaced {
		return gone(err)
	}
	there := binary.LittleEndian.AppendUint32([]byte{0xe9}, uint32(room-at-jump))
	return outside(pid, at+1, at+jump, func() error {
		_, err := memory.WriteAt(replacement, int64(room))
		if err == nil {
			_, err = memory.WriteAt(there, int64(at))
		}
		return gone(err)
	})
}

// function finds clock_gettime in a process: its address, and that of room for another one, which is at the end of the kernel's code.
func function(pid int) (at, room uint64, err error) {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return 0, 0, gone(err)
	}
	var begin, end uint64
	for line := range strings.Lines(string(maps)) {
		if strings.HasSuffix(strings.TrimSpace(line), "[vdso]") {
			if _, err := fmt.Sscanf(line, "%x-%x", &begin, &end); err != nil {
				return 0, 0, fmt.Errorf("maps of %d: %w", pid, err)
			}
		}
	}
	if begin == 0 {
		return 0, 0, fmt.Errorf("%w: process %d has no vdso", ErrGone, pid)
	}
	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return 0, 0, gone(err)
	}
	defer memory.Close()
	image := make([]byte, end-begin)
	if _, err := memory.ReadAt(image, int64(begin)); err != nil {
		return 0, 0, gone(err)
	}
	file, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return 0, 0, fmt.Errorf("%w: vdso: %w", ErrUnavailable, err)
	}
	symbols, err := file.DynamicSymbols()
	if err != nil {
		return 0, 0, fmt.Errorf("%w: vdso: %w", ErrUnavailable, err)
	}
	for _, s := range symbols {
		if s.Name == "__vdso_clock_gettime" && s.Size >= jump && s.Value+s.Size <= end-begin {
			return begin + s.Value, end - uint64(len(replacement)) - 8, nil
		}
	}
	return 0, 0, fmt.Errorf("%w: vdso has no clock_gettime", ErrUnavailable)
}

// outside does something while the process stands still, with no thread between two addresses.
func outside(pid int, from, to uint64, do func() error) error {
	for late := time.Now().Add(stopWithin); ; {
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			return gone(err)
		}
		clear, err := still(pid, from, to, late)
		if err == nil && clear {
			err = do()
		}
		err = errors.Join(err, gone(syscall.Kill(pid, syscall.SIGCONT)))
		if err != nil || clear {
			return err
		}
		if time.Now().After(late) {
			return fmt.Errorf("%w: threads of %d are never outside of the function", ErrUnavailable, pid)
		}
	}
}

// still waits until all threads of a process stand, and reports whether none does so between two addresses.
func still(pid int, from, to uint64, late time.Time) (clear bool, err error) {
	for {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/syscall", pid))
		if err != nil || len(threads) == 0 {
			return false, fmt.Errorf("%w: %d (%v)", ErrGone, pid, err)
		}
		standing, clear := true, true
		for _, thread := range threads {
			stat, err := os.ReadFile(filepath.Join(filepath.Dir(thread), "stat"))
			if err != nil {
				continue // the thread has ended
			}
			state := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))[0]
			text, err := os.ReadFile(thread)
			if err != nil {
				continue
			}
			fields := strings.Fields(string(text))
			if state != "T" && state != "t" || len(fields) < 2 {
				standing = false
				break
			}
			counter, err := strconv.ParseUint(strings.TrimPrefix(fields[len(fields)-1], "0x"), 16, 64)
			if err != nil {
				return false, fmt.Errorf("%w: %q says no address", ErrUnavailable, text)
			}
			clear = clear && (counter < from || counter >= to)
		}
		if standing {
			return clear, nil
		}
		if time.Now().After(late) {
			return false, fmt.Errorf("%w: process %d does not stand still", ErrUnavailable, pid)
		}
		time.Sleep(100 * time.Microsecond)
	}
}

// gone tells that the process is gone from other faults.
func gone(err error) error {
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) || errors.Is(err, syscall.EIO) {
		return fmt.Errorf("%w: %w", ErrGone, err)
	}
	return err
}
