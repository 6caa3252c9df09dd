package businesstest

import (
	"errors"
	"slices"
	"strings"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/keyrange"
	"github.com/hotpair/hotpair/bus/ticket"
	"github.com/hotpair/hotpair/storage/position"
)

// check refuses commits that must not reach a frame.
func check(asked ticket.Ticket, c *bus.Commit) (bus.DatabaseReply, bool) {
	refuse := func(code int, why string) (bus.DatabaseReply, bool) {
		return bus.DatabaseReply{Code: code, Message: why}, false
	}
	if len(c.Operations) > maxOperations || len(c.Conditions) > maxOperations {
		return refuse(bus.CodeTooLarge, "too many operations or conditions")
	}
	id := asked.ID
	if c.Record && id == (bus.RequestID{}) {
		return refuse(bus.CodeMalformed, "an answer can be recorded only with the ticket of a request")
	}
	if id != (bus.RequestID{}) && (id.Terminal == "" || (id.App == "") == (id.Counter == 0)) {
		return refuse(bus.CodeMalformed, "an id has a terminal, and a counter or an id of the app")
	}
	size := len(c.Answer.Body) + len(c.Answer.Message)
	for _, op := range c.Operations {
		if len(op.Key) == 0 {
			return refuse(bus.CodeMalformed, "empty key")
		}
		size += len(op.Key) + len(op.Value)
	}
	if err := c.Outbox.Validate(bus.ValidName); err != nil {
		return refuse(bus.CodeMalformed, err.Error())
	}
	if size > maxUpdate {
		return refuse(bus.CodeTooLarge, "update too large")
	}
	return bus.DatabaseReply{}, true
}

// commitFrames makes frames of what has gathered until the database is closed.
func (d *Database) commitFrames() {
	for {
		var frame []pendingCommit
		select {
		case first := <-d.arrived:
			frame = append(frame, first)
		case <-d.ended:
			return
		}
		for more := true; more && len(frame) < maxOperations; {
			select {
			case next := <-d.arrived:
				frame = append(frame, next)
			default:
				more = false
			}
		}
		if d.BeforeFrame != nil {
			d.BeforeFrame()
		}
		d.mu.Lock()
		d.calls.Frames++
		replies := make([]bus.DatabaseReply, len(frame))
		for i, p := range frame {
			replies[i] = d.commit(p.service, p.asked, p.commit)
		}
		d.mu.Unlock()
		// All is committed before anything is shown (R12).
		for i, p := range frame {
			p.answer(replies[i])
		}
	}
}

// commit decides one commit against everything before it, in the frame or committed.
func (d *Database) commit(service string, asked ticket.Ticket, c *bus.Commit) bus.DatabaseReply {
	d.calls.Commits++
	epoch := c.Epoch
	if asked.Epoch != 0 {
		epoch = asked.Epoch
	}
	if epoch != d.epoch {
		return bus.DatabaseReply{Code: bus.CodeNobody, Message: "the epoch has changed"}
	}
	if reply, done := d.executed(asked); done {
		return reply
	}
	if refusal := d.unmoved(service, c.Conditions, c.Ranges); refusal.Code != bus.CodeOK {
		return refusal
	}
	if f := c.Outbox.Fired; f != nil && d.timers[timerName{service, f.Key}].Revision != f.Revision {
		return bus.DatabaseReply{Code: bus.CodeTooOld, Message: "the timer was moved"}
	}
	if refusal := d.unknown(c.Outbox); refusal.Code != bus.CodeOK {
		return refusal
	}
	if len(c.Operations) == 0 && !c.Record && c.Outbox.IsZero() {
		return bus.DatabaseReply{}
	}
	d.sequence++
	at := d.position()
	d.leave(service, c.Outbox)
	d.emit(service, c.Outbox)
	for _, op := range c.Operations {
		d.apply(service+"/"+string(op.Key), op, at)
	}
	if asked.ID == (bus.RequestID{}) {
		return bus.DatabaseReply{Position: at}
	}
	reply := c.Answer.Reply(at)
	reply.Proof = tickets().Prove(asked, at)
	d.answers[asked.ID] = recorded{reply, asked.Digest}
	d.raise(asked.ID.Terminal, asked.Floor)
	return bus.DatabaseReply{Position: at, Proof: reply.Proof}
}

// unmoved says which conditions and which ranges do not hold, and refuses ranges that are none.
func (d *Database) unmoved(service string, conditions []bus.Condition, ranges []keyrange.Range) (reply bus.DatabaseReply) {
	switch err := keyrange.Check(ranges, maxKey); {
	case errors.Is(err, keyrange.ErrTooMuch):
		return bus.DatabaseReply{Code: bus.CodeTooLarge, Message: err.Error()}
	case err != nil:
		return bus.DatabaseReply{Code: bus.CodeMalformed, Message: err.Error()}
	}
	for _, want := range conditions {
		if !want.Holds(d.items[service+"/"+string(want.Key)].revision) {
			reply.Conflicts = append(reply.Conflicts, want.Key)
		}
	}
	for i := range ranges {
		if d.moved(service, &ranges[i]) {
			reply.Moved = append(reply.Moved, i)
		}
	}
	if len(reply.Conflicts) > 0 || len(reply.Moved) > 0 {
		reply.Code, reply.Message = bus.CodeConflict, "a condition of the commit does not hold"
	}
	return reply
}

// moved reports whether a range has changed.
func (d *Database) moved(service string, r *keyrange.Range) bool {
	var keys uint64
	prefix := service + "/" + string(r.Prefix)
	i, _ := slices.BinarySearch(d.sorted, prefix)
	for ; i < len(d.sorted) && strings.HasPrefix(d.sorted[i], prefix); i++ {
		if !r.Contains([]byte(strings.TrimPrefix(d.sorted[i], service+"/"))) {
			continue
		}
		if keys++; d.items[d.sorted[i]].revision > r.Sequence {
			return true
		}
	}
	return keys != r.Keys
}

func (d *Database) apply(key string, op bus.Operation, at position.Position) {
	_, exists := d.items[key]
	i, _ := slices.BinarySearch(d.sorted, key)
	switch {
	case op.Delete && exists:
		delete(d.items, key)
		d.sorted = slices.Delete(d.sorted, i, i+1)
	case !op.Delete:
		d.items[key] = stored{slices.Clone(op.Value), at.Sequence}
		if !exists {
			d.sorted = slices.Insert(d.sorted, i, key)
		}
	}
}

// raise forgets the answers below a terminal's lowest unanswered counter.
func (d *Database) raise(terminal string, oldest uint64) {
	before := d.oldest[terminal]
	if oldest <= before {
		return
	}
	for counter := max(before, 1); counter < oldest && counter-before < 1<<16; counter++ {
		delete(d.answers, bus.RequestID{Terminal: terminal, Counter: counter})
	}
	d.oldest[terminal] = oldest
}
