package mainprocess

import (
	"sync"

	"github.com/hotpair/hotpair/services/role"
)

// fitness joins what the host's processes are able to do with what this main can't have made durable: a host whose own copy of the
// pair record can't be written can't take the role, so it is not fit, and says so.
type fitness struct {
	driver *driver

	mu        sync.Mutex
	processes role.Fitness
	unkept    string
	told      bool // by the processes
}

// Give implements processes.Machine.
func (f *fitness) Give(in role.Input) {
	fit, ok := in.(role.Fitness)
	if !ok {
		f.driver.Give(in)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.processes, f.told = fit, true
	f.tell()
}

// keep takes why the own copy of the record can't be written; "" when it can.
func (f *fitness) keep(problem string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.unkept = problem
	if f.told {
		f.tell()
	}
}

// tell tells the machine. It holds the lock, so that the machine hears the last word last.
func (f *fitness) tell() {
	fit := f.processes
	if fit.Fit && f.unkept != "" {
		fit = role.Fitness{Why: f.unkept}
	}
	f.driver.Give(fit)
}
