package role_test

import (
	"strings"
	"time"

	"github.com/hotpair/hotpair/services/evidence"
	"github.com/hotpair/hotpair/services/membership"
	. "github.com/hotpair/hotpair/services/role"
	"github.com/hotpair/hotpair/storage/position"
)

// What a driver and its processes do, as the stories need it: every action is performed, in order, with small delays.

func (h *testHost) start() {
	h.run++
	h.alive, h.frozen, h.inbox = true, false, nil
	h.serving, h.needPeer, h.noted, h.asking, h.fenced = 0, false, false, nil, false
	h.m = New(Config{Host: h.name, Witnessless: h.w.witnessless, PairID: "pair-" + h.name, Lease: h.lease, StandbyPatience: 2 * time.Second, RefusedIsDead: true}, h.w.now)
	h.w.after(10*time.Millisecond, h, func() { h.step(h.facts()) })
	h.w.after(20*time.Millisecond, h, func() { h.step(Fitness{Fit: true}); h.seeTerminals() })
	h.beatEvery()
	h.workEvery()
	if o := h.w.other(h); o.alive && !h.w.cut {
		h.w.after(latency, h, func() { h.step(PeerEvidence{Link: evidence.Connected, Replication: evidence.Connected}) })
		h.w.after(latency, o, func() { o.step(PeerEvidence{Link: evidence.Connected, Replication: evidence.Connected}) })
	}
}

func (h *testHost) facts() FactsRead {
	return FactsRead{Identity: h.disk.identity, PairID: h.disk.pair, Epoch: max(h.disk.epoch, h.disk.read), Note: h.disk.note, RecordVersion: h.disk.version, Record: h.disk.own,
		Position: at(h.disk.epoch, h.disk.log), Empty: h.disk.log == 0}
}

func (h *testHost) kill() {
	h.alive = false
	h.serving = 0
	o := h.w.other(h)
	if o.alive && !h.w.cut {
		run := h.run
		h.w.after(latency, o, func() {
			o.noted, o.asking = false, nil
			o.step(PeerEvidence{Link: evidence.Ended, Replication: evidence.Ended})
			if h.alive && h.run != run && !h.w.cut { // late: a connection begins after the one before has ended
				o.step(PeerEvidence{Link: evidence.Connected, Replication: evidence.Connected})
			}
		})
		h.w.after(2*latency, o, func() {
			if !h.alive && h.run == run {
				o.step(PeerEvidence{Link: evidence.Refused, Replication: evidence.Refused})
			}
		})
	}
}

// updaterGone: it died, and what is started in its place does not come up.
func (h *testHost) updaterGone() {
	h.gone, h.serving, h.noted, h.asking = true, 0, false, nil
	h.step(UpdaterState{Committed: h.m.View().Committed})
	h.step(Fitness{Why: "the updater is not ready"})
	h.step(ProcessFailed{Process: "updater"})
}

func (h *testHost) updaterRestart() {
	if h.gone {
		h.gone = false
		h.step(Fitness{Fit: true})
	}
	h.serving, h.noted, h.asking = 0, false, nil
	h.step(UpdaterState{Note: membership.Note{}})
	h.w.after(10*time.Millisecond, h, func() { h.step(h.facts()) })
}

// testTerminal is a terminal, as far as a pair without a witness asks it.
type testTerminal struct {
	name     string
	attached string // host
	epoch    uint64
	reached  map[string]bool
}

// seeTerminals tells the machine which terminals its host reaches.
func (h *testHost) seeTerminals() {
	if !h.w.witnessless {
		if h.m.Inside().Terminals == (Terminals{}) {
			h.step(Terminals{Warm: 1})
		}
		return
	}
	var seen Terminals
	var accepted []uint64
	for _, t := range h.w.terminals {
		switch {
		case !t.reached[h.name]:
			seen.Unreachable++
			continue
		case t.attached == h.name:
			seen.Attached++
		default:
			seen.Warm++
		}
		accepted = append(accepted, t.epoch)
	}
	seen.MostEpoch = membership.MostAccepted(accepted)
	h.step(seen)
}

