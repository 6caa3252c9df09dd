package role

import "time"

// Step handles an input at the time now and returns the actions to perform.
func (m *Machine) Step(now time.Duration, in Input) []Action {
	m.now = max(m.now, now)
	m.steps++
	m.out = nil
	switch in := in.(type) {
	case Tick:
		m.stalled(in.Stalled)
	case FactsRead:
		m.factsRead(in)
	case RecordRead:
		m.recordRead(in)
	case RecordWritten:
		m.recordWritten(in)
	case PeerBeat:
		m.peerBeat(in.Peer)
	case BeatAnswered:
		m.beatAnswered(in)
	case PeerEvidence:
		m.evidence = in
	case TerminalsAsked:
		m.terminalsAsked(in)
	case Prepared:
		m.prepared(in)
	case Served:
		m.served(in)
	case TerminalsAttached:
		m.attached(in)
	case Required:
		m.required(in)
	case Drained:
		m.drained(in)
	case UpdaterState:
		m.updater = in
		if in.Note.Version > m.facts.Note.Version || in.Note.Out != m.facts.Note.Out {
			m.facts.Note = in.Note
		}
		m.facts.Inconsistent = in.Inconsistent
	case Fitness:
		m.fit = in
	case Terminals:
		m.terminals = in
	case ProcessFailed:
		m.processFailed(in)
	case HandOver:
		m.handOver(in)
	case Resigned:
		if m.paired() && in.From == m.partner() {
			m.peerResigned = true
		}
	case SwitchoverWanted:
		m.switchoverWanted(in)
	case HandOverRefused:
		if m.role == Handover {
			m.takeBack(in.Reason)
		}
	case ForceWanted:
		m.forceWanted(in)
	case AdmitWanted:
		m.admitWanted(in)
	case WitnessWanted:
		m.witnessWanted(in)
	case PauseWanted:
		m.pauseWanted(in)
	case StopWanted:
		if !m.stopping {
			m.stopping, m.stopSince = true, m.now
		}
	}
	m.proceed()
	if mode := m.mode(); mode != m.lastMode {
		m.lastMode, m.modeSince = mode, m.now
	}
	return m.out
}

// proceed looks at what is due, whatever the input was.
func (m *Machine) proceed() {
	if !m.haveFacts || m.role == Stopped {
		return
	}
	m.endPause()
	m.proceedAttempt()
	interval := readInterval
	if !m.haveRecord || m.register.loss != intact || m.readFailed && m.abandoned > 0 {
		interval = m.config.Lease / 8 // a start waits for it, or a takeover
	}
	if !m.reading && (m.readAt == 0 || m.now-m.readAt >= interval) {
		m.readRecord()
	}
	switch m.role {
	case Standby:
		m.proceedStandby()
	case Takeover:
		m.proceedTakeover()
	case Active:
		m.proceedActive()
	case Handover:
		m.proceedHandover()
	}
}

// factsRead takes what is on disk. A main begins as standby and never resumes a term (R9); an updater that was
// restarted under a living main does.
func (m *Machine) factsRead(in FactsRead) {
	first := !m.haveFacts
	if m.haveRecord && in.RecordVersion <= m.record.Version {
		in.RecordVersion, in.Record = m.record.Version, m.record // known, and being written down
	}
	m.facts, m.haveFacts = in, true
	m.self = Member{Host: m.config.Host, Identity: in.Identity}
	switch {
	case first:
		m.become(state{role: Standby})
		m.readRecord()
	case m.role == Active:
		m.term.serving = false
		m.term.add = add{}
		m.term.requirePeer = m.mustHold()
		m.report(B1, "the updater was restarted; the term continues after both journals are read")
		m.do(Serve{Epoch: m.term.epoch, RecordVersion: m.record.Version, RequirePeer: m.term.requirePeer, Resume: true})
	case m.role == Handover:
		m.takeBack("the updater was restarted while handing over")
	case m.role == Takeover:
		m.takeover.unfit = "the updater was restarted"
	}
}

// stalled excuses the other main for what this one did not hear while it did not run. It only makes this host wait
// longer before it accuses; rights and promises are compared with the clock as ever.
func (m *Machine) stalled(late time.Duration) {
	if late <= 0 {
		return
	}
	if late >= m.config.Lease/4 {
		m.losesSight()
	}
	if m.heardAt != 0 {
		m.heardAt = min(m.heardAt+late, m.now)
	}
	if m.term.epoch != 0 {
		m.term.repliedAt = min(m.term.repliedAt+late, m.now)
	}
}
