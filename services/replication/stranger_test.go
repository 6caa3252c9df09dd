package replication

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/journal"
	"github.com/hotpair/hotpair/services/level"
	"github.com/hotpair/hotpair/services/membership"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

// A refused hello named the pair of the host that refused, and the next hello under that name was let in to the whole history. Who does
// not name the pair learns nothing by asking: not from the reply, nor from the sentence.
func TestFault_C4_ARefusalTellsStrangersNothing(t *testing.T) {
	b := newHost(t, "b")
	b.start()
	b.reads(5)
	if _, err := call(t, b.j, callHello, helloOf(journal.Term{Epoch: 5, Session: 3})); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*helloRequest){
		"another pair":    func(q *helloRequest) {},
		"no pair":         func(q *helloRequest) { q.PairID = "" },
		"another host":    func(q *helloRequest) { q.To = "c" },
		"another version": func(q *helloRequest) { q.Levels = level.Range{Oldest: 98, Newest: 99} },
		"a lower epoch":   func(q *helloRequest) { q.Term.Epoch = 1 },
	} {
		q := helloOf(journal.Term{Epoch: 6, Session: 9})
		q.PairID = "guessed"
		change(&q)
		a, err := call(t, b.j, callHello, q)
		if err == nil {
			t.Fatalf("%s is let in", name)
		}
		if diff := cmp.Diff(helloReply{Levels: level.Own()}, a); diff != "" {
			t.Errorf("%s learns %s", name, diff)
		}
		own := b.facts.Get()
		if text := err.Error(); strings.Contains(text, `"`+own.PairID+`"`) || strings.Contains(text, own.Identity) {
			t.Errorf("%s is told %s", name, text)
		}
	}
	if n := b.receiver.RefusedHellos(); n != 5 {
		t.Errorf("%d refused hellos are counted, want 5", n)
	}
}

// One hello with the highest epoch there is became durable, and no epoch was left in which the host could ever join again. What no pair can
// have reached changes nothing, wherever it is said: in the hello, a note of membership or the base of a copy.
func TestFault_C4_NothingOutOfReachBecomesDurable(t *testing.T) {
	b := newHost(t, "b")
	b.start()
	b.reads(5)
	term := journal.Term{Epoch: 5, Session: 3}
	if _, err := call(t, b.j, callHello, helloOf(term)); err != nil {
		t.Fatal(err)
	}
	before := b.facts.Get()
	for name, try := range map[string]func() error{
		"the highest epoch": func() error {
			return refused(call(t, b.j, callHello, helloOf(journal.Term{Epoch: math.MaxUint64, Session: 1})))
		},
		"a far epoch": func() error {
			return refused(call(t, b.j, callHello, helloOf(journal.Term{Epoch: 1 << 62, Session: 1})))
		},
		"the highest session": func() error {
			return refused(call(t, b.j, callHello, helloOf(journal.Term{Epoch: 6, Session: math.MaxUint64})))
		},
		"a note of the highest version": func() error {
			return refused(call(t, b.j, callNote, noteRequest{Term: term, Membership: membership.Note{Version: math.MaxUint64, Epoch: 5}}))
		},
		"a note of a later epoch": func() error {
			return refused(call(t, b.j, callNote, noteRequest{Term: term, Membership: membership.Note{Version: 2, Epoch: 6}}))
		},
		"a copy of a later epoch": func() error {
			return refused(call(t, b.j, callSnapshotBegin, snapshotBeginRequest{Term: term, Base: history.Mark{Position: position.Position{Epoch: 6, Sequence: 1}}}))
		},
	} {
		if err := try(); !errors.Is(err, bus.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(before, b.facts.Get()); diff != "" {
			t.Fatalf("%s became durable: %s", name, diff)
		}
	}
	// The other host still gets in, also one that has gone on after a lost record.
	b.reads(5 + 3_000_000)
	if _, err := call(t, b.j, callHello, helloOf(journal.Term{Epoch: 5 + 3_000_000, Session: 1})); err != nil {
		t.Error(err)
	}
}

// Whoever had the login said hello with an epoch that nobody had taken, or with another pair to a host that had none yet, and it was durable:
// the host refused every true one from then on. Nothing of it counts until main has read it in the pair record.
func TestFault_C4_AnEpochOfNoRecordLeavesNothing(t *testing.T) {
	for name, known := range map[string]uint64{"a host of a pair": 5, "a new host": 0} {
		t.Run(name, func(t *testing.T) {
			b := newHost(t, "b")
			b.start()
			if known > 0 {
				b.reads(known)
			}
			before, fence := b.facts.Get(), b.fence()
			for _, epoch := range []uint64{known + 1, known + 2, known + membership.LostStride, 1 << 32} {
				for _, pair := range []string{"pair", "made up", ""} {
					q := helloOf(journal.Term{Epoch: epoch, Session: 1})
					q.PairID = pair
					if _, err := call(t, b.j, callHello, q); !errors.Is(err, ErrNotNow) && !errors.Is(err, ErrForeign) {
						t.Errorf("epoch %d of pair %q: %v", epoch, pair, err)
					}
				}
			}
			if diff := cmp.Diff(before, b.facts.Get()); diff != "" || b.fence() != fence {
				t.Errorf("it became durable: %s the journal is fenced for %v", diff, b.fence())
			}
			b.reads(known + 1)
			if _, err := call(t, b.j, callHello, helloOf(journal.Term{Epoch: known + 1, Session: 1})); err != nil {
				t.Errorf("the active: %v", err)
			}
		})
	}
}

// Whoever had the login used the number of a session up that the active had not come to: the active was refused for the rest of its term. It is
// told now, and goes on above it.
func TestFault_C4_AnUsedUpSessionIsPassed(t *testing.T) {
	a, b := newPair(t)
	b.reads(7)
	for _, session := range []uint64{1 << 31, 1 << 32, 1<<32 + 1<<31} {
		if _, err := call(t, b.j, callHello, helloOf(journal.Term{Epoch: 7, Session: session})); err != nil {
			t.Fatal(err)
		}
	}
	a.serve(7, b)
	a.hold()
	a.work(5, "x")
	same(t, a, b)
}