func (h *testHost) askTerminals(serial uint64) TerminalsAsked {
	r := TerminalsAsked{Serial: serial, Fresh: h.fresh}
	for _, t := range h.w.terminals {
		if !t.reached[h.name] {
			continue
		}
		r.Asked++
		if o := h.w.other(h); t.attached == o.name && o.alive && t.reached[o.name] {
			r.Fresh = append(r.Fresh, t.name)
		}
	}
	return r
}

func (h *testHost) attachTerminals(epoch uint64) {
	for _, t := range h.w.terminals {
		if t.reached[h.name] && epoch >= t.epoch {
			t.attached, t.epoch = h.name, epoch
		}
	}
}

// localRevision is the revision of a record in a register of the host's own.
func localRevision(r Record) uint64 { return r.Epoch<<24 | r.Version }

func (h *testHost) beatEvery() {
	h.step(Tick{})
	if h.w.witnessless {
		h.seeTerminals()
	}
	h.beat()
	h.w.after(h.lease/8, h, h.beatEvery)
}

func (h *testHost) connected() bool { o := h.w.other(h); return o.alive && !h.w.cut }

func (h *testHost) view() PeerView {
	v := h.m.View()
	return PeerView{Member: Member{Host: h.name, Identity: v.Self.Identity}, Incarnation: uint64(h.run), Steps: v.Steps, PairID: v.PairID, WitnessID: v.WitnessID, Role: v.Role, Epoch: v.Epoch,
		Known: v.Known, Record: v.Record, Revision: v.Revision, Seen: v.Seen, Pending: v.Pending, Reads: v.Reads, Committed: at(v.Record.Epoch, min(h.disk.log, h.w.acked)), Position: at(0, h.disk.log),
		Empty: h.m.Role() != Starting && h.disk.log == 0 && !v.HasRecord, Fresh: v.Fresh, Unserved: v.Unserved, Fit: v.Fit.Fit, Unfit: v.Fit.Why, Stopping: v.Stopping, Resigned: v.Resigned, Lease: h.lease, Terminals: 1}
}

func (h *testHost) beat() {
	if !h.connected() {
		return
	}
	o, sent, view := h.w.other(h), h.w.now, h.view()
	h.w.after(latency, o, func() {
		actions := o.m.Step(h.w.now, PeerBeat{Peer: view})
		var grant bool
		for _, a := range actions {
			if a, ok := a.(AnswerBeat); ok {
				grant = a.Grant
			}
		}
		reply := o.view()
		if h.connected() {
			h.w.after(latency, h, func() { h.step(BeatAnswered{SentAt: sent, Grant: grant, Peer: reply}) })
		}
		o.perform(actions)
	})
}

