package journal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/hotpair/hotpair/services/journal/journaltest"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

// story builds a stream message by message and says what a tail makes of each.
type story struct {
	t    *testing.T
	tail *Tail
	seq  uint64
	all  []Message
}

func newStory(t *testing.T, base history.Mark) *story { return &story{t: t, tail: NewTail(base)} }

func (s *story) take(m Message, want Verdict, wantErr error) {
	s.t.Helper()
	s.seq += 1 + s.seq%2 // with gaps
	s.all = append(s.all, m)
	v, err := s.tail.Take(s.seq, m)
	if v != want || !errors.Is(err, wantErr) {
		s.t.Fatalf("message %d: %v, %v; want %v, %v", len(s.all), v, err, want, wantErr)
	}
}

func (s *story) end(m history.Mark) {
	s.t.Helper()
	if s.tail.End() != m {
		s.t.Fatalf("ends at %v, not at %v", s.tail.End().Position, m.Position)
	}
}

// again reads the whole stream from another base, as a restart does, and compares.
func (s *story) again(base history.Mark) {
	s.t.Helper()
	fresh := NewTail(base)
	for i, m := range s.all {
		_, _ = fresh.Take(uint64(i+1), m)
	}
	if fresh.End() != s.tail.End() || fresh.Fence() != s.tail.Fence() || (fresh.Broken() == nil) != (s.tail.Broken() == nil) {
		s.t.Fatalf("read again from %v: end %v fence %v broken %v; before %v %v %v", base.Position,
			fresh.End().Position, fresh.Fence(), fresh.Broken(), s.tail.End().Position, s.tail.Fence(), s.tail.Broken())
	}
}

func fence(epoch, session uint64) Message {
	return Message{Fence: &Fence{Term: Term{epoch, session}, Host: "a"}}
}

func truncatedAt(epoch, session uint64, m history.Mark) Message {
	return Message{Truncation: &Truncation{Term: Term{epoch, session}, End: m}}
}

func TestTail_TakesSkipsAndVoids(t *testing.T) {
	var zero history.Mark
	one := journaltest.Chain(t, zero, 7, 10, "x")
	two := journaltest.Chain(t, journaltest.End(one), 7, 5, "y")
	s := newStory(t, zero)
	s.take(fence(7, 1), Fenced, nil)
	s.take(frameOf(Term{7, 1}, zero, one), Taken, nil)
	s.take(frameOf(Term{7, 1}, zero, one), Duplicate, nil)
	s.take(frameOf(Term{7, 1}, zero, one[:3]), Duplicate, nil)
	s.take(frameOf(Term{6, 9}, journaltest.End(one), two), Void, nil) // a lower epoch
	s.take(fence(7, 2), Fenced, nil)
	s.take(frameOf(Term{7, 1}, journaltest.End(one), two), Void, nil) // an earlier session (V2)
	s.end(journaltest.End(one))
	s.take(frameOf(Term{7, 2}, journaltest.End(one), two), Taken, nil)
	s.end(journaltest.End(two))
	s.again(zero)
	s.again(journaltest.End(one))
	s.again(journaltest.End(one[:4]))
	s.again(journaltest.End(two))
}

// History is sent in other pieces than it was made in.
func TestTail_OverlappingFrame(t *testing.T) {
	var zero history.Mark
	one := journaltest.Chain(t, zero, 7, 10, "x")
	s := newStory(t, zero)
	s.take(frameOf(Term{7, 1}, zero, one[:6]), Taken, nil)
	s.take(frameOf(Term{7, 2}, journaltest.End(one[:2]), one[2:]), Taken, nil)
	s.end(journaltest.End(one))
	if got := s.tail.After(0, 100); len(got) != 10 {
		t.Fatal(len(got))
	}
	s.again(zero)
	s.again(journaltest.End(one[:5]))
}

