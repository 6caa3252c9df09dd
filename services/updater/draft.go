package updater

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/updater/ranges"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

const (
	// frameBytes bounds the stored bytes of the entries of one frame: 4 MiB less room for the frame's own fields.
	frameBytes = 4<<20 - 64<<10
	// frameEntries bounds their number, so that one frame's evaluation stays far below a heartbeat interval.
	frameEntries = 4096
)

// state is what conditions and request ids are compared with: the committed state, at one position.
type state interface {
	ranges.State
	Answer(history.RequestID) (history.Answer, position.Position, storage.Lookup)
}

// verdict is what became of one commit in a draft.
type verdict struct {
	reply bus.DatabaseReply
	// held: the reply rests on the draft and leaves only when its frame is committed (R12).
	held bool
	// full: the commit was not looked at; it belongs into the next frame.
	full bool
}

// draft is a frame in the making. It is pure: the same commits in the same order on the same state give the same
// frame and the same answers.
type draft struct {
	epoch    uint64
	time     int64 // pair time of all its entries
	latest   int64 // ids of apps issued after it are refused, Unix nanoseconds; 0: none is
	earliest int64 // ids of apps issued before it are refused, if they are new
	forgets  int64 // what its first entry says is forgotten (Entry.Forgotten)
	end      history.Mark
	entries  []history.Stored
	bytes    int

	revisions map[spaceKey]uint64 // what the draft's updates leave, 0 for deleted
	requests  map[history.RequestID]int
	oldest    map[string]uint64 // terminal → lowest unanswered counter said in this draft
	ranges    ranges.Frame
}

type spaceKey struct{ space, key string }

// newDraft begins a frame of an epoch that chains onto end.
func newDraft(epoch uint64, end history.Mark, time int64) *draft {
	return &draft{
		epoch: epoch, time: time, end: end,
		revisions: map[spaceKey]uint64{}, requests: map[history.RequestID]int{}, oldest: map[string]uint64{},
		ranges: ranges.Frame{End: end.Position.Sequence},
	}
}

// add decides one commit. Step A3 of the patent begins here: what is accepted is in the frame.
func (d *draft) add(s state, c *commitCall) verdict {
	if len(d.entries) > 0 && (d.bytes+c.size > frameBytes || len(d.entries) >= frameEntries) {
		return verdict{full: true}
	}
	if v, known := d.recorded(s, c.entry.Request, c.entry.Answer.Request); known {
		return v
	}
	if d.premature(c.entry.Request) {
		return verdict{reply: premature(c.entry.Request, d.latest)}
	}
	if d.stale(c.entry.Request) {
		return verdict{reply: tooOld(c.entry.Request)}
	}
	v, drafted := d.conflicts(s, c)
	if v.full || v.reply.Code != bus.CodeOK {
		return v
	}
	if len(c.entry.Effects)+len(c.entry.Outbox) == 0 && c.entry.Level == 0 && !c.record {
		// Step A2: nothing to change. It rests on the frame if one of its conditions did.
		return verdict{held: drafted}
	}
	e := c.entry
	e.Position = position.Position{Epoch: d.epoch, Sequence: d.end.Position.Sequence + 1}
	e.Time = d.time
	if len(d.entries) == 0 {
		e.Forgotten = d.forgets
	}
	stored, err := history.NewStored(d.end.Digest, e)
	if err != nil {
		return verdict{reply: refusal(err)}
	}
	d.take(stored)
	return verdict{reply: bus.DatabaseReply{Position: e.Position}, held: true}
}

// take appends an entry and remembers what later commits of the same draft must see.
func (d *draft) take(s history.Stored) {
	e := &s.Entry
	d.entries = append(d.entries, s)
	d.bytes += len(s.Raw)
	d.end = s.Mark()
	for space, f := range e.Changes() {
		left := e.Position.Sequence
		if f.Delete {
			left = 0
		}
		d.revisions[spaceKey{space, string(f.Key)}] = left
	}
	if e.HasAnswer {
		d.requests[e.Request] = len(d.entries) - 1
	}
	if e.Oldest > d.oldest[e.Request.Terminal] {
		d.oldest[e.Request.Terminal] = e.Oldest
	}
}