// workEvery is the terminals' load: an update each 10 ms while the host serves, acknowledged when all required have it.
func (h *testHost) workEvery() {
	o := h.w.other(h)
	if h.serving != 0 {
		_, until := h.m.Right()
		// The journal of the other host refuses a lower epoch and whoever it has fenced (R5).
		reach := h.connected() && !o.frozen && !o.gone && !o.fenced && max(o.disk.epoch, o.disk.read) <= h.serving
		waits := h.needPeer && !(reach && h.noted && !o.stalled)
		if !waits && !h.stuck {
			h.waiting = 0
		} else if h.waiting == 0 {
			h.waiting = h.w.now
		}
		switch {
		case waits, h.stuck:
		case until <= h.w.now:
		default:
			h.disk.log++
			if h.serving >= h.w.forced {
				h.w.acked = h.disk.log
			}
			if h.needPeer {
				o.disk.log = h.disk.log
			}
		}
		state := UpdaterState{Position: at(h.serving, h.disk.log), Committed: at(h.serving, h.w.acked), Note: h.disk.note, Peer: Absent}
		if h.waiting != 0 {
			state.OldestFrame, state.OwnStuck = h.w.now-h.waiting, h.stuck
		}
		if h.writing {
			state.OldestFrame, state.OwnStuck = time.Millisecond, true
		}
		if reach && o.m.Role() != Starting && o.m.Role() == Standby && !o.fenced {
			if h.since == 0 {
				h.since = h.w.now
			}
			state.Peer = Behind
			if h.w.now-h.since >= 50*time.Millisecond {
				state.Peer = Close
				if h.needPeer && !o.stalled {
					h.noted = true
					o.disk.log = h.disk.log // what waits for it is sent first
					state.Peer = Awaited
				}
			}
		} else {
			h.since, h.noted = 0, false
		}
		if a := h.asking; a != nil && h.noted {
			h.asking = nil
			o.disk.note = a.Membership
			h.w.after(latency, o, func() { o.step(UpdaterState{Note: o.disk.note, Position: at(0, o.disk.log)}) })
			h.w.after(2*latency, h, func() { h.step(Required{Serial: a.Serial}) })
		}
		h.step(state)
	}
	h.w.after(10*time.Millisecond, h, h.workEvery)
}

func (h *testHost) step(in Input) { h.perform(h.m.Step(h.w.now, in)) }

func (h *testHost) later(in Input) { h.w.after(latency, h, func() { h.step(in) }) }

func (h *testHost) perform(actions []Action) {
	w := h.w
	for _, action := range actions {
		switch a := action.(type) {
		case ReadRecord:
			w.after(latency, h, func() {
				if w.witnessless {
					h.step(RecordRead{Wall: w.wall(), Record: h.disk.own, Revision: localRevision(h.disk.own), Empty: h.disk.own.Version == 0})
					return
				}
				if !w.register.up {
					h.step(RecordRead{Wall: w.wall(), Failed: true})
					return
				}
				h.step(RecordRead{Wall: w.wall(), Record: w.register.record, Revision: w.register.revision, WitnessID: w.register.id, Empty: w.register.record.Version == 0})
			})
		case WriteRecord:
			h.write(a)
		case SendBeat:
			w.after(0, h, h.beat)
		case AskTerminals:
			h.later(h.askTerminals(a.Serial))
		case Prepare:
			h.fenced = true
			p := Prepared{Serial: a.Serial, Position: at(h.disk.epoch, h.disk.log)}
			if h.refuseIn {
				p.Unfit = "disk full"
			}
			if h.damaged = h.damaged && !a.Repair; h.damaged {
				p.Unfit, p.Damaged = "the journal is damaged", true
			}
			// Positions of the world carry the sequence only.
			p.Position.Epoch = 1 << 20
			h.later(p)
		case Release:
			h.fenced = false
		case Serve:
			w.after(5*latency, h, func() {
				h.disk.epoch, h.serving, h.needPeer, h.fenced = a.Epoch, a.Epoch, a.RequirePeer, false
				h.noted, h.since = a.RequirePeer && h.connected(), 0
				h.step(Served{Epoch: a.Epoch, Position: at(a.Epoch, h.disk.log)})
			})
		case AttachTerminals:
			h.attachTerminals(a.Epoch)
			h.later(TerminalsAttached{Epoch: a.Epoch, Attached: 1})
		case Require:
			h.needPeer = a.Peer
			if a.Peer {
				h.asking = &a
			} else {
				h.asking, h.noted = nil, false
			}
		case Drain:
			w.after(3*latency, h, func() {
				if a.RightsOnly {
					h.step(Drained{Serial: a.Serial})
					return
				}
				h.serving = 0
				h.disk.note = a.Membership
				h.step(Drained{Serial: a.Serial, Position: at(1<<19, h.disk.log)})
			})
		case BecomeStandby:
			h.serving, h.needPeer, h.asking, h.fenced = 0, false, nil, false
		case WriteFacts:
			h.disk.pair, h.disk.version, h.disk.read = a.PairID, max(h.disk.version, a.RecordVersion), max(h.disk.read, a.Epoch)
			if a.Record != nil {
				h.disk.own = *a.Record
			}
		case Resign:
			h.disk.note = a.Note
			if o := w.other(h); h.connected() {
				w.after(latency, o, func() { o.step(Resigned{From: h.m.View().Self}) })
			}
		case TellPeer:
			h.tell(a)
		case Refuse:
			w.say("%s refuses: %s", h.name, a.Reason)
		case Report:
			w.say("%s %-2s %s", h.name, a.Step, a.Text)
		case Exit:
			w.say("%s exits", h.name)
			w.after(latency, h, h.kill)
		}
	}
}