func TestTail_GapAndDivergence(t *testing.T) {
	var zero history.Mark
	one := journaltest.Chain(t, zero, 7, 10, "x")
	others := journaltest.Chain(t, journaltest.End(one[:4]), 7, 6, "z")
	for name, c := range map[string]struct {
		m    Message
		want error
	}{
		"gap":            {frameOf(Term{7, 1}, journaltest.End(one[:5]), one[5:]), storage.ErrGap},
		"other digest":   {frameOf(Term{7, 1}, journaltest.End(others[:2]), journaltest.Chain(t, journaltest.End(others[:2]), 7, 1, "x")), storage.ErrGap},
		"other entry":    {frameOf(Term{7, 1}, journaltest.End(one[:3]), append(one[3:4:4], others[0])), nil}, // the same until 4, then on
		"other previous": {frameOf(Term{7, 1}, journaltest.End(one[:3]), others), storage.ErrDiverged},
		"garbage entry":  {Message{Frame: &Frame{Term: Term{7, 1}, First: position.Position{Epoch: 7, Sequence: 5}, Last: position.Position{Epoch: 7, Sequence: 5}, Previous: one[3].Digest, Entries: [][]byte{{1, 2}}}}, storage.ErrMalformed},
		"wrong position": {Message{Frame: &Frame{Term: Term{7, 1}, First: position.Position{Epoch: 7, Sequence: 5}, Last: position.Position{Epoch: 7, Sequence: 5}, Previous: one[3].Digest, Entries: [][]byte{one[6].Raw}}}, storage.ErrInvalid},
		"no began":       {frameOf(Term{8, 1}, journaltest.End(one[:4]), journaltest.Chain(t, history.Mark{Position: position.Position{Epoch: 8, Sequence: 4}, Digest: one[3].Digest}, 8, 1, "x")), storage.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory(t, zero)
			s.take(frameOf(Term{7, 1}, zero, one[:4]), Taken, nil)
			if c.want == nil {
				s.take(c.m, Taken, nil)
				return
			}
			s.take(c.m, Refused, c.want)
			s.end(journaltest.End(one[:4]))
			if s.tail.Broken() == nil || s.tail.Refused() != s.tail.Seq() {
				t.Fatal(s.tail.Broken(), s.tail.Refused())
			}
			// It stays refused, even what would follow, until a cut says where to go on.
			s.take(frameOf(Term{7, 1}, journaltest.End(one[:4]), one[4:6]), Refused, c.want)
			s.take(truncatedAt(7, 1, journaltest.End(one[:4])), Dropped, nil)
			s.take(frameOf(Term{7, 1}, journaltest.End(one[:4]), one[4:]), Taken, nil)
			s.end(journaltest.End(one))
			s.again(zero)
			s.again(journaltest.End(one[:4]))
			s.again(journaltest.End(one))
		})
	}
}

func TestTail_TruncationDropsAndIsHonouredFromAnyBase(t *testing.T) {
	var zero history.Mark
	one := journaltest.Chain(t, zero, 7, 10, "x")                    // 1–10
	lost := journaltest.Chain(t, journaltest.End(one), 7, 5, "lost") // 11–15, never committed
	next := journaltest.Chain(t, journaltest.End(one[:8]), 8, 6, "y")
	s := newStory(t, zero)
	s.take(fence(7, 1), Fenced, nil)
	s.take(frameOf(Term{7, 1}, zero, one), Taken, nil)
	s.take(frameOf(Term{7, 1}, journaltest.End(one), lost), Taken, nil)
	s.take(fence(8, 1), Fenced, nil)
	s.take(truncatedAt(7, 1, journaltest.End(one[:2])), Void, nil)
	s.take(truncatedAt(8, 1, journaltest.End(one[:8])), Dropped, nil) // in the middle of a frame
	s.end(journaltest.End(one[:8]))
	s.take(frameOf(Term{8, 1}, journaltest.End(one[:8]), next), Taken, nil)
	s.end(journaltest.End(next))
	for _, base := range []history.Mark{zero, journaltest.End(one[:3]), journaltest.End(one[:8]), journaltest.End(next[:1]), journaltest.End(next)} {
		s.again(base)
	}
	if s.tail.Bytes() != bytesOf(s.tail.After(0, 100)) {
		t.Fatal(s.tail.Bytes())
	}
}

func bytesOf(entries []history.Stored) (n int64) {
	for _, e := range entries {
		n += int64(len(e.Raw))
	}
	return n
}

