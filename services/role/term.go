package role

// renewSolo renews the right of a solo active, only while the last record it knows is its own solo term and no add is
// on its way (V4). Losing the witness does not end it.
func (m *Machine) renewSolo() {
	if m.term.serving && !m.term.add.begun() && !m.mustHold() && m.record.Epoch == m.term.epoch && m.record.Active == m.self {
		m.term.soloUntil = m.now + m.config.soloRight()
	}
}

// require tells the updater which hosts must hold a frame.
func (m *Machine) require(peer bool) {
	m.term.requirePeer = peer
	m.do(Require{Serial: m.nextSerial(), Peer: peer})
}

// stepDown ends the own term because a higher one is known (R5).
func (m *Machine) stepDown(why string) {
	m.peerResigned, m.wish = false, nil
	m.dropAttempt()
	m.become(state{role: Standby})
	m.report("", "standby: %s", why)
	m.do(BecomeStandby{Epoch: m.record.Epoch})
}

// abandonTerm gives an epoch up that could not be served; the next number follows (R1).
func (m *Machine) abandonTerm(why string) {
	m.wish = nil
	m.dropAttempt()
	m.tried = m.situation() // that the epoch was taken is no reason to try the next one sooner
	m.backOff()
	m.become(state{role: Standby})
	m.report("", "epoch %d is abandoned: %s", m.record.Epoch, why)
	m.do(BecomeStandby{Epoch: m.record.Epoch})
}

// backOff doubles the wait after takeovers that came to nothing one after the other, as long as nothing has changed that could make
// the next one succeed (mayRetry).
func (m *Machine) backOff() {
	if s := m.situation(); m.tried != s {
		m.tried, m.abandoned = s, 0
	}
	m.retryFirst, m.retryAfter = m.now+m.config.Lease/4, m.now+m.config.Lease/4<<m.abandoned
	m.abandoned = min(m.abandoned+1, longestRetry)
}
