package processes

import (
	"sync"

	"github.com/hotpair/hotpair/services/role"
)

// Fitness joins what the host's processes are able to do with what could not be made durable here: a host whose disk takes nothing, or whose own copy
// of the pair record can't be written, can't take the role, so it is not fit, and says so before it must.
type Fitness struct {
	machine Machine

	mu        sync.Mutex
	processes role.Fitness
	unkept    string
	disk      string
	told      bool // by the processes
}

// NewFitness makes it.
func NewFitness(machine Machine) *Fitness { return &Fitness{machine: machine} }

// Give implements Machine.
func (f *Fitness) Give(in role.Input) {
	fit, ok := in.(role.Fitness)
	if !ok {
		f.machine.Give(in)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.processes, f.told = fit, true
	f.tell()
}

// Write takes why the updater's disk would not take what a term writes; "" when it would.
func (f *Fitness) Write(problem string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.disk == problem {
		return
	}
	f.disk = problem
	if f.told {
		f.tell()
	}
}

// Keep takes why the own copy of the record can't be written; "" when it can.
func (f *Fitness) Keep(problem string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.unkept = problem
	if f.told {
		f.tell()
	}
}

// tell tells the machine. It holds the lock, so that the machine hears the last word last.
func (f *Fitness) tell() {
	fit := f.processes
	if fit.Fit && f.unkept != "" {
		fit = role.Fitness{Why: f.unkept}
	}
	if fit.Fit && f.disk != "" {
		fit = role.Fitness{Why: f.disk}
	}
	f.machine.Give(fit)
}
