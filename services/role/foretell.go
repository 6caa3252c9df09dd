package role

import (
	"slices"
	"time"

	"github.com/hotpair/hotpair/services/evidence"
)

// Loss is something that may be lost next.
type Loss string

// Losses. The other host dies when its processes end and its machine refuses connections; it vanishes when nothing
// answers any more, as without power or cable.
const (
	OtherDies     Loss = "other-dies"
	OtherVanishes Loss = "other-vanishes"
	LinkLost      Loss = "link-lost" // both live and reach the witness
	WitnessLost   Loss = "witness-lost"
	ThisReturns   Loss = "this-returns" // both lost power, and only this one comes back
)

// Move is something that the machine would report, and when after the loss.
type Move struct {
	After time.Duration
	Step  Step
	Text  string
}

// Outlook is what the machine would do about a loss. It is found by asking it: a clone lives through the loss.
type Outlook struct {
	Loss  Loss
	Moves []Move
	// Serves: this host serves its terminals at the end. ServedAfter is how long after the loss updates go on, 0 when they
	// never stopped; -1 when this host did not come to serve.
	Serves      bool
	ServedAfter time.Duration
	Role        Role
	Mode        Mode
	InSync      []Member
	Active      Member // by the record
	Waiting     string // why it does not serve
	HeldBack    string // what a pause held back, for how long it ever may have
	Seen        time.Duration
}

// orderTakes stands for what each order and each answer takes. The true times are those of the last takeover's events;
// this is there so that things happen one after the other.
const orderTakes = time.Millisecond

// mostMoves bounds what is told of a machine that tries again and again.
const mostMoves = 30

// beyondPause is how much of a long pause is stepped through at the usual pace before it is leapt over.
const beyondPause = 4

// Foretell says what this machine would do if that were lost now. The machine itself is left as it is. What it can't know
// is taken as it is best: this host's disk works, its journal holds what R2 says, nobody else interferes.
func (m *Machine) Foretell(loss Loss) Outlook {
	r := &rehearsal{m: m.Clone(), loss: loss, began: m.now, now: m.now, other: m.peer}
	r.outlook = Outlook{Loss: loss, ServedAfter: -1}
	r.reached, r.linked = !m.readFailed && (m.haveRecord || m.registerEmpty), m.peerLives()
	r.register, r.revision, r.empty = m.record, m.revision, !m.haveRecord
	r.wall = m.wallNow()
	r.live()
	return r.outlook
}

// rehearsal is a clone and what it believes to be the world.
type rehearsal struct {
	m     *Machine
	loss  Loss
	began time.Duration
	now   time.Duration
	wall  time.Time // at began
	queue []planned

	linked   bool // the other main is heard
	reached  bool // the witness is
	register Record
	revision uint64
	empty    bool
	other    PeerView
	attached bool // terminals are served
	outlook  Outlook
}

// planned is an input on its way.
type planned struct {
	at time.Duration
	in Input
}

// live goes through the loss until nothing more is to be expected.
func (r *rehearsal) live() {
	lease := r.m.config.Lease
	r.attached = r.m.role == Active && r.m.term.serving
	r.hear() // the moment before: the longest promise that can be out
	r.lose()
	ends := r.began + 4*promise(max(lease, r.m.record.LongestLease)) + 2*r.m.config.StandbyPatience + handOverDeadline(lease)
	tick := lease / 8
	for r.now < ends {
		r.deliver()
		r.step(Tick{})
		r.otherActs()
		r.hear()
		r.note()
		pace := tick
		if r.m.paused() && r.m.role == Standby && !r.linked {
			ends = max(ends, r.m.pausedUntil+beyondPause*promise(lease))
			if r.now-r.began > beyondPause*promise(lease) && len(r.queue) == 0 {
				pace = max(tick, r.m.pausedUntil-r.now-tick)
			}
		}
		next := r.now + pace
		if len(r.queue) > 0 {
			next = min(next, r.queue[0].at)
		}
		r.now = next
	}
	m, o := r.m, &r.outlook
	o.Role, o.Mode, o.InSync, o.Active, o.Seen = m.role, m.lastMode, m.record.InSync, m.record.Active, r.now-r.began
	if ok, why := m.Eligible(); !ok && m.role != Active {
		o.Waiting = why
	}
	o.Serves = o.ServedAfter >= 0
}

// lose brings the loss about.
func (r *rehearsal) lose() {
	switch r.loss {
	case OtherDies:
		r.linked = false
		r.later(PeerEvidence{Link: evidence.Ended, Replication: evidence.Ended})
		r.later(PeerEvidence{Link: evidence.Refused, Replication: evidence.Refused})
		r.updaterAlone()
	case OtherVanishes, LinkLost:
		r.linked = false
		r.later(PeerEvidence{Link: evidence.Silent, Replication: evidence.Silent})
		r.updaterAlone()
	case WitnessLost:
		r.reached = r.m.config.Witnessless // there is none to lose
	case ThisReturns:
		r.linked = false
		r.restart()
	}
}

// restart is this host after a loss of power, with what is on its disk.
func (r *rehearsal) restart() {
	was := r.m
	facts := was.facts
	facts.Position = was.position()
	facts.Epoch = max(facts.Epoch, was.term.epoch)
	r.m = New(was.config, r.now)
	r.m.wall, r.m.wallAt = was.wall, was.wallAt
	r.attached = false
	r.later(facts)
	r.later(Fitness{Fit: true})
	r.later(Terminals{Warm: was.terminals.Warm + was.terminals.Attached, HighestEpoch: was.terminals.HighestEpoch})
}

