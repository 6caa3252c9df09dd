// Package predict finds what a role machine would do about a loss, and when, by simulation: a clone lives through the
// loss, with its orders answered as by a healthy host. So the prediction uses the same rules as the machine.
//
// It assumes the best of what can't be known: this host's disk works, its journal holds what R2 says, nothing else
// interferes.
package predict

import (
	"slices"
	"time"

	"github.com/hotpair/hotpair/services/evidence"
	"github.com/hotpair/hotpair/services/role"
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
	Step  role.Step
	Text  string
}

// Prediction is what the machine would do about a loss.
type Prediction struct {
	Loss  Loss
	Moves []Move
	// Serves: this host serves its terminals at the end. ServedAfter is how long after the loss updates go on, 0 when they
	// never stopped; -1 when this host did not come to serve.
	Serves      bool
	ServedAfter time.Duration
	Role        role.Role
	Mode        role.Mode
	InSync      []role.Member
	Active      role.Member // by the record
	Waiting     string      // why it does not serve
	Deferred    string      // what a pause held back, for how long it ever may have
	Seen        time.Duration
}

// orderTakes stands for what each order and each answer takes. The true times are those of the last takeover's events;
// this is there so that things happen one after the other.
const orderTakes = time.Millisecond

// mostMoves bounds what is told of a machine that tries again and again.
const mostMoves = 30

// beyondPause is how much of a long pause is stepped through at the usual pace before it is leapt over.
const beyondPause = 4

// After predicts what the machine would do about a loss now. It does not change the machine.
func After(m *role.Machine, loss Loss) Prediction {
	r := &trial{m: m.Clone(), loss: loss, prediction: Prediction{Loss: loss, ServedAfter: -1}}
	r.look()
	r.began, r.now, r.wall, r.other = r.inside.Now, r.inside.Now, r.inside.Wall, r.view.Peer
	r.reached, r.linked = !r.inside.ReadFailed && (r.view.HasRecord || r.inside.RegisterEmpty), r.view.Lives
	r.register, r.revision, r.empty = r.view.Record, r.view.Revision, !r.view.HasRecord
	r.live()
	return r.prediction
}

// promise is how long a host that granted a lease waits.
func promise(lease time.Duration) time.Duration { return role.Config{Lease: lease}.Times().Promise }

// trial is a clone and what it believes to be the world.
type trial struct {
	m      *role.Machine
	view   role.View // of m after its last step
	inside role.Inside
	loss   Loss
	began  time.Duration
	now    time.Duration
	wall   time.Time // at began
	queue  []planned

	linked     bool // the other main is heard
	reached    bool // the witness is
	register   role.Record
	revision   uint64
	empty      bool
	other      role.PeerView
	attached   bool // terminals are served
	prediction Prediction
}

// planned is an input on its way.
type planned struct {
	at time.Duration
	in role.Input
}

// live goes through the loss until nothing more is to be expected.
func (r *trial) live() {
	times := r.m.Times()
	r.attached = r.view.Serving
	r.hear() // the moment before: the longest promise that can be out
	r.lose()
	ends := r.began + 4*promise(max(times.Lease, r.view.Record.LongestLease)) + 2*times.Patience + times.HandOver
	for r.now < ends {
		r.deliver()
		r.step(role.Tick{})
		r.otherActs()
		r.hear()
		r.note()
		pace := times.Heartbeat
		if r.paused() && r.view.Role == role.Standby && !r.linked {
			ends = max(ends, r.view.PausedUntil+beyondPause*times.Promise)
			if r.now-r.began > beyondPause*times.Promise && len(r.queue) == 0 {
				pace = max(pace, r.view.PausedUntil-r.now-pace)
			}
		}
		next := r.now + pace
		if len(r.queue) > 0 {
			next = min(next, r.queue[0].at)
		}
		r.now = next
	}
	v, o := r.view, &r.prediction
	o.Role, o.Mode, o.InSync, o.Active, o.Seen = v.Role, v.Mode, v.Record.InSync, v.Record.Active, r.now-r.began
	if ok, why := r.m.Eligible(); !ok && v.Role != role.Active {
		o.Waiting = why
	}
	o.Serves = o.ServedAfter >= 0
}

// lose brings the loss about.
func (r *trial) lose() {
	switch r.loss {
	case OtherDies:
		r.linked = false
		r.later(role.PeerEvidence{Link: evidence.Ended, Replication: evidence.Ended})
		r.later(role.PeerEvidence{Link: evidence.Refused, Replication: evidence.Refused})
		r.updaterAlone()
	case OtherVanishes, LinkLost:
		r.linked = false
		r.later(role.PeerEvidence{Link: evidence.Silent, Replication: evidence.Silent})
		r.updaterAlone()
	case WitnessLost:
		r.reached = r.inside.Config.Witnessless // there is none to lose
	case ThisReturns:
		r.linked = false
		r.restart()
	}
}

// restart is this host after a loss of power, with what is on its disk.
func (r *trial) restart() {
	was := r.inside
	r.m = role.New(was.Config, r.now)
	r.look()
	r.attached = false
	r.later(was.Facts)
	r.later(role.Fitness{Fit: true})
	r.later(role.Terminals{Warm: was.Terminals.Warm + was.Terminals.Attached, MostEpoch: was.Terminals.MostEpoch})
}