// known is the record that stands where the host writes.
func (h *testHost) known() Record {
	if h.w.witnessless {
		return h.disk.own
	}
	return h.w.register.record
}

// force: what a forced promotion leaves out is not acknowledged any more, neither is what the old active still does.
func (w *world) force(h *testHost, before, written Record, outcome Outcome) {
	member := Member{Host: h.name, Identity: h.disk.identity}
	if outcome == Unwritten || outcome == Lost || written.Epoch <= before.Epoch || written.Active != member {
		return
	}
	if before.Version > 0 && !before.Has(member) || before.Version == 0 && written.Version > 1 {
		w.forced, w.acked = written.Epoch, h.disk.log
	}
	if before.Version < w.top && h.disk.log < w.acked && w.forced < written.Epoch {
		clear(w.taken) // its epoch may have been the other's
		w.say("not promised: %d acknowledged updates are lost, because %s alone goes by a record that went back", w.acked-h.disk.log, h.name)
		w.forced, w.acked = written.Epoch, h.disk.log
	}
}

func (h *testHost) write(a WriteRecord) {
	w := h.w
	if a.Record.NeedsNote() && !a.Unnoted {
		h.disk.note = membership.Note{Version: a.Record.Version, Epoch: a.Record.Epoch}
	}
	w.after(latency, nil, func() {
		r := RecordWritten{Ticket: a.Ticket, Outcome: Unwritten}
		before := h.known()
		switch {
		case w.witnessless && localRevision(h.disk.own) != a.Expected:
			r.Outcome = Lost
		case w.witnessless:
			h.disk.own = a.Record
			r.Outcome, r.Revision = Won, localRevision(a.Record)
		case !w.register.up, a.Record.WitnessID != w.register.id:
		case w.register.revision != a.Expected || !w.register.record.Equal(a.Over):
			r.Outcome = Lost
		default:
			w.register.revision++
			w.register.older = append(w.register.older, w.register.record)
			w.register.record = a.Record
			r.Outcome, r.Revision = Won, w.register.revision
			if w.register.swallow {
				w.register.swallow = false
				r.Outcome = InDoubt
			}
		}
		w.force(h, before, a.Record, r.Outcome)
		if h.alive {
			h.later(r)
		}
	})
}

func (h *testHost) tell(a TellPeer) {
	o := h.w.other(h)
	if a.CantTake && h.connected() {
		h.w.after(latency, o, func() { o.step(HandOverRefused{Reason: a.Cause}) })
		return
	}
	if a.HandOver == nil || !h.connected() {
		return
	}
	h.w.after(latency, o, func() {
		o.step(*a.HandOver)
		if o.m.Role() != Takeover {
			h.later(HandOverRefused{Reason: "it is " + string(o.m.Role())})
		}
	})
}

func at(epoch, sequence uint64) position.Position {
	return position.Position{Epoch: epoch, Sequence: sequence}
}

func names(members []Member) string {
	var hosts []string
	for _, member := range members {
		hosts = append(hosts, member.Host)
	}
	return strings.Join(hosts, ",")
}