// recorded finds the answer of a request that was executed before, in the draft or in the committed state (R7). digest is that
// of what is asked now.
func (d *draft) recorded(s state, id history.RequestID, digest []byte) (verdict, bool) {
	if id.IsZero() {
		return verdict{}, false
	}
	if i, ok := d.requests[id]; ok {
		e := &d.entries[i].Entry
		return verdict{reply: repeat(id, digest, e.Answer, e.Position), held: true}, true
	}
	if answer, at, known := s.Answer(id); known == storage.Found {
		return verdict{reply: repeat(id, digest, answer, at)}, true
	} else if known == storage.TooOld {
		return verdict{reply: tooOld(id)}, true
	} else if known == storage.TooFar {
		return verdict{reply: tooFar(id)}, true
	}
	if id.Counter != 0 && id.Counter < d.oldest[id.Terminal] {
		return verdict{reply: tooOld(id), held: true}, true
	}
	return verdict{}, false
}

// conflicts evaluates all conditions, so that the asker learns of every key that is in its way: the verdict has CodeConflict if
// one does not hold. drafted: a condition was compared with the draft, not with the committed state. Ranges are looked at when
// all else holds.
func (d *draft) conflicts(s state, c *commitCall) (v verdict, drafted bool) {
	for _, want := range c.conditions {
		have, onDraft := d.revisions[spaceKey{c.entry.Space, string(want.Key)}]
		if !onDraft {
			have = s.Revision(c.entry.Space, want.Key)
		}
		drafted = drafted || onDraft
		if !want.Holds(have) {
			v.reply.Conflicts = append(v.reply.Conflicts, want.Key)
			v.held = v.held || onDraft
		}
	}
	if len(v.reply.Conflicts) == 0 && len(c.ranges) == 0 {
		return verdict{}, drafted
	} else if len(v.reply.Conflicts) == 0 {
		left := func(key string) (uint64, bool) {
			revision, written := d.revisions[spaceKey{c.entry.Space, key}]
			return revision, written
		}
		o := d.ranges.Decide(s, c.entry.Space, c.ranges, d.entries, left)
		return verdict{reply: o.Reply, held: o.Held, full: o.Full}, drafted || o.Drafted
	}
	v.reply.Code = bus.CodeConflict
	v.reply.Message = fmt.Sprintf("%d of %d conditions do not hold", len(v.reply.Conflicts), len(c.conditions))
	return v, drafted
}

// repeat is the reply for a request that was executed before: what was recorded, with the position it was given. If it was
// another request that was executed under this id, nothing of its answer is told: an id names one request. That comes as
// a recorded answer too, because there is nothing for the service to try again.
func repeat(id history.RequestID, digest []byte, a history.Answer, at position.Position) bus.DatabaseReply {
	if !bytes.Equal(digest, a.Request) {
		return bus.DatabaseReply{Recorded: &bus.Reply{Code: bus.CodeConflict, Message: "request id " + id.String() +
			" was used before for another request (of another service or operation, or with another body); this one was not executed. Give each request an id of its own"}}
	}
	answer := bus.Answer{Code: a.Code, Message: a.Message, Body: a.Body, Revision: a.Revision}
	recorded := answer.Reply(at)
	return bus.DatabaseReply{Position: at, Recorded: &recorded}
}

func tooOld(id history.RequestID) bus.DatabaseReply {
	return bus.DatabaseReply{Code: bus.CodeTooOld, Message: "request " + id.String() +
		" is older than what is remembered of its terminal: whether it was executed is no longer known"}
}

// tooFar refuses a number that no agent can have come to. The agent's directory is not the pair's, or was meddled with.
func tooFar(id history.RequestID) bus.DatabaseReply {
	return bus.DatabaseReply{Code: bus.CodeMalformed, Message: fmt.Sprintf(
		"request %v is numbered more than %d above what is known of its terminal; it was not executed. Begin the directory of its agent anew", id, uint64(history.Leap))}
}

// refusal is the reply for what can't be part of the history.
func refusal(err error) bus.DatabaseReply {
	switch {
	case errors.Is(err, storage.ErrTooLarge):
		return bus.DatabaseReply{Code: bus.CodeTooLarge, Message: err.Error()}
	case errors.Is(err, storage.ErrInvalid):
		return bus.DatabaseReply{Code: bus.CodeMalformed, Message: err.Error()}
	}
	return bus.DatabaseReply{Code: bus.CodeFault, Message: err.Error()}
}

// nobody is the reply of a host that does not serve that epoch: nothing was done.
func nobody(why string) bus.DatabaseReply {
	return bus.DatabaseReply{Code: bus.CodeNobody, Message: why}
}

func busy(why string) bus.DatabaseReply {
	return bus.DatabaseReply{Code: bus.CodeBusy, Message: why}
}
