package main

import (
	"slices"

	"github.com/hotpair/hotpair/services/membership"
	"github.com/hotpair/hotpair/services/role"
	"github.com/hotpair/hotpair/services/role/explore/brief"
	"github.com/hotpair/hotpair/services/role/explore/plan"
)

// What mainprocess does with the machine: one input at a time, the right is published, then the actions are begun.

func (w *world) step(i int, in role.Input) {
	h := &w.hosts[i]
	w.stepped(i, in, h.m.Step(h.clock, in))
}

// stepped is what the driver does after each step.
func (w *world) stepped(i int, in role.Input, actions []role.Action) {
	h := &w.hosts[i]
	if w.trace != nil {
		if _, quiet := in.(role.Tick); !quiet {
			w.say("    %s ← %T%s", h.name, in, brief.Of(in))
		}
	}
	w.publish(i)
	for _, a := range actions {
		w.perform(i, a)
	}
}

// publish gives terminal-if the right to answer. It may be slow to learn that the right has become shorter.
func (w *world) publish(i int) {
	h := &w.hosts[i]
	if _, until := h.m.Right(); h.attached && !h.muted && until > h.right {
		h.right = until
	}
}

func (w *world) perform(i int, action role.Action) {
	h := &w.hosts[i]
	if w.trace != nil {
		if r, ok := action.(role.Report); ok {
			w.say("      %s %-2s %s", h.name, r.Step, r.Text)
		} else {
			w.say("      %s → %T%s", h.name, action, brief.Of(action))
		}
	}
	switch a := action.(type) {
	case role.ReadRecord:
		h.reads = append(h.reads, w.shown(i))
	case role.WriteRecord:
		w.submit(i, a)
	case role.SendBeat:
		w.sendBeat(i)
	case role.AskTerminals:
		h.asked = a.Serial
	case role.Prepare, role.Release, role.Serve, role.Require, role.Drain, role.BecomeStandby:
		if _, resign := a.(role.BecomeStandby); resign {
			h.right, h.attached = 0, false // terminal-if gets an order of its own
		}
		if d, drain := a.(role.Drain); drain && d.RightsOnly {
			w.silence(i)
			h.later = append(h.later, role.Drained{Serial: d.Serial})
			return
		}
		if !h.upd.up {
			w.unanswered(i, action)
			return
		}
		h.orders = append(h.orders, action)
	case role.AttachTerminals:
		h.attached = true
		w.publish(i)
	case role.WriteFacts:
		if h.upd.up {
			h.disk.pair, h.disk.version = a.PairID, max(h.disk.version, a.RecordVersion)
			if a.Epoch > h.disk.epoch {
				h.disk.epoch = a.Epoch
				if h.upd.state == standby { // else it may come after the order that is under way
					h.upd.grant = 0
				}
			}
			if a.Record != nil && !w.rules.Witnessless {
				h.disk.record = *a.Record
			}
		}
		if a.Record != nil && w.rules.Witnessless {
			w.learnCopy(i, *a.Record)
		}
	case role.Resign:
		if h.upd.up {
			if w.rules.Broken != plan.ResignUnnoted {
				h.disk.note = a.Note
			}
			w.tell(i, role.Resigned{From: w.member(i)})
		}
	case role.TellPeer:
		switch {
		case a.CantTake:
			w.tell(i, role.HandOverRefused{Reason: a.Cause})
		case a.HandOver != nil:
			w.tell(i, *a.HandOver)
		}
	case role.Exit:
		h.exiting = true
	}
}

// submit makes the note durable, then sends the compare-and-set.
func (w *world) submit(i int, a role.WriteRecord) {
	h := &w.hosts[i]
	if h.upd.up && w.rules.Broken != plan.NoteAfter && (a.Record.NeedsNote() && !a.Unnoted || w.rules.Broken == plan.NotePause) {
		h.disk.note = membership.Note{Version: a.Record.Version, Epoch: a.Record.Epoch}
		if a.Expected > 0 {
			h.disk.pair = a.Record.PairID
		}
	}
	if !h.upd.up || !w.witnessOpen(i) {
		h.later = append(h.later, role.RecordWritten{Ticket: a.Ticket, Outcome: role.Unwritten})
		return
	}
	v := h.m.View()
	w.requests = append(w.requests, request{host: i, run: h.run, write: a, informed: v.Lives && v.Peer.Seen > v.Seen})
}

// arbitrate applies a request at the arbiter.
func (w *world) arbitrate(k int) {
	q := w.requests[k]
	if w.rules.Witnessless && !w.mayStore(k) {
		return
	}
	w.requests = slices.Delete(w.requests, k, k+1)
	in := role.RecordWritten{Ticket: q.write.Ticket, Outcome: role.Lost}
	switch {
	case w.rules.Witnessless:
		in = w.store(q)
	case q.write.Expected == w.register.revision && q.write.Over.Equal(w.register.record) && q.write.Record.WitnessID == w.register.id:
		w.respectsPause(q)
		w.acceptLoss(q)
		w.accept(q)
		in.Outcome, in.Revision = role.Won, w.register.revision
		w.say("      the record: version %d epoch %d active %s in sync %s", q.write.Record.Version, q.write.Record.Epoch, q.write.Record.Active.Host, brief.Hosts(q.write.Record.InSync))
	}
	if q.ghost || w.hosts[q.host].run != q.run || !w.hosts[q.host].up {
		return
	}
	w.answers = append(w.answers, answer{host: q.host, run: q.run, in: in})
}

// giveUp: the sender does not wait any longer, the request is still on its way.
func (w *world) giveUp(k int) {
	q := w.requests[k]
	w.requests[k].ghost = true
	w.step(q.host, role.RecordWritten{Ticket: q.write.Ticket, Outcome: w.doubt()})
}

// lost: the answer does not arrive.
func (w *world) lost(k int) {
	a := w.answers[k]
	w.answers = slices.Delete(w.answers, k, k+1)
	w.step(a.host, role.RecordWritten{Ticket: a.in.Ticket, Outcome: w.doubt()})
}

func (w *world) doubt() role.Outcome {
	if w.rules.Broken == plan.DoubtIsFailure {
		return role.Unwritten
	}
	return role.InDoubt
}

func (w *world) answerRead(i int, r register) {
	h := &w.hosts[i]
	h.reads = h.reads[1:]
	if !w.witnessOpen(i) || w.rules.Witnessless && !h.own.Known {
		w.step(i, role.RecordRead{Wall: wall(h.clock), Failed: true})
		return
	}
	w.step(i, r.read(h.clock))
}

// unanswered ends an order whose process is down.
func (w *world) unanswered(i int, action role.Action) {
	const down = "the updater is down"
	h := &w.hosts[i]
	switch a := action.(type) {
	case role.Prepare:
		h.later = append(h.later, role.Prepared{Serial: a.Serial, Unfit: down})
	case role.Serve:
		h.later = append(h.later, role.Served{Epoch: a.Epoch, Failure: down})
	case role.Require:
		h.later = append(h.later, role.Required{Serial: a.Serial, Failure: down})
	case role.Drain:
		h.later = append(h.later, role.Drained{Serial: a.Serial, Failure: down})
	}
}
