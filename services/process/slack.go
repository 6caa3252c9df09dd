package process

import (
	"time"

	"golang.org/x/sys/unix"
)

// Patient is the timer slack for everything that works on a host or at a terminal.
//
// Go's monitor thread sleeps 20 µs at a time while a process is busy or has just been woken up. Where each message wakes
// up a process for a moment, it does little else than fall asleep and wake up: about a fifth of the processor time of a
// host. With this slack the kernel ends such a sleep with other work, or half a millisecond late. Nothing here is timed
// more finely; what is to be noticed at once is noticed by its event, not by a timer.
const Patient = 500 * time.Microsecond

// kernelSlack is the kernel's default: who has another one got it from its operator, whose word counts.
const kernelSlack = 50 * time.Microsecond

// withSlack gives what start starts a timer slack; its own children inherit it. It must be called on a locked thread.
// A kernel that refuses costs speed alone, so it is not asked why.
func withSlack(slack time.Duration, start func() error) error {
	if slack > 0 {
		own, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
		if err == nil && time.Duration(own) == kernelSlack && unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(slack), 0, 0, 0) == nil {
			defer func() { _ = unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(own), 0, 0, 0) }()
		}
	}
	return start()
}