// A message that can't be read breaks the tail unless a frame behind it shows that nothing was lost with it.
func TestTail_Damaged(t *testing.T) {
	var zero history.Mark
	one := journaltest.Chain(t, zero, 7, 10, "x")
	bad := errors.New("unreadable")
	for name, c := range map[string]struct {
		base   history.Mark
		next   []Message
		broken bool
	}{
		"the last one":               {zero, nil, true},
		"followed by what follows":   {zero, []Message{frameOf(Term{7, 1}, journaltest.End(one[:4]), one[4:])}, false},
		"followed by a gap":          {zero, []Message{frameOf(Term{7, 1}, journaltest.End(one[:6]), one[6:])}, true},
		"in what was applied":        {journaltest.End(one[:8]), []Message{frameOf(Term{7, 1}, journaltest.End(one[:6]), one[6:8])}, false},
		"a gap behind it stays one":  {zero, []Message{frameOf(Term{7, 1}, journaltest.End(one[:6]), one[6:]), frameOf(Term{7, 1}, journaltest.End(one[:4]), one[4:5])}, true},
		"a cut at the end fixes all": {zero, []Message{frameOf(Term{7, 1}, journaltest.End(one[:6]), one[6:]), truncatedAt(7, 1, journaltest.End(one[:4]))}, false},
	} {
		tail := NewTail(c.base)
		_, _ = tail.Take(1, frameOf(Term{7, 1}, zero, one[:4]))
		if v, err := tail.Damaged(2, bad); v != Refused || !errors.Is(err, bad) || tail.Broken() == nil || tail.Refused() != 2 {
			t.Fatal(name, v, err, tail.Broken(), tail.Refused())
		}
		for i, m := range c.next {
			_, _ = tail.Take(uint64(3+i), m)
		}
		if broken := tail.Broken() != nil; broken != c.broken || broken != (tail.Refused() > 0) {
			t.Errorf("%s: broken %v, refused from %d", name, tail.Broken(), tail.Refused())
		}
	}
}

// A takeover that did not happen is undone by the fence of the next probe.
func TestTail_FenceOfATakeoverThatDidNotHappen(t *testing.T) {
	var zero history.Mark
	one := journaltest.Chain(t, zero, 7, 4, "x")
	two := journaltest.Chain(t, journaltest.End(one), 7, 4, "x")
	s := newStory(t, zero)
	s.take(fence(7, 1), Fenced, nil)
	s.take(frameOf(Term{7, 1}, zero, one), Taken, nil)
	s.take(fence(8, 3), Fenced, nil)
	s.take(frameOf(Term{7, 1}, journaltest.End(one), two), Void, nil)
	s.take(fence(7, 2), Fenced, nil)
	s.take(frameOf(Term{7, 1}, journaltest.End(one), two), Void, nil)
	s.take(frameOf(Term{7, 2}, journaltest.End(one), two), Taken, nil)
	s.again(zero)
	s.again(journaltest.End(one))
}

// Committed never lies beyond the end, and falls with a cut.
func TestTail_Committed(t *testing.T) {
	var zero history.Mark
	one := journaltest.Chain(t, zero, 7, 10, "x")
	tail := NewTail(zero)
	f := frameOf(Term{7, 1}, zero, one)
	f.Frame.Committed = position.Position{Epoch: 7, Sequence: 50} // history: more is committed than was sent
	if _, err := tail.Take(1, f); err != nil {
		t.Fatal(err)
	}
	if tail.Committed() != one[9].Entry.Position || tail.Told().Sequence != 50 {
		t.Fatal(tail.Committed(), tail.Told())
	}
	if _, err := tail.Take(2, truncatedAt(7, 1, journaltest.End(one[:6]))); err != nil {
		t.Fatal(err)
	}
	if tail.Committed() != one[5].Entry.Position {
		t.Fatal(tail.Committed())
	}
}

func TestTail_AdvanceAndPurgeable(t *testing.T) {
	var zero history.Mark
	one := journaltest.Chain(t, zero, 7, 10, "x")
	two := journaltest.Chain(t, journaltest.End(one), 7, 10, "x")
	three := journaltest.Chain(t, journaltest.End(two), 7, 10, "x")
	tail := NewTail(zero)
	for i, m := range []Message{fence(7, 1), frameOf(Term{7, 1}, zero, one), frameOf(Term{7, 1}, journaltest.End(one), two), frameOf(Term{7, 1}, journaltest.End(two), three)} {
		if _, err := tail.Take(uint64(10*(i+1)), m); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		base history.Mark
		want uint64
	}{{zero, 19}, {journaltest.End(one[:5]), 19}, {journaltest.End(one), 29}, {journaltest.End(two), 39}, {journaltest.End(three[:9]), 39}, {journaltest.End(three), 39}} {
		if err := tail.Advance(c.base); err != nil {
			t.Fatal(err)
		}
		if got := tail.Purgeable(); got != c.want {
			t.Fatalf("at %v: %d, want %d", c.base.Position, got, c.want)
		}
		if tail.End() != journaltest.End(three) {
			t.Fatal(tail.End())
		}
	}
	if err := tail.Advance(history.Mark{Position: position.Position{Epoch: 7, Sequence: 31}}); !errors.Is(err, storage.ErrDiverged) {
		t.Fatal(err)
	}
	// The fence that rules is not purged before a frame shows it.
	if _, err := tail.Take(50, fence(8, 1)); err != nil {
		t.Fatal(err)
	}
	if got := tail.Purgeable(); got != 49 {
		t.Fatal(got)
	}
}

