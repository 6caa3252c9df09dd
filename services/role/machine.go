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

// open reports whether there is one.
func (a *attempt) open() bool { return a.purpose != none }

type purpose int

const (
	none purpose = iota
	firstRecord
	takeEpoch
	goSolo
	addPeer
	reassert
	setPause
	moveWitness
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

// state is what belongs to the role of the moment. It is replaced as a whole when the role changes, so that nothing of an
// earlier role is left standing.
type state struct {
	role     Role
	since    time.Duration
	takeover takeover // of a host in Takeover
	term     term     // of one in Active and Handover, which carries it on
	handover handover // of one in Handover
}

// term is what an active knows of the epoch that it holds.
type term struct {
	epoch       uint64 // 0: none is held
	serving     bool   // the updater serves it
	since       time.Duration
	leaseUntil  time.Duration
	repliedAt   time.Duration // send time of the last own beat that was answered
	soloUntil   time.Duration
	requirePeer bool
	add         add
	partnerOf   uint64        // incarnation of the standby that is in the set
	noTerminals time.Duration // since when no terminal is reached
	unseenSince time.Duration // since when nobody sees it, without a witness
	dropping    string        // why the standby is to leave the set, once reported
}

// outliving is what holds beyond the role in which it began, on purpose.
type outliving struct {
	// promisedUntil: a promise binds whatever the host has become since (V4, V7).
	promisedUntil time.Duration
	// retryAfter is when a host that was unfit, or failed, may take over again; being active in between, by a hand-over, does
	// not make it fitter.
	retryAfter time.Duration
	// readd: a standby that breaks the pair again and again waits longer each time, in the next term too (T7).
	readd backoff
	// handedOver: one cause leads to one hand-over only, in whatever term (T2, T5).
	handedOver handOvers
	// wish is a pause that is to be written to the record. It outlives a takeover by which the active itself takes the next
	// epoch, because its updater could not resume the term.
	wish *Pause
}

// thisHost is what is known of this host: what is durable, and what its processes say.
type thisHost struct {
	facts     FactsRead
	haveFacts bool
	fit       Fitness
	updater   UpdaterState
	terminals Terminals
	fresh     bool // this main has not known a living term yet
	stopping  bool
	stopSince time.Duration
	resigned  bool
}

// pairRecord is the record as last known, the register that keeps it, and what is being written to it.
type pairRecord struct {
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
	attempt       attempt
	calmUntil     time.Duration // no new attempt before: the last one could not be made
	wall          time.Time     // of this host at wallAt
	wallAt        time.Duration
	pausedUntil   time.Duration // automatic takeover and hand-over are held back; 0 when not
	heldBack      string        // what the pause has held back, once reported
}

// otherHost is what is known of the other host, whatever role either has.
type otherHost struct {
	peer         PeerView
	havePeer     bool
	evidence     PeerEvidence
	holder       uint64 // incarnation that was seen holding the record's epoch
	holderEpoch  uint64
	heardAt      time.Duration     // last beat or reply of the other main; the time that this one overslept moves it on
	toldAt       time.Duration     // likewise, and nothing moves it on
	heardActive  time.Duration     // last beat of an active
	heardCommit  position.Position // highest position that it has called acknowledged
	refusal      string
	peerResigned bool
}

// New makes a machine of a main that has just started. It counts itself as having just granted the longest lease the
// pair has used, so far as it knows (V7).
func New(config Config, now time.Duration) *Machine {
	return &Machine{
		config: config, now: now, lastMode: Waiting, modeSince: now,
		state:     state{role: Starting, since: now},
		thisHost:  thisHost{fresh: true},
		outliving: outliving{promisedUntil: now + promise(config.Lease)},
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

// factsRead takes what is on disk. A main begins as standby and never resumes a term (R9); an updater that was
// restarted under a living main does.
func (m *Machine) factsRead(in FactsRead) {
	first := !m.haveFacts
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
		m.report(B1, "the updater was restarted; the term goes on after both journals are read")
		m.do(Serve{Epoch: m.term.epoch, RecordVersion: m.record.Version, RequirePeer: m.term.requirePeer, Resume: true})
	case m.role == Handover:
		m.takeBack("the updater was restarted while handing over")
	case m.role == Takeover:
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
	adding := m.attempt.purpose == addPeer
	return (m.paired() || adding) && !m.peerResigned
}

// Right gives the right to answer: an epoch and the time at which it ends (R6, V4). It is a time, so it ends by itself.
func (m *Machine) Right() (epoch uint64, until time.Duration) {
	switch {
	case m.role != Active && (m.role != Handover || m.handover.drained), m.term.epoch == 0, m.record.Epoch != m.term.epoch:
		return 0, 0
	case m.mustHold():
		return m.term.epoch, m.term.leaseUntil
	case m.term.add.begun():
		return m.term.epoch, max(m.term.soloUntil, m.term.leaseUntil)
	}
	return m.term.epoch, m.term.soloUntil
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
	if m.term.epoch != 0 {
		m.term.repliedAt = min(m.term.repliedAt+late, m.now)
	}
}

// peerLives reports that the other main's reply or beat was heard within half a lease.
func (m *Machine) peerLives() bool {
	return m.havePeer && m.now-m.heardAt < m.config.unanswered() && m.evidence.Link == evidence.Connected
}
