package role

import (
	"fmt"
	"time"

	"github.com/hotpair/hotpair/services/evidence"
	"github.com/hotpair/hotpair/storage/position"
)

// Config of a Machine. All times follow from Lease.
type Config struct {
	Host string
	// PairID is proposed when two empty hosts agree to be a pair.
	PairID          string
	Lease           time.Duration
	StandbyPatience time.Duration
	RefusedIsDead   bool
	// Witnessless: there is no arbiter. Each host keeps its own copy of the record, and terminals are asked instead; see
	// witnessless.go for what that can't promise.
	Witnessless bool
}

// promise is how long a host that granted a lease does not take over on silence: longer than the lease by a margin for
// clocks that run differently.
func promise(lease time.Duration) time.Duration { return lease + lease/10 + 10*time.Millisecond }

// soloRight is how far a solo active renews its right at each interval of lease/8.
func (c Config) soloRight() time.Duration { return c.Lease / 4 }

// unanswered is when an active whose own beats get no reply gives the standby up.
func (c Config) unanswered() time.Duration { return c.Lease / 2 }

// vetoWait is how long warm terminals are waited for when the other host refuses: no answer is no veto.
const vetoWait = 10 * time.Millisecond

// readInterval is how often the record is read again.
const readInterval = time.Second

// attempt is the one compare-and-set that may be outstanding.
type attempt struct {
	ticket   uint64
	purpose  purpose
	record   Record
	expected uint64
	doubt    bool          // an outcome was unknown: it may have taken effect, or may still (R11)
	waiting  bool          // an outcome is awaited; otherwise retry at retryAt
	after    bool          // every answer to a read that comes now is to one that was sent after the attempt
	retryAt  time.Duration // when to try again
}

type purpose int

const (
	firstRecord purpose = iota
	takeEpoch
	goSolo
	addPeer
	reassert
	setPause
	moveWitness
)

// Machine is one host's view of who is active. It is made by New and changed only by Step.
type Machine struct {
	config Config
	role   Role
	since  time.Duration
	self   Member
	now    time.Duration
	out    []Action
	serial uint64
	steps  uint64
	// The mode after the last step, for those who look.
	lastMode  Mode
	modeSince time.Duration

	// What is durable here.
	facts     FactsRead
	haveFacts bool
	fit       Fitness
	stopping  bool
	stopSince time.Duration
	resigned  bool

	// The record as last known.
	record        Record
	revision      uint64
	haveRecord    bool
	registerEmpty bool
	witnessID     string
	readFailed    bool
	reading       bool
	reads         int // that are not answered yet
	readAt        time.Duration
	readOK        time.Duration // the same, of one that succeeded
	foreign       string        // why the register does not fit this host (V12)
	attempt       *attempt
	calmUntil     time.Duration // no new attempt before: the last one could not be made
	wall          time.Time     // of this host at wallAt
	wallAt        time.Duration
	pausedUntil   time.Duration // automatic takeover and hand-over are held back; 0 when not
	heldBack      string        // what the pause has held back, once reported
	wish          *Pause        // to be written to the record

	// The other host.
	peer         PeerView
	havePeer     bool
	evidence     PeerEvidence
	holder       uint64 // incarnation that was seen holding the record's epoch
	holderEpoch  uint64
	heardAt      time.Duration // last beat or reply of the other main; the time that this one overslept moves it on
	toldAt       time.Duration // likewise, and nothing moves it on
	refusal      string
	peerResigned bool
	fresh        bool // this main has not known a living term yet

	// As standby.
	promisedUntil time.Duration
	heardCommit   position.Position
	heardActive   time.Duration // last beat of an active
	takeover      *takeover
	retryAfter    time.Duration // after an unfit or failed takeover

	// As active.
	epoch       uint64 // of the term held; 0 when none
	serving     bool   // the updater serves the term
	termSince   time.Duration
	leaseUntil  time.Duration
	repliedAt   time.Duration // send time of the last own beat that was answered
	soloUntil   time.Duration
	updater     UpdaterState
	terminals   Terminals
	requirePeer bool
	add         *add
	readd       backoff
	handover    *handover
	handedOver  map[string]time.Duration // cause → when, at most once in a window (T2, T5)
	partnerOf   uint64                   // incarnation of the standby that is in the set
	noTerminals time.Duration            // since when no terminal is reached
	unseenSince time.Duration            // since when nobody sees it, without a witness
	dropping    string                   // why the standby is to leave the set, once reported
}

