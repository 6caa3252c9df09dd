package role

func (m *Machine) readRecord() {
	if m.reading {
		return
	}
	m.reading = true
	m.reads++
	m.do(ReadRecord{})
}

// submit begins the one attempt that may be outstanding. Every member notes the version before it exists, so that a
// note older than the record is always the sign of old data (V11).
func (m *Machine) submit(p purpose, r Record, expected uint64) {
	m.attempt = attempt{purpose: p, record: r, expected: expected, after: m.reads == 0}
	m.write()
}

func (m *Machine) write() {
	a := &m.attempt
	a.ticket, a.waiting = m.nextSerial(), true
	m.do(WriteRecord{Ticket: a.ticket, Expected: a.expected, Record: a.record})
}

// proceedAttempt sends an attempt again whose outcome is open: a later compare-and-set of ours on the same revision
// settles it when it succeeds (R11), and what the machine wants is the same.
func (m *Machine) proceedAttempt() {
	if a := m.attempt; a.open() && !a.waiting && m.now >= a.retryAt {
		m.write()
	}
}

// dropAttempt forgets what an active wanted of the record; a takeover's attempt is not an active's.
func (m *Machine) dropAttempt() {
	if m.attempt.purpose != takeEpoch {
		m.attempt = attempt{}
	}
}
