// Package ranges decides whether ranges of keys are still as they were read: in the committed state and in the frame in
// the making. One frame looks at keyrange.MostKeys keys for ranges, so that who read much does not hold up the rest. It is pure.
package ranges

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/keyrange"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/history"
)

// mostKeys bounds the conditions of a scan: as many keys as one read gives.
const mostKeys = 1024

// State is the committed state at one position.
type State interface {
	Revision(space string, key []byte) uint64
	Walk(space string, prefix, after []byte) iter.Seq[storage.Item]
}

// Refuse gives the reply for ranges that could hold nowhere, nil for those that might.
func Refuse(wanted []keyrange.Range) *bus.DatabaseReply {
	switch err := keyrange.Check(wanted, history.MaxKey); {
	case errors.Is(err, keyrange.ErrTooMuch):
		return &bus.DatabaseReply{Code: bus.CodeTooLarge, Message: err.Error()}
	case err != nil:
		return &bus.DatabaseReply{Code: bus.CodeMalformed, Message: err.Error()}
	}
	return nil
}

// Outcome is what became of the ranges of one call.
type Outcome struct {
	// Reply has CodeConflict and the numbers of the ranges that do not hold, or refuses. CodeOK: all hold.
	Reply bus.DatabaseReply
	// Drafted: the frame writes into the ranges. Deferred: that may be why they do not hold.
	Drafted, Deferred bool
	// Full: what this frame may look at is used up. They were not decided and belong into the next.
	Full bool
}

// Frame decides the ranges of all commits of a frame in the making.
type Frame struct {
	// End is the last sequence of the committed state.
	End uint64

	looked  uint64
	noted   int // entries in written
	written index
}

// Left tells the revision that a frame in the making leaves a key with, 0 for none; written: it writes that key.
type Left func(key string) (revision uint64, written bool)

// Decide decides the ranges of one commit, which Refuse has let pass. entries are the frame so far, and left is what they leave.
func (f *Frame) Decide(s State, space string, wanted []keyrange.Range, entries []history.Stored, left Left) Outcome {
	begun := f.looked > 0 || len(entries) > 0
	if begun && f.looked+keyrange.Cost(wanted) > keyrange.MostKeys || !f.note(entries) {
		return Outcome{Full: true}
	}
	var o Outcome
	for i := range wanted {
		r := &wanted[i]
		if r.Sequence > f.End {
			return Outcome{Reply: bus.DatabaseReply{Code: bus.CodeMalformed, Message: fmt.Sprintf(
				"a range at sequence %d, but only %d is committed", r.Sequence, f.End)}}
		}
		some, moved := f.drafted(space, r, left)
		deleted := false
		if !moved && f.looked <= keyrange.MostKeys {
			moved, deleted = f.committed(s, space, r, some, left)
		}
		o.Drafted, o.Deferred = o.Drafted || some, o.Deferred || some && moved
		switch {
		case moved:
			o.Reply.Moved = append(o.Reply.Moved, i)
		case f.looked <= keyrange.MostKeys:
		case begun:
			return Outcome{Full: true}
		case deleted: // what was deleted is not looked at any more in a moment
			return Outcome{Reply: bus.DatabaseReply{Code: bus.CodeOverloaded, Message: "many deleted keys of a range are being cleaned up"}}
		default:
			return Outcome{Reply: bus.DatabaseReply{Code: bus.CodeTooLarge, Message: keyrange.TooManyKeys}}
		}
	}
	if n := len(o.Reply.Moved); n > 0 {
		o.Reply.Code, o.Reply.Message = bus.CodeConflict, fmt.Sprintf("%d of %d ranges have changed since they were read", n, len(wanted))
	}
	return o
}

// note enters the keys that entries write which came since the last call. It is false when they are too many to look at.
func (f *Frame) note(entries []history.Stored) bool {
	var names []string
	for ; f.noted < len(entries); f.noted++ {
		e := &entries[f.noted].Entry
		if f.looked += uint64(len(e.Effects) + len(e.Outbox)); f.looked > keyrange.MostKeys {
			return false
		}
		for space, effect := range e.Changes() {
			names = append(names, under(space)+string(effect.Key))
		}
	}
	f.written.add(names)
	return true
}

// under precedes the keys of a space; the length keeps one space from beginning like another.
func under(space string) string { return string([]byte{byte(len(space))}) + space }

// drafted looks for keys of a range that the frame writes. What it puts is newer than any range; moved: there is such a key.
func (f *Frame) drafted(space string, r *keyrange.Range, left Left) (some, moved bool) {
	before := under(space)
	from := r.Prefix
	if bytes.Compare(r.After, from) > 0 {
		from = r.After
	}
	f.written.from(before+string(from), func(names []string) bool {
		for _, name := range names {
			f.looked++
			key, ok := strings.CutPrefix(name, before)
			switch {
			case ok && string(r.After) == key:
				continue
			case !ok || !r.Contains([]byte(key)):
				return true // this run has no more of them
			}
			some = true
			revision, _ := left(key)
			if moved = revision != 0; moved || f.looked > keyrange.MostKeys {
				return false
			}
		}
		return true
	})
	return some, moved
}

// committed compares a range with the committed state, without what the frame deletes if it deletes some. moved counts when
// it is found within the budget, or when the budget is not used up.
func (f *Frame) committed(s State, space string, r *keyrange.Range, some bool, left Left) (moved, deleted bool) {
	var keys uint64
	for item := range s.Walk(space, r.Prefix, r.After) {
		if f.looked += 1 + uint64(len(item.Value))>>10; f.looked > keyrange.MostKeys {
			return false, deleted
		}
		switch {
		case r.Ends(item.Key):
			return keys != r.Keys, deleted
		case item.Revision == 0:
			deleted = true
			continue
		case some:
			if _, gone := left(string(item.Key)); gone {
				continue
			}
		}
		if keys++; keys > r.Keys || item.Revision > r.Sequence {
			return true, deleted
		}
	}
	f.looked++ // the end
	return keys != r.Keys, deleted
}

// Unmoved gives the reply for conditions and ranges that do not hold at the committed position with a sequence, and refuses
// those that could hold nowhere; nil: all hold.
func Unmoved(s State, sequence uint64, space string, conditions []bus.Condition, wanted []keyrange.Range) *bus.DatabaseReply {
	if refused := Refuse(wanted); refused != nil {
		return refused
	} else if len(conditions) > mostKeys {
		return &bus.DatabaseReply{Code: bus.CodeTooLarge, Message: fmt.Sprintf("%d conditions on a scan, at most %d", len(conditions), mostKeys)}
	}
	f := Frame{End: sequence}
	reply := f.Decide(s, space, wanted, nil, nil).Reply
	for _, want := range conditions {
		if !want.Holds(s.Revision(space, want.Key)) {
			reply.Conflicts = append(reply.Conflicts, want.Key)
		}
	}
	if len(reply.Conflicts) > 0 && reply.Code == bus.CodeOK {
		reply.Code, reply.Message = bus.CodeConflict, fmt.Sprintf("%d of %d conditions do not hold", len(reply.Conflicts), len(conditions))
	}
	if reply.Code == bus.CodeOK {
		return nil
	}
	return &reply
}