// New makes a machine of a main that has just started. It counts itself as having just granted the longest lease the
// pair has used, so far as it knows (V7).
func New(config Config, now time.Duration) *Machine {
	return &Machine{
		config: config, role: Starting, since: now, now: now, fresh: true,
		promisedUntil: now + promise(config.Lease), handedOver: map[string]time.Duration{}, lastMode: Waiting, modeSince: now,
	}
}

// Step takes what happened at the time now and gives what to do about it.
func (m *Machine) Step(now time.Duration, in Input) []Action {
	m.now = max(m.now, now)
	m.steps++
	m.out = nil
	switch in := in.(type) {
	case Tick:
		m.overslept(in.Late)
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
	if !m.haveRecord {
		interval = m.config.Lease / 8 // a start waits for it
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
	epoch := m.epoch
	if epoch == 0 {
		epoch = m.record.Epoch
	}
	m.do(Report{Step: step, Epoch: epoch, Text: fmt.Sprintf(format, v...)})
}

func (m *Machine) become(r Role) {
	if m.role == r {
		return
	}
	m.role, m.since = r, m.now
	m.do(SendBeat{})
}

// factsRead takes what is on disk. A main begins as standby and never resumes a term (R9); an updater that was
// restarted under a living main does.
func (m *Machine) factsRead(in FactsRead) {
	first := !m.haveFacts
	m.facts, m.haveFacts = in, true
	m.self = Member{Host: m.config.Host, Identity: in.Identity}
	switch {
	case first:
		m.become(Standby)
		m.readRecord()
	case m.role == Active:
		m.serving = false
		m.add = nil
		m.requirePeer = m.mustHold()
		m.report(B1, "the updater was restarted; the term goes on after both journals are read")
		m.do(Serve{Epoch: m.epoch, RecordVersion: m.record.Version, RequirePeer: m.requirePeer, Resume: true})
	case m.role == Handover:
		m.takeBack("the updater was restarted while handing over")
	case m.role == Takeover && m.takeover != nil:
		m.takeover.unfit = "the updater was restarted"
	}
}

// paired reports whether the record, as known, has the other host in the set with this one.
func (m *Machine) paired() bool {
	return m.haveRecord && len(m.record.InSync) > 1 && m.record.Has(m.self)
}

// partner is the other member of the set.
func (m *Machine) partner() Member {
	for _, member := range m.record.InSync {
		if member != m.self {
			return member
		}
	}
	return Member{}
}

// mustHold reports whether updates need the other host's journal: it is in the set, or an attempt to add it may have
// taken effect or may still (R11).
func (m *Machine) mustHold() bool {
	adding := m.attempt != nil && m.attempt.purpose == addPeer
	return (m.paired() || adding) && !m.peerResigned
}

// Right gives the right to answer: an epoch and the time at which it ends (R6, V4). It is a time, so it ends by itself.
func (m *Machine) Right() (epoch uint64, until time.Duration) {
	switch {
	case m.role != Active && (m.role != Handover || m.handover == nil || m.handover.drained), m.epoch == 0, m.record.Epoch != m.epoch:
		return 0, 0
	case m.mustHold():
		return m.epoch, m.leaseUntil
	case m.add != nil:
		return m.epoch, max(m.soloUntil, m.leaseUntil)
	}
	return m.epoch, m.soloUntil
}

// heard notes that something came from the other main.
func (m *Machine) heard() { m.heardAt, m.toldAt = m.now, m.now }

// overslept excuses the other main for what this one did not hear while it did not run. It only makes this host wait
// longer before it accuses; rights and promises are compared with the clock as ever.
func (m *Machine) overslept(late time.Duration) {
	if late <= 0 {
		return
	}
	if m.heardAt != 0 {
		m.heardAt = min(m.heardAt+late, m.now)
	}
	if m.epoch != 0 {
		m.repliedAt = min(m.repliedAt+late, m.now)
	}
}

// peerLives reports that the other main's reply or beat was heard within half a lease.
func (m *Machine) peerLives() bool {
	return m.havePeer && m.now-m.heardAt < m.config.unanswered() && m.evidence.Link == evidence.Connected
}
