package process

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Priority is the scheduling priority of a child.
type Priority int

const (
	// Ordinary is the priority of any other program.
	Ordinary Priority = iota
	// Prompt is for the processes that relay each request: while one of them waits for a processor, so does the
	// request, which passes several of them.
	Prompt
	// Urgent is for a process that does little, but whose delay others would mistake for its death: it precedes all
	// other programs of the machine. Only main has it.
	Urgent
)

// Nice values. An urgent process has nearly ten times the share of an ordinary one, but far less than the kernel
// needs for itself; a prompt one has three times the share.
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

// withPriority gives the process that start starts its nice value; threads and children inherit it, so call it on a
// locked thread. A process whose nice value was already changed by its operator keeps it. A higher priority is a
// privilege (CAP_SYS_NICE, or LimitNICE= of a systemd unit); without it the child starts all the same.
func withPriority(p Priority, start func() error) error {
	const thisThread = 0
	// The kernel gives 20 - nice, so that it is never negative.
	raw, err := unix.Getpriority(unix.PRIO_PROCESS, thisThread)
	if err != nil {
		return start()
	}
	own, wanted := 20-raw, p.nice()
	if own != wanted && (own == 0 || own == urgent) && unix.Setpriority(unix.PRIO_PROCESS, thisThread, wanted) == nil {
		// An urgent process may return to its previous value; without the privilege the value was never changed.
		defer func() { _ = unix.Setpriority(unix.PRIO_PROCESS, thisThread, own) }()
	}
	return start()
}

// behind is the nice value of a background process: a tenth of the share of an ordinary one, but more than nothing.
const behind = 10

// Behind gives this process the lowest priority for processors and disks. It is for a process that nothing waits for.
// Later threads inherit it from those that create them. Where it is not allowed, nothing changes.
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
