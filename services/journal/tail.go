package journal

import (
	"errors"
	"fmt"
	"sort"

	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

// Verdict is how a Tail judged a message.
type Verdict uint8

const (
	// Taken: the frame follows; its entries are part of the tail.
	Taken Verdict = iota + 1
	// Duplicate: the frame holds nothing that lies beyond what is known.
	Duplicate
	// Void: the frame is of a term before the fence, or of a history that was left.
	Void
	// Fenced: the marker was a fence, which rules from now on.
	Fenced
	// Dropped: the marker was a cut; entries beyond it are gone from the tail.
	Dropped
	// Refused: the frame does not follow; the error says why.
	Refused
)

// String names the verdict.
func (v Verdict) String() string {
	names := [...]string{"none", "taken", "duplicate", "void", "fenced", "dropped", "refused"}
	if int(v) < len(names) {
		return names[v]
	}
	return fmt.Sprintf("verdict(%d)", uint8(v))
}

// Tail is the fold over the messages of a journal, in the order of the stream, from a base that is durable elsewhere
// (in bolt). It is pure: the same messages give the same tail after every restart. It must not be used by several
// goroutines at once.
//
// Messages from before the base was reached are usually still in the stream, also frames that a truncation has voided
// since. They are told from frames that follow by their position: an epoch has one history, so what lies at or below
// the base in position, epoch first, is known or left.
//
// Of what lies beyond the base it keeps the first entries whole, as many as it may, and of the others where they end: a host that can't
// apply what comes holds no more in memory for it. Who needs those reads them from the journal again, see Log.Entries.
type Tail struct {
	base      history.Mark
	entries   []history.Stored // beyond base
	rest      []remnant        // beyond entries
	keep      int64            // of entries, in bytes
	kept      int64            // by entries
	bytes     int64
	fence     Fence
	guard     uint64 // stream sequence of the last message that shows the fence: a marker, or a frame of its term
	committed position.Position
	told      position.Position
	broken    error
	hard      bool   // broken by a frame that does not follow; otherwise by an unreadable message, which may have been one that is known
	refused   uint64 // stream sequence of the first message refused; 0 when not broken
	seq       uint64
	ends      []streamEnd // for each frame taken and not wholly applied
}

// streamEnd is the place of a frame in the stream, with the sequence of its last valid entry.
type streamEnd struct {
	seq  uint64
	last uint64
}

// NewTail begins at the base: the end of what bolt has applied.
func NewTail(base history.Mark) *Tail {
	return &Tail{base: base, committed: base.Position, keep: keepBytes}
}

// Take folds the message at stream sequence seq, which must be above the last one; sequences may have gaps. The error is
// storage.ErrGap, storage.ErrDiverged, storage.ErrInvalid or that of a malformed entry; then the verdict is Refused and
// so it stays for every frame, until a cut to a position within the tail heals it.
func (t *Tail) Take(seq uint64, m Message) (Verdict, error) {
	if seq <= t.seq {
		return Duplicate, nil
	}
	t.seq = seq
	switch {
	case m.Fence != nil:
		t.fence, t.guard = *m.Fence, seq
		return Fenced, nil
	case m.Truncation != nil:
		return t.truncate(*m.Truncation)
	case m.Frame == nil:
		return t.damage(fmt.Errorf("%w: empty message", ErrMalformed))
	}
	return t.frame(seq, m.Frame, nil)
}

// Damaged notes that the message at seq can't be read. If a frame behind it follows or is known, nothing was lost with it;
// if none comes, or it does not follow, the tail is broken.
func (t *Tail) Damaged(seq uint64, err error) (Verdict, error) {
	if seq <= t.seq {
		return Duplicate, nil
	}
	t.seq = seq
	if t.broken == nil {
		t.broken, t.refused = err, seq
	}
	return Refused, err
}

// Own notes a frame that this host appended itself at seq, without reading its entries again. Errors as of Take.
func (t *Tail) Own(seq uint64, f *Frame, entries []history.Stored) error {
	if seq <= t.seq {
		return nil
	}
	t.seq = seq
	v, err := t.frame(seq, f, entries)
	if err == nil && v != Taken {
		return fmt.Errorf("%w: own frame %v is %v", storage.ErrDiverged, f.First, v)
	}
	return err
}

// frame takes one frame. entries are those of the frame if the caller has them decoded.
func (t *Tail) frame(seq uint64, f *Frame, entries []history.Stored) (Verdict, error) {
	end := t.End()
	switch {
	case f.Term.Before(t.fence.Term):
		return Void, nil
	case f.Last.Epoch < t.base.Position.Epoch:
		return Void, nil // a history that was left before the base was reached
	case !t.base.Position.Before(f.Last):
		t.show(seq, f.Term)
		return Duplicate, nil
	case t.broken != nil && t.hard:
		return Refused, t.broken
	case !end.Position.Before(f.Last) && t.knows(f):
		t.show(seq, f.Term)
		t.tell(f.Committed)
		return Duplicate, nil
	}
	if entries == nil {
		var err error
		if entries, err = t.read(f); err != nil {
			return t.damage(err)
		}
	}
	for i := range entries {
		if err := entries[i].Follows(end); err != nil {
			return t.damage(fmt.Errorf("frame %v to %v: %w", f.First, f.Last, err))
		}
		end = entries[i].Mark()
	}
	t.add(entries)
	t.ends = append(t.ends, streamEnd{seq: seq, last: f.Last.Sequence})
	t.show(seq, f.Term)
	t.tell(f.Committed)
	return Taken, nil
}

// show notes that a frame of a term counted, so that no earlier term does behind it. It makes the fence known when the
// marker itself was purged long ago.
func (t *Tail) show(seq uint64, term Term) {
	if t.fence.Term.Before(term) {
		t.fence = Fence{Term: term}
	}
	t.guard = seq
	if !t.hard { // an unreadable message before it, if any, held nothing that is missed
		t.broken, t.refused = nil, 0
	}
}

// knows reports whether the last entry of a frame is the tail's entry at its position.
func (t *Tail) knows(f *Frame) bool {
	m, ok := t.MarkAt(f.Last.Sequence)
	if !ok || m.Position != f.Last {
		return false
	}
	// An epoch has one history, so equal positions are equal entries. Bytes that differ all the same are damage.
	last := f.Entries[len(f.Entries)-1]
	if i := f.Last.Sequence - t.base.Position.Sequence - 1; i < uint64(len(t.entries)) {
		return string(t.entries[i].Raw) == string(last)
	}
	before, ok := t.DigestAt(f.Last.Sequence - 1)
	return ok && history.Chain(before, last) == m.Digest
}

// read decodes and chains the entries of a frame that lie beyond the end. A frame may begin before it: history is sent in
// other pieces than it was made in, and a cut may have gone through one.
func (t *Tail) read(f *Frame) ([]history.Stored, error) {
	end := t.End()
	if f.First.Sequence > end.Position.Sequence+1 {
		return nil, fmt.Errorf("%w: frame %v to %v after %v", storage.ErrGap, f.First, f.Last, end.Position)
	}
	at, ok := t.DigestAt(f.First.Sequence - 1)
	digest := f.Previous
	if ok && at != f.Previous {
		return nil, fmt.Errorf("%w: frame %v to %v does not chain onto %v", storage.ErrDiverged, f.First, f.Last, end.Position)
	}
	entries := make([]history.Stored, 0, len(f.Entries))
	for i, raw := range f.Entries {
		s, err := history.ReadStored(digest, raw)
		if err != nil {
			return nil, fmt.Errorf("frame %v to %v, entry %d: %w", f.First, f.Last, i, err)
		}
		want := position.Position{Epoch: f.First.Epoch, Sequence: f.First.Sequence + uint64(i)}
		if s.Entry.Position != want {
			return nil, fmt.Errorf("%w: frame %v to %v has entry %v at place %d", storage.ErrInvalid, f.First, f.Last, s.Entry.Position, i)
		}
		digest = s.Digest
		switch {
		case want.Sequence == end.Position.Sequence && s.Digest != end.Digest:
			return nil, fmt.Errorf("%w: frame %v to %v has another entry %v", storage.ErrDiverged, f.First, f.Last, want)
		case want.Sequence > end.Position.Sequence:
			entries = append(entries, s)
		}
	}
	if len(entries) == 0 { // it ends within the tail, with other entries
		return nil, fmt.Errorf("%w: frame %v to %v differs from the journal's", storage.ErrDiverged, f.First, f.Last)
	}
	return entries, nil
}

// damage notes why frames are refused from here on.
func (t *Tail) damage(err error) (Verdict, error) {
	if t.refused == 0 {
		t.refused = t.seq
	}
	t.broken, t.hard = err, true
	return Refused, t.broken
}

// truncate drops what lies beyond a truncation's end.
func (t *Tail) truncate(c Truncation) (Verdict, error) {
	switch end := c.End.Position; {
	case c.Term.Before(t.fence.Term):
		return Void, nil
	case end.Sequence <= t.base.Position.Sequence || end.Epoch < t.base.Position.Epoch:
		// From before the base was reached, or at it: nothing beyond the base stood there that still counts.
		t.drop(t.base.Position.Sequence)
	default:
		if d, ok := t.DigestAt(end.Sequence); !ok || d != c.End.Digest {
			return t.damage(fmt.Errorf("%w: truncated at %v, the tail ends at %v", storage.ErrGap, end, t.End().Position))
		}
		t.drop(end.Sequence)
	}
	t.broken, t.hard, t.refused = nil, false, 0
	return Dropped, nil
}

// drop forgets entries above a sequence.
func (t *Tail) drop(sequence uint64) {
	keep := sequence - t.base.Position.Sequence
	if keep >= t.length() {
		return
	}
	whole := min(keep, uint64(len(t.entries)))
	for i := whole; i < uint64(len(t.entries)); i++ {
		t.lose(&t.entries[i])
	}
	clear(t.entries[whole:])
	t.entries = t.entries[:whole:whole]
	for _, r := range t.rest[keep-whole:] {
		t.bytes -= r.size
	}
	t.rest = t.rest[:keep-whole]
	i := sort.Search(len(t.ends), func(i int) bool { return t.ends[i].last >= sequence })
	if i < len(t.ends) && keep > 0 {
		t.ends[i].last = sequence
		i++
	}
	t.ends = t.ends[:i]
	if sequence < t.committed.Sequence {
		t.committed = t.End().Position
	}
	t.told = t.committed
}

// tell raises the committed position.
func (t *Tail) tell(p position.Position) {
	if t.told.Before(p) {
		t.told = p
	}
	if end := t.End().Position; end.Before(p) {
		p = end
	}
	if t.committed.Before(p) {
		t.committed = p
	}
}

// Base is where the tail begins: the applied end of bolt.
func (t *Tail) Base() history.Mark { return t.base }

// End is the end of the history in the journal.
func (t *Tail) End() history.Mark {
	end, _ := t.MarkAt(t.base.Position.Sequence + t.length())
	return end
}

// Fence is the fence in effect; zero when none was seen.
func (t *Tail) Fence() Fence { return t.fence }

// Broken is the reason why frames are refused, nil when they are not.
func (t *Tail) Broken() error { return t.broken }

// Committed is the highest committed position that taken frames or Commit told, never beyond End.
func (t *Tail) Committed() position.Position { return t.committed }

// Told is the highest committed position that taken frames told, also beyond End: while history is sent.
func (t *Tail) Told() position.Position { return t.told }

// Commit notes a committed position that was told beside the frames. The caller knows that what the tail holds up to there
// is what was committed.
func (t *Tail) Commit(p position.Position) { t.tell(p) }

// Seq is the stream sequence of the last message taken.
func (t *Tail) Seq() uint64 { return t.seq }

// Bytes is the stored size of the entries in the tail, kept or not.
func (t *Tail) Bytes() int64 { return t.bytes }

// DigestAt returns the digest at a sequence between Base and End.
func (t *Tail) DigestAt(sequence uint64) (history.Digest, bool) {
	m, ok := t.MarkAt(sequence)
	return m.Digest, ok
}

// errBase says that a base is not what the tail has there.
var errBase = errors.New("base is not in the tail")

// Advance moves the base to what bolt has applied meanwhile. A base at or before the present one changes
// nothing. The error is storage.ErrDiverged when the tail has another digest there.
func (t *Tail) Advance(base history.Mark) error {
	if !t.base.Position.Before(base.Position) {
		return nil
	}
	d, ok := t.DigestAt(base.Position.Sequence)
	if !ok || d != base.Digest {
		return fmt.Errorf("%w: %w: %v, the tail has %v to %v", storage.ErrDiverged, errBase, base.Position, t.base.Position, t.End().Position)
	}
	n := base.Position.Sequence - t.base.Position.Sequence
	whole := min(n, uint64(len(t.entries)))
	for i := range whole {
		t.lose(&t.entries[i])
	}
	for _, r := range t.rest[:n-whole] {
		t.bytes -= r.size
	}
	// Copied, so that what was applied is not kept alive by the array behind it.
	t.entries = append([]history.Stored(nil), t.entries[whole:]...)
	t.rest = append([]remnant(nil), t.rest[n-whole:]...)
	t.base = base
	if t.committed.Before(base.Position) {
		t.committed = base.Position
	}
	i := 0
	for i < len(t.ends) && t.ends[i].last <= base.Position.Sequence {
		i++
	}
	t.ends = append([]streamEnd(nil), t.ends[i:]...)
	return nil
}

// Rebase drops all entries and begins at another base: bolt was replaced by a snapshot. What the stream holds up to
// here is of no use for it.
func (t *Tail) Rebase(base history.Mark) {
	t.base, t.entries, t.rest, t.ends, t.bytes, t.kept = base, nil, nil, nil, 0, 0
	t.broken, t.hard, t.refused = nil, false, 0
	t.committed = base.Position
}

// Refused is the stream sequence of the first message that was refused; 0 when none is (Broken is nil).
func (t *Tail) Refused() uint64 { return t.refused }

// Purgeable is the stream sequence up to and including which no message is needed to rebuild the same tail: all
// before the first frame that is not wholly applied, but never the last message that shows the fence, and nothing that
// was refused and not yet kept as divergent.
func (t *Tail) Purgeable() uint64 {
	keep := t.guard
	if len(t.ends) > 0 {
		keep = min(keep, t.ends[0].seq)
	}
	if t.broken != nil {
		keep = min(keep, t.refused)
	}
	return max(keep, 1) - 1
}
