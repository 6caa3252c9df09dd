package process

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Priority says how a child stands beside what else wants the machine's processors.
type Priority int

const (
	// Ordinary is that of every other program.
	Ordinary Priority = iota
	// Prompt is for the processes that hand each request on: every one of them that waits for its turn holds up the request, and it
	// passes several.
	Prompt
	// Urgent is for a process that does little, and whose delay others take for its death: it goes before whatever wants all
	// of the machine. Main is the one.
	Urgent
)

// Nice values. An urgent process has nearly ten times the share of an ordinary one, and is far from what the kernel needs for itself; a prompt
// one has three times the share.
const (
	urgent = -10
	prompt = -5
)

func (p Priority) nice() int {
	switch p {
	case Urgent:
		return urgent
	case Prompt:
		return prompt
	}
	return 0
}

// withPriority gives what start starts its nice value; threads and children inherit it, so it must be called on a locked
// thread. Whoever runs at another value than ours got it from its operator, whose word counts. Going before others is a
// privilege (CAP_SYS_NICE, or LimitNICE= of a systemd unit); without it a child starts all the same.
func withPriority(p Priority, start func() error) error {
	const thisThread = 0
	// The kernel gives 20 - nice, so that it is never negative.
	raw, err := unix.Getpriority(unix.PRIO_PROCESS, thisThread)
	if err != nil {
		return start()
	}
	own, wanted := 20-raw, p.nice()
	if own != wanted && (own == 0 || own == urgent) && unix.Setpriority(unix.PRIO_PROCESS, thisThread, wanted) == nil {
		// An urgent process may come back to where it was; whoever lacks the privilege never went down from there.
		defer func() { _ = unix.Setpriority(unix.PRIO_PROCESS, thisThread, own) }()
	}
	return start()
}

// behind is the nice value of a process that goes behind others: a tenth of the share of an ordinary one, and more than nothing.
const behind = 10

// Behind has this process go behind whatever else wants processors or disks. It is for one that nobody waits for. Threads that are made later
// inherit it from those that make them. Where it is not allowed nothing changes.
func Behind() {
	const ofProcess, bestEffort, last = 1, 2 << 13, 7 // of ioprio_set(2): a thread by its id, class, level
	for done := map[string]bool{}; ; {
		fresh := false
		tasks, _ := os.ReadDir("/proc/self/task")
		for _, t := range tasks {
			id, err := strconv.Atoi(t.Name())
			if err != nil || done[t.Name()] {
				continue
			}
			fresh, done[t.Name()] = true, true
			_ = unix.Setpriority(unix.PRIO_PROCESS, id, behind)
			_, _, _ = unix.Syscall(unix.SYS_IOPRIO_SET, ofProcess, uintptr(id), bestEffort|last)
		}
		if !fresh {
			return
		}
	}
}
