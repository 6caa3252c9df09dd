// Package draft decides commits in order, against the committed state and the updates before them in the same frame, and makes the frame.
// It is pure: the same commits in the same order on the same state give the same frame and the same answers.
package draft

import (
	"fmt"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/level"
	"github.com/hotpair/hotpair/services/timers"
	"github.com/hotpair/hotpair/services/updater/answers"
	"github.com/hotpair/hotpair/services/updater/ranges"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

const (
	// FrameBytes bounds the stored bytes of the entries of one frame: 4 MiB less room for the frame's own fields.
	FrameBytes = 4<<20 - 64<<10
	// FrameEntries bounds their number, so that one frame's evaluation stays far below a heartbeat interval.
	FrameEntries = 4096
)

// State is the committed state at one position, with which conditions and request ids are compared.
type State interface {
	ranges.State
	Answers
	Look(space string, key []byte) (value []byte, revision uint64, err error)
	// Damage gives the first damage that was met since it was asked last. Reads after it find nothing.
	Damage() error
}

// Verdict is the outcome of one commit in a draft.
type Verdict struct {
	Reply bus.DatabaseReply
	// Deferred: the reply rests on the draft and leaves only when its frame is committed (R12).
	Deferred bool
	// Full: the commit was not looked at; it belongs into the next frame.
	Full bool
	// Damaged is why the commit could not be decided, if that is it: what it rests on can't be read. It is refused, and its neighbours are not.
	Damaged error
}

// Draft is a frame in the making.
type Draft struct {
	// Latest and Earliest bound when new ids of apps were issued, in Unix nanoseconds; 0: nothing does.
	Latest, Earliest int64
	// Forgets is what the first entry says is forgotten (Entry.Forgotten).
	Forgets int64
	// Level is the pair's, and Stamp and Wall are the time by which timers are set.
	Level level.Level
	Stamp timers.Stamp
	Wall  int64
	// Answers bounds the answers of queues; nil: nothing does.
	Answers *answers.Frame

	epoch   uint64
	time    int64 // pair time of all its entries
	end     history.Mark
	entries []history.Stored
	bytes   int

	revisions map[spaceKey]uint64 // what the draft's updates leave, 0 for deleted
	requests  map[history.RequestID]int
	oldest    map[string]uint64 // terminal → lowest unanswered counter said in this draft
	outbox    map[string]*history.Effect
	ranges    ranges.Frame
}

type spaceKey struct{ space, key string }

// New begins a frame of an epoch that chains onto end.
func New(epoch uint64, end history.Mark, time int64) *Draft {
	return &Draft{
		epoch: epoch, time: time, end: end,
		revisions: map[spaceKey]uint64{}, requests: map[history.RequestID]int{}, oldest: map[string]uint64{},
		ranges: ranges.Frame{End: end.Position.Sequence},
	}
}

// Entries returns the entries of the frame so far.
func (d *Draft) Entries() []history.Stored { return d.entries }

// Add decides one commit. Step A3 of the patent begins here: what is accepted is in the frame.
func (d *Draft) Add(s State, c *Commit) Verdict {
	if len(d.entries) > 0 && (d.bytes+c.Size > FrameBytes || len(d.entries) >= FrameEntries) {
		return Verdict{Full: true}
	}
	if v, known := d.recorded(s, c.Entry.Request, c.Entry.Answer.Request); known {
		v.Damaged = s.Damage() // then it is too old: nobody can tell whether it was executed
		return v
	}
	if d.premature(c.Entry.Request) {
		return Verdict{Reply: premature(c.Entry.Request, d.Latest)}
	}
	if d.stale(c.Entry.Request) {
		return Verdict{Reply: tooOld(c.Entry.Request)}
	}
	v, drafted := d.conflicts(s, c)
	if err := s.Damage(); err != nil {
		return Verdict{Damaged: err, Reply: bus.DatabaseReply{Code: bus.CodeFault, Message: "nothing was changed: the data of a condition can't be read: " + err.Error()}}
	}
	if v.Full || v.Reply.Code != bus.CodeOK {
		return v
	}
	left, refused := d.leave(s, c)
	if refused != nil {
		return *refused
	}
	if len(c.Entry.Effects)+len(left) == 0 && c.Entry.Level == 0 && !c.Record {
		// Step A2: nothing to change. It rests on the frame if one of its conditions did.
		return Verdict{Deferred: drafted}
	}
	if reply, ok := d.Answers.Refuse(&c.Entry); !ok {
		return Verdict{Reply: reply}
	}
	e := c.Entry
	e.Position, e.Outbox = d.next(), left
	e.Time = d.time
	if len(d.entries) == 0 {
		e.Forgotten = d.Forgets
	}
	stored, err := history.NewStored(d.end.Digest, e)
	if err != nil {
		return Verdict{Reply: Refusal(err)}
	}
	d.Answers.Take(&stored.Entry)
	d.take(stored)
	return Verdict{Reply: bus.DatabaseReply{Position: e.Position}, Deferred: true}
}

// next is where the next entry stands.
func (d *Draft) next() position.Position {
	return position.Position{Epoch: d.epoch, Sequence: d.end.Position.Sequence + 1}
}

// take appends an entry and remembers what later commits of the same draft must see.
func (d *Draft) take(s history.Stored) {
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
	for i := range e.Outbox {
		if d.outbox == nil {
			d.outbox = map[string]*history.Effect{}
		}
		d.outbox[string(e.Outbox[i].Key)] = &e.Outbox[i]
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
func (d *Draft) recorded(s State, id history.RequestID, digest []byte) (Verdict, bool) {
	if id.IsZero() {
		return Verdict{}, false
	}
	if i, ok := d.requests[id]; ok {
		e := &d.entries[i].Entry
		return Verdict{Reply: repeat(id, digest, e.Answer, e.Position), Deferred: true}, true
	}
	if reply, known := Executed(s, id, digest); known {
		return Verdict{Reply: reply}, true
	}
	if id.Counter != 0 && id.Counter < d.oldest[id.Terminal] {
		return Verdict{Reply: tooOld(id), Deferred: true}, true
	}
	return Verdict{}, false
}

// conflicts evaluates all conditions, so that the asker learns of every key that is in its way: the verdict has CodeConflict if
// one does not hold. drafted: a condition was compared with the draft, not with the committed state. Ranges are looked at when
// all else holds.
func (d *Draft) conflicts(s State, c *Commit) (v Verdict, drafted bool) {
	for _, want := range c.Conditions {
		have, onDraft := d.revisions[spaceKey{c.Entry.Space, string(want.Key)}]
		if !onDraft {
			have = s.Revision(c.Entry.Space, want.Key)
		}
		drafted = drafted || onDraft
		if !want.Holds(have) {
			v.Reply.Conflicts = append(v.Reply.Conflicts, want.Key)
			v.Deferred = v.Deferred || onDraft
		}
	}
	if len(v.Reply.Conflicts) == 0 && len(c.Ranges) == 0 {
		return Verdict{}, drafted
	} else if len(v.Reply.Conflicts) == 0 {
		left := func(key string) (uint64, bool) {
			revision, written := d.revisions[spaceKey{c.Entry.Space, key}]
			return revision, written
		}
		o := d.ranges.Decide(s, c.Entry.Space, c.Ranges, d.entries, left)
		return Verdict{Reply: o.Reply, Deferred: o.Deferred, Full: o.Full}, drafted || o.Drafted
	}
	v.Reply.Code = bus.CodeConflict
	v.Reply.Message = fmt.Sprintf("%d of %d conditions do not hold", len(v.Reply.Conflicts), len(c.Conditions))
	return v, drafted
}