// Random streams: a model that is told everything in order knows what must come out; reading again from any base that was
// applied on the way, with everything purged that may be, comes to the same end.
func TestTail_Property(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	for round := range 300 {
		term := Term{1, 1}
		var model []history.Stored // what must be in the tail from the beginning
		mark := func(n int) history.Mark {
			if n == 0 {
				return history.Mark{}
			}
			return model[n-1].Mark()
		}
		type message struct {
			seq uint64
			m   Message
		}
		var stream []message
		seq := uint64(0)
		tail := NewTail(history.Mark{})
		applied := 0
		put := func(m Message, want Verdict) {
			t.Helper()
			seq += 1 + rnd.Uint64N(3)
			stream = append(stream, message{seq, m})
			if v, err := tail.Take(seq, m); v != want {
				t.Fatalf("round %d: %v instead of %v: %v", round, v, want, err)
			}
		}
		put(fence(1, 1), Fenced)
		for range 40 {
			switch n := len(model); rnd.IntN(10) {
			default: // a frame follows, perhaps overlapping
				back := rnd.IntN(min(n-applied, 3) + 1)
				epoch := term.Epoch
				text := fmt.Sprint("r", rnd.IntN(1000))
				fresh := journaltest.Chain(t, mark(n), epoch, 1+rnd.IntN(4), text)
				from := n - back
				for from < n && model[from].Entry.Position.Epoch != epoch {
					from++
				}
				entries := append(append([]history.Stored{}, model[from:]...), fresh...)
				put(frameOf(term, mark(from), entries), Taken)
				model = append(model, fresh...)
			case 0: // a duplicate
				if n == 0 || model[n-1].Entry.Position.Epoch != term.Epoch {
					continue
				}
				put(frameOf(term, mark(n-1), model[n-1:]), Duplicate)
			case 1: // another term
				late := term
				term = Term{term.Epoch + rnd.Uint64N(2), term.Session + 1}
				put(fence(term.Epoch, term.Session), Fenced)
				if n > 0 {
					e := journaltest.Chain(t, mark(n), max(late.Epoch, mark(n).Position.Epoch), 1, "late")
					if late.Epoch >= e[0].Entry.Position.Epoch {
						put(frameOf(late, mark(n), e), Void)
					}
				}
			case 2: // a gap, healed by a cut
				far := journaltest.Chain(t, history.Mark{Position: position.Position{Epoch: term.Epoch, Sequence: uint64(n) + 5}}, term.Epoch, 1, "far")
				put(frameOf(term, history.Mark{}, far), Refused)
				to := applied + rnd.IntN(n-applied+1)
				term = Term{term.Epoch + 1, term.Session + 1} // only another term forgets positions
				put(fence(term.Epoch, term.Session), Fenced)
				put(truncatedAt(term.Epoch, term.Session, mark(to)), Dropped)
				model = model[:to:to]
			case 3: // bolt applies
				applied += rnd.IntN(n - applied + 1)
				if err := tail.Advance(mark(applied)); err != nil {
					t.Fatal(err)
				}
			}
			if tail.End() != mark(len(model)) {
				t.Fatalf("round %d: ends at %v, want %v", round, tail.End().Position, mark(len(model)).Position)
			}
		}
		keep := tail.Purgeable()
		for base := applied; base <= len(model); base++ {
			again := NewTail(mark(base))
			for _, m := range stream {
				if base == applied && m.seq <= keep {
					continue
				}
				_, _ = again.Take(m.seq, m.m)
			}
			if base == applied && again.Fence().Term != tail.Fence().Term {
				t.Fatalf("round %d: fence %v, was %v", round, again.Fence(), tail.Fence())
			}
			if again.End() != tail.End() || again.Broken() != nil {
				t.Fatalf("round %d: from %v (purged to %d): %v broken %v, was %v", round, mark(base).Position, keep, again.End().Position, again.Broken(), tail.End().Position)
			}
		}
	}
}
