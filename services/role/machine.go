package role

import (
	"fmt"
	"time"
)

// Machine is one host's view of who is active. It is made by New and changed only by Step. All of it is values, or never
// changed in place, so a copy is another machine.
type Machine struct {
	config Config
	self   Member
	now    time.Duration
	out    []Action
	serial uint64
	steps  uint64
	// The mode after the last step, for those who look.
	lastMode  Mode
	modeSince time.Duration

	thisHost
	otherHost
	pairRecord
	outliving
	state
}

// New returns the machine of a main that has just started. It counts itself as having just granted the longest lease
// that the pair is known to have used (V7).
func New(config Config, now time.Duration) *Machine {
	return &Machine{
		config: config, now: now, lastMode: Waiting, modeSince: now,
		state:    state{role: Starting, since: now},
		thisHost: thisHost{fresh: true}, pairRecord: pairRecord{register: register{current: true}},
		outliving: outliving{promisedUntil: now + promise(config.Lease)},
	}
}

func (m *Machine) do(a Action) { m.out = append(m.out, a) }

func (m *Machine) nextSerial() uint64 { m.serial++; return m.serial }

// open is report for the first step of a takeover or hand-over.
func (m *Machine) open(step Step, format string, v ...any) {
	m.report(step, format, v...)
	first := m.out[len(m.out)-1].(Report)
	first.Opens = true
	m.out[len(m.out)-1] = first
}

func (m *Machine) report(step Step, format string, v ...any) {
	epoch := m.term.epoch
	if epoch == 0 {
		epoch = m.record.Epoch
	}
	m.do(Report{Step: step, Epoch: epoch, Text: fmt.Sprintf(format, v...)})
}

// become takes another role. Nothing of the one before is left but what s carries over.
func (m *Machine) become(s state) {
	s.since = m.now
	m.state = s
	m.do(SendBeat{})
}