// updaterAlone is what the updater says when the other journal is gone.
func (r *trial) updaterAlone() {
	u := r.inside.Updater
	u.Peer, u.OldestFrame, u.OwnStuck = role.Absent, 0, false
	r.later(u)
}

// hear lets both mains hear each other, as long as they do.
func (r *trial) hear() {
	if !r.linked {
		return
	}
	r.other.Steps++
	if r.view.Record.Version > r.other.Record.Version {
		r.other.Record, r.other.Revision = r.view.Record, r.view.Revision
	}
	grants := r.other.Role == role.Standby && r.view.Record.Has(r.other.Member)
	r.step(role.BeatAnswered{SentAt: r.now, Grant: grants, Peer: r.other})
	r.step(role.PeerBeat{Peer: r.other})
}

// otherActs is what the active does that this standby has lost: it goes solo after half a lease, through the witness.
func (r *trial) otherActs() {
	if r.loss != LinkLost || r.view.Role != role.Standby || r.other.Epoch == 0 || len(r.register.InSync) < 2 || r.inside.Config.Witnessless {
		return
	}
	if r.now-r.began >= r.m.Times().Unanswered {
		next := r.inside.Next
		next.InSync = []role.Member{r.other.Member}
		r.register, r.revision = next, r.revision+1
	}
}

func (r *trial) later(in role.Input) { r.after(orderTakes, in) }

func (r *trial) after(d time.Duration, in role.Input) {
	r.queue = append(r.queue, planned{r.now + d, in})
	slices.SortStableFunc(r.queue, func(a, b planned) int { return int(a.at - b.at) })
}

func (r *trial) deliver() {
	for len(r.queue) > 0 && r.queue[0].at <= r.now {
		in := r.queue[0].in
		r.queue = r.queue[1:]
		r.step(in)
	}
}

// answers reports whether updates are acknowledged and terminals answered.
func (r *trial) answers() bool {
	_, until := r.m.Right()
	return r.view.Serving && r.attached && until > r.now && (!r.inside.NeedsPeer || r.linked)
}

// note remembers since when it serves.
func (r *trial) note() {
	switch {
	case !r.answers():
		r.prediction.ServedAfter = -1
	case r.prediction.ServedAfter < 0 && r.now == r.began:
		r.prediction.ServedAfter = 0
	case r.prediction.ServedAfter < 0:
		r.prediction.ServedAfter = r.now - r.began
	}
	if r.view.Deferred != "" {
		r.prediction.Deferred = r.view.Deferred
	}
}

func (r *trial) step(in role.Input) {
	actions := r.m.Step(r.now, in)
	r.look()
	for _, action := range actions {
		r.perform(action)
	}
}

// look sees what the machine has come to.
func (r *trial) look() { r.view, r.inside = r.m.View(), r.m.Inside() }

func (r *trial) paused() bool { return r.inside.Now < r.view.PausedUntil }

// perform answers an order as a healthy host does.
func (r *trial) perform(action role.Action) {
	facts, terminals := r.inside.Facts, r.inside.Terminals
	switch a := action.(type) {
	case role.ReadRecord:
		in := role.RecordRead{Wall: r.wall.Add(r.now - r.began), Failed: !r.reached}
		if r.reached {
			in.Record, in.Revision, in.WitnessID, in.Empty = r.register, r.revision, r.view.WitnessID, r.empty
			if in.WitnessID == "" {
				in.WitnessID = r.register.WitnessID
			}
		}
		r.later(in)
	case role.WriteRecord:
		r.write(a)
	case role.AskTerminals:
		in := role.TerminalsAsked{Serial: a.Serial, Asked: terminals.Warm + terminals.Attached}
		if r.loss == LinkLost {
			in.Fresh = make([]string, in.Asked) // they see the active
		}
		r.after(min(a.Within, r.m.Times().Veto), in)
	case role.Prepare:
		end := facts.Position
		if set := r.view.Record.InSync; end.Before(a.AtLeast) && len(set) > 1 && r.view.Record.Has(r.view.Self) {
			end = a.AtLeast // R2: it is in the journal, only not told yet
		}
		r.later(role.Prepared{Serial: a.Serial, Position: end})
	case role.Serve:
		r.later(role.Served{Epoch: a.Epoch, Position: facts.Position})
	case role.AttachTerminals:
		r.attached = true
		seen := terminals
		seen.Attached, seen.Warm = seen.Attached+seen.Warm, 0
		r.later(role.TerminalsAttached{Epoch: a.Epoch, Attached: seen.Attached})
		r.later(seen)
	case role.Require:
		r.later(role.Required{Serial: a.Serial})
	case role.Drain:
		r.later(role.Drained{Serial: a.Serial, Position: facts.Position})
	case role.BecomeStandby:
		r.attached = false
	case role.Report:
		if len(r.prediction.Moves) < mostMoves {
			r.prediction.Moves = append(r.prediction.Moves, Move{After: r.now - r.began, Step: a.Step, Text: a.Text})
		}
	}
}

// write is the compare-and-set.
func (r *trial) write(a role.WriteRecord) {
	in := role.RecordWritten{Ticket: a.Ticket, Outcome: role.Unwritten}
	switch {
	case !r.reached:
	case a.Expected != r.revision && !(r.empty && a.Expected == 0):
		in.Outcome = role.Lost
	default:
		r.register, r.revision, r.empty = a.Record, r.revision+1, false
		in.Outcome, in.Revision = role.Won, r.revision
	}
	r.later(in)
}
