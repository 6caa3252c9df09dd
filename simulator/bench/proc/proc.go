// Package proc tells what running processes cost: processor, memory, bytes, threads, as /proc counts them.
//
// A process that ends meanwhile is left out, since there is nothing to be read any more.
package proc

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process is a running process.
type Process struct {
	PID  int
	Name string // its arguments without the program, as "business kv"; the program's name where it has none
}

// Own is the processor time that this process has had.
func Own() time.Duration {
	var u syscall.Rusage
	// An error would say that the arguments are wrong.
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// ticks of the kernel's clock in a second, as /proc counts.
const ticks = 100

// Group lists the processes of process groups.
func Group(pgids ...int) []Process {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var found []Process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		fields := stat(pid)
		if len(fields) < 3 || fields[0] == "Z" || fields[0] == "X" {
			continue
		}
		if pgid, err := strconv.Atoi(fields[2]); err == nil && slices.Contains(pgids, pgid) {
			found = append(found, Process{PID: pid, Name: name(pid)})
		}
	}
	return found
}

// name calls a process by its arguments.
func name(pid int) string {
	text, err := os.ReadFile(path(pid, "cmdline"))
	if err != nil {
		return "?"
	}
	argv := strings.Split(strings.TrimRight(string(text), "\x00"), "\x00")
	if len(argv) < 2 {
		return filepath.Base(argv[0])
	}
	// "business kv" is told from "business ledger", but options are no name.
	words := slices.Clone(argv[1:])
	if i := slices.IndexFunc(words, func(w string) bool { return strings.HasPrefix(w, "-") }); i >= 0 {
		words = words[:i]
	}
	if len(words) == 0 {
		return filepath.Base(argv[0])
	}
	return strings.Join(words, " ")
}

func path(pid int, file string) string { return filepath.Join("/proc", strconv.Itoa(pid), file) }

// stat gives the fields of /proc/PID/stat from the state on; none when there is no such process.
func stat(pid int) []string {
	text, err := os.ReadFile(path(pid, "stat"))
	if err != nil {
		return nil
	}
	return strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
}

// Usage is what a process has used since its start.
type Usage struct {
	CPU    time.Duration // of all its threads
	Passed int64         // bytes that it gave to the kernel by write calls: files, sockets, pipes
	Disk   int64         // bytes that it caused to be written to a disk
}

// Plus adds two usages up.
func (u Usage) Plus(v Usage) Usage { return Usage{u.CPU + v.CPU, u.Passed + v.Passed, u.Disk + v.Disk} }

// Minus takes one usage from another.
func (u Usage) Minus(v Usage) Usage {
	return Usage{u.CPU - v.CPU, u.Passed - v.Passed, u.Disk - v.Disk}
}

// UsageOf gives what a process has used. Bytes are 0 where the kernel does not tell them.
func UsageOf(pid int) Usage {
	var u Usage
	if f := stat(pid); len(f) > 12 {
		user, _ := strconv.ParseInt(f[11], 10, 64) // the kernel writes numbers
		system, _ := strconv.ParseInt(f[12], 10, 64)
		u.CPU = time.Duration(user+system) * (time.Second / ticks)
	}
	values := labelled(path(pid, "io"))
	u.Passed, u.Disk = values["wchar"], values["write_bytes"]
	return u
}

// PSS is the proportional share of a process's memory in bytes: what several share counts once for all of them.
func PSS(pid int) int64 { return labelled(path(pid, "smaps_rollup"))["Pss"] << 10 }

// Threads counts the threads of a process.
func Threads(pid int) int64 { return labelled(path(pid, "status"))["Threads"] }

// Memory is that of the machine in bytes.
func Memory() int64 { return labelled("/proc/meminfo")["MemTotal"] << 10 }

// labelled reads a file of lines "label: number …".
func labelled(name string) map[string]int64 {
	f, err := os.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	values := map[string]int64{}
	for scanner := bufio.NewScanner(f); scanner.Scan(); {
		label, rest, found := strings.Cut(scanner.Text(), ":")
		fields := strings.Fields(rest)
		if !found || len(fields) == 0 {
			continue
		}
		if v, err := strconv.ParseInt(fields[0], 10, 64); err == nil {
			values[label] = v
		}
	}
	return values
}

// Meter measures what processes use from its making on.
type Meter struct {
	list   map[string][]Process
	before map[int]Usage
	began  time.Time
}

// NewMeter begins to measure processes that belong to somebody each, as "host a".
func NewMeter(list map[string][]Process) *Meter {
	m := &Meter{list: list, before: map[int]Usage{}, began: time.Now()}
	for _, processes := range list {
		for _, p := range processes {
			m.before[p.PID] = UsageOf(p.PID)
		}
	}
	return m
}

// Read gives what was used since, by owner and name of the process, and how long that took.
func (m *Meter) Read() (used map[string]map[string]Usage, took time.Duration) {
	used = map[string]map[string]Usage{}
	for owner, processes := range m.list {
		used[owner] = map[string]Usage{}
		for _, p := range processes {
			if now := UsageOf(p.PID); now.CPU > 0 {
				used[owner][p.Name] = used[owner][p.Name].Plus(now.Minus(m.before[p.PID]))
			}
		}
	}
	return used, time.Since(m.began)
}

// Total adds usages up.
func Total(used map[string]Usage) Usage {
	var total Usage
	for _, u := range used {
		total = total.Plus(u)
	}
	return total
}

// Children lists the processes that a process has started and that still run.
func Children(pid int) []Process {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var found []Process
	for _, e := range entries {
		child, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if fields := stat(child); len(fields) > 1 && fields[1] == strconv.Itoa(pid) && fields[0] != "Z" {
			found = append(found, Process{PID: child, Name: name(child)})
		}
	}
	return found
}
