package processes

import (
	"sync"

	"github.com/hotpair/hotpair/services/role"
)

// Fitness combines whether the host's processes can serve with what could not be made durable here. A host whose disk
// accepts no writes, or that can't write its own copy of the pair record, can't take over, so it is not fit, and
// reports that in advance.
type Fitness struct {
	machine Machine

	mu        sync.Mutex
	processes role.Fitness
	unkept    string
	disk      string
	told      bool // as the processes report
}

// NewFitness returns a Fitness that reports to a machine.
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

// Write sets why the updater's disk can't store the writes of a term; "" if it can.
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

// Keep sets why the own copy of the record can't be written; "" if it can.
func (f *Fitness) Keep(problem string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.unkept = problem
	if f.told {
		f.tell()
	}
}

// tell reports to the machine. It holds the lock, so that the latest report arrives last.
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
