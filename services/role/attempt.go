package role

func (m *Machine) readRecord() {
	if m.reading {
		return
	}
	m.reading, m.readAgain = true, false
	m.reads++
	m.do(ReadRecord{})
}

// askAgain reads the record, also when a read is on its way that may have been sent too early.
func (m *Machine) askAgain() {
	m.readAgain = true
	if !m.reading {
		m.readRecord()
	}
}

// submit begins the one attempt that may be outstanding. Every member notes the version before it exists, so that a
// note older than the record is always the sign of old data (V11).
func (m *Machine) submit(p purpose, r Record) { m.submitOver(p, r, m.revision, m.record) }

// submitOver is submit over another record than the one known.
func (m *Machine) submitOver(p purpose, r Record, expected uint64, over Record) {
	m.attempt = attempt{purpose: p, record: r, expected: expected, over: over, after: m.reads == 0}
	m.write()
}

func (m *Machine) write() {
	a := &m.attempt
	a.ticket, a.waiting = m.nextSerial(), true
	m.do(WriteRecord{Ticket: a.ticket, Expected: a.expected, Over: a.over, Record: a.record, Unnoted: a.purpose == reassert})
}

// proceedAttempt sends an attempt again whose outcome is open: a later compare-and-set of ours on the same revision
// settles it when it succeeds (R11), and what the machine wants is the same. While the other main has seen a newer record nothing is sent
// again, unless it is what is wanted here: what the register shows may be one that went back, and the other one may have acted by what stood
// there since.
func (m *Machine) proceedAttempt() {
	if a := m.attempt; a.open() && !a.waiting && m.now >= a.retryAt && !m.overtaken() {
		m.write()
	}
}

// overtaken: the other main has seen a newer record than what is known here, which is not the one that this host tries to write.
func (m *Machine) overtaken() bool {
	return m.peerKnowsMore() && !m.peer.Record.Equal(m.attempt.record)
}

// dropAttempt forgets what an active wanted of the record; a takeover's attempt is not an active's.
func (m *Machine) dropAttempt() {
	if m.attempt.purpose != takeEpoch {
		m.attempt = attempt{}
	}
}