// updaterAlone is what the updater says when the other journal is gone.
func (r *rehearsal) updaterAlone() {
	u := r.m.updater
	u.Peer, u.OldestFrame, u.OwnStuck = Absent, 0, false
	r.later(u)
}

// hear lets both mains hear each other, as long as they do.
func (r *rehearsal) hear() {
	if !r.linked {
		return
	}
	r.other.Steps++
	if r.m.record.Version > r.other.Record.Version {
		r.other.Record, r.other.Revision = r.m.record, r.m.revision
	}
	grants := r.other.Role == Standby && r.m.record.Has(r.other.Member)
	r.step(BeatAnswered{SentAt: r.now, Grant: grants, Peer: r.other})
	r.step(PeerBeat{Peer: r.other})
}

// otherActs is what the active does that this standby has lost: it goes solo after half a lease, through the witness.
func (r *rehearsal) otherActs() {
	if r.loss != LinkLost || r.m.role != Standby || r.other.Epoch == 0 || len(r.register.InSync) < 2 || r.m.config.Witnessless {
		return
	}
	if r.now-r.began >= r.m.config.unanswered() {
		next := r.m.next()
		next.InSync = []Member{r.other.Member}
		r.register, r.revision = next, r.revision+1
	}
}

func (r *rehearsal) later(in Input) { r.after(orderTakes, in) }

func (r *rehearsal) after(d time.Duration, in Input) {
	r.queue = append(r.queue, planned{r.now + d, in})
	slices.SortStableFunc(r.queue, func(a, b planned) int { return int(a.at - b.at) })
}

func (r *rehearsal) deliver() {
	for len(r.queue) > 0 && r.queue[0].at <= r.now {
		in := r.queue[0].in
		r.queue = r.queue[1:]
		r.step(in)
	}
}

// answers reports whether updates are acknowledged and terminals answered.
func (r *rehearsal) answers() bool {
	_, until := r.m.Right()
	return r.m.role == Active && r.m.term.serving && r.attached && until > r.now && (!r.m.term.requirePeer || r.linked)
}

// note remembers since when it serves.
func (r *rehearsal) note() {
	switch {
	case !r.answers():
		r.outlook.ServedAfter = -1
	case r.outlook.ServedAfter < 0 && r.now == r.began:
		r.outlook.ServedAfter = 0
	case r.outlook.ServedAfter < 0:
		r.outlook.ServedAfter = r.now - r.began
	}
	if r.m.heldBack != "" {
		r.outlook.HeldBack = r.m.heldBack
	}
}

func (r *rehearsal) step(in Input) {
	for _, action := range r.m.Step(r.now, in) {
		r.perform(action)
	}
}

// perform answers an order as a healthy host does.
func (r *rehearsal) perform(action Action) {
	m := r.m
	switch a := action.(type) {
	case ReadRecord:
		in := RecordRead{Wall: r.wall.Add(r.now - r.began), Failed: !r.reached}
		if r.reached {
			in.Record, in.Revision, in.WitnessID, in.Empty = r.register, r.revision, m.witnessID, r.empty
			if in.WitnessID == "" {
				in.WitnessID = r.register.WitnessID
			}
		}
		r.later(in)
	case WriteRecord:
		r.write(a)
	case AskTerminals:
		in := TerminalsAsked{Serial: a.Serial, Asked: m.terminals.Warm + m.terminals.Attached}
		if r.loss == LinkLost {
			in.Fresh = make([]string, in.Asked) // they see the active
		}
		r.after(min(a.Within, vetoWait), in)
	case Prepare:
		end := m.position()
		if end.Before(a.AtLeast) && m.paired() {
			end = a.AtLeast // R2: it is in the journal, only not told yet
		}
		r.later(Prepared{Serial: a.Serial, Position: end})
	case Serve:
		r.later(Served{Epoch: a.Epoch, Position: m.position()})
	case AttachTerminals:
		r.attached = true
		seen := m.terminals
		seen.Attached, seen.Warm = seen.Attached+seen.Warm, 0
		r.later(TerminalsAttached{Epoch: a.Epoch, Attached: seen.Attached})
		r.later(seen)
	case Require:
		r.later(Required{Serial: a.Serial})
	case Drain:
		r.later(Drained{Serial: a.Serial, Position: m.position()})
	case BecomeStandby:
		r.attached = false
	case Report:
		if len(r.outlook.Moves) < mostMoves {
			r.outlook.Moves = append(r.outlook.Moves, Move{After: r.now - r.began, Step: a.Step, Text: a.Text})
		}
	}
}

// write is the compare-and-set.
func (r *rehearsal) write(a WriteRecord) {
	in := RecordWritten{Ticket: a.Ticket, Outcome: Unwritten}
	switch {
	case !r.reached:
	case a.Expected != r.revision && !(r.empty && a.Expected == 0):
		in.Outcome = Lost
	default:
		r.register, r.revision, r.empty = a.Record, r.revision+1, false
		in.Outcome, in.Revision = Won, r.revision
	}
	r.later(in)
}
