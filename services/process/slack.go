package process

import (
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Patient is the timer slack of all processes on a host or at a terminal: the kernel ends a sleep together with other
// work, or half a millisecond late. No timer here needs more precision: events, not timers, wake what must react at
// once.
const Patient = 500 * time.Microsecond

// monitorSlack is the slack of the monitor thread of Go's runtime, in our own programs.
//
// That thread sleeps 20 µs at a time while a process is busy or has just been woken. Where each message wakes a
// process for a moment, it does little more than fall asleep and wake: a tenth and more of the processor time of a
// host. Its work (taking a processor from a thread that waits for a disk, ending the turn of a computing goroutine)
// tolerates five milliseconds.
const monitorSlack = 5 * time.Millisecond

// kernelSlack is the kernel's default: any other value was set by the operator, and is kept.
const kernelSlack = 50 * time.Microsecond

// slackAtStart is the initial slack of a child with a slack. One of this binary begins with that of its monitor
// thread, which exists before any of our code runs, and then sets that of the others (SetSlack).
func slackAtStart(slack time.Duration, own bool) time.Duration {
	if own && slack == Patient {
		return monitorSlack
	}
	return slack
}

// withSlack gives the process that start starts a timer slack; its own children inherit it. Call it on a locked
// thread. An error costs only speed, so it is ignored.
func withSlack(slack time.Duration, start func() error) error {
	if slack > 0 {
		own := threadSlack()
		if (own == kernelSlack || own == Patient) && setThreadSlack(slack) {
			defer setThreadSlack(own)
		}
	}
	return start()
}

// SetSlack sets the slack of the threads of a process that was started to be Patient, and leaves the monitor thread
// of the runtime, which runs no goroutine, its initial slack. The main function of a program calls it first.
//
// The runtime decides which thread creates the next one, and a thread created by the monitor has its slack; so this
// creates as many threads as a process of ours ever needs at a time. The runtime keeps them. A further one has timers
// that may end five milliseconds late, which does little harm.
func SetSlack() {
	if threadSlack() != monitorSlack {
		return // started by hand
	}
	const threads = 16
	// A goroutine that has locked its thread shares it with no other.
	var all sync.WaitGroup
	all.Add(threads)
	for range threads {
		go func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			setThreadSlack(Patient)
			all.Done()
			all.Wait()
		}()
	}
	all.Wait()
}

// threadSlack is the slack of the calling thread, 0 if unknown.
func threadSlack() time.Duration {
	slack, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if err != nil {
		return 0
	}
	return time.Duration(slack)
}

func setThreadSlack(slack time.Duration) bool {
	return unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(slack), 0, 0, 0) == nil
}
