package takings

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/commands"
	"github.com/hotpair/hotpair/services/updater/dispatch"
	"github.com/hotpair/hotpair/services/updater/leaving"
	"github.com/hotpair/hotpair/services/updater/leaving/leavingtest"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/position"
)

// TestTake_AfterAHistoryWasTakenBack: what was made before it may have been taken in the part that is gone.
func TestTake_AfterAHistoryWasTakenBack(t *testing.T) {
	s := leavingtest.NewSpace()
	s.Strict = true
	tell := func(n uint64) position.Number {
		t.Helper()
		if err := s.Update(leaving.Update{Time: 1000}, func(set *leaving.Set) error {
			return Change(set, "gate", []outbox.Notice{{To: []string{"t1"}, Topic: "open", Fenced: true, Within: time.Hour}})
		}); err != nil {
			t.Fatal(err)
		}
		return position.Number{Epoch: s.Epoch, Sequence: s.Sequence}
	}
	before := tell(1)
	s.Epoch++
	if err := s.Update(leaving.Update{}, dispatch.Hold); err != nil {
		t.Fatal(err)
	}
	after := tell(2)
	for n, want := range map[position.Number]commands.Verdict{before: commands.Void, after: commands.First} {
		o := &Order{Terminal: "t1", Number: n, By: commands.Taker{Directory: "d", Token: "r"}}
		if err := s.Update(leaving.Update{Time: 2000}, o.Change); err != nil || o.Verdict != want || o.Moved.Void != (want == commands.Void) {
			t.Errorf("%v: %v, %+v, %v", n, o.Verdict, o.Moved, err)
		}
	}
}

func TestChange_IsBounded(t *testing.T) {
	s := leavingtest.NewSpace()
	body := append(append([]byte(`"`), bytes.Repeat([]byte("x"), 60<<10)...), '"')
	var err error
	n := 0
	for ; err == nil && n < MostKept; n++ {
		err = s.Update(leaving.Update{Time: 1000}, func(set *leaving.Set) error {
			return Change(set, "gate", []outbox.Notice{{To: []string{"t1"}, Topic: "open", Body: body, Fenced: true, Within: time.Hour}})
		})
	}
	if !errors.Is(err, leaving.ErrOverloaded) || n > MostBytes/len(body)+1 || n < MostBytes/len(body) {
		t.Errorf("%d commands are taken, then %v", n-1, err)
	}
	if err := s.Update(leaving.Update{Time: 1000}, func(set *leaving.Set) error {
		return Change(set, "gate", []outbox.Notice{{To: []string{"t2"}, Topic: "open", Body: body, Fenced: true, Within: time.Hour}})
	}); err != nil {
		t.Errorf("one terminal takes the room of another: %v", err)
	}
}

// TestPass_WhatIsSettledMakesRoom: soon, although it might have been taken for a day.
func TestPass_WhatIsSettledMakesRoom(t *testing.T) {
	s := leavingtest.NewSpace()
	s.Strict = true
	now := int64(1000)
	tell := func() error {
		return s.Update(leaving.Update{Time: now}, func(set *leaving.Set) error {
			return Change(set, "gate", []outbox.Notice{{To: []string{"t1"}, Topic: "open", Body: make([]byte, 60<<10), Fenced: true, Within: commands.MaxWithin}})
		})
	}
	by := commands.Taker{Directory: "d", Token: "r"}
	var err error
	n := 0
	for ; err == nil && n < MostKept; n++ {
		if err = tell(); err != nil {
			break
		}
		number := position.Number{Epoch: s.Epoch, Sequence: s.Sequence}
		for _, done := range []bool{false, true} {
			o := &Order{Terminal: "t1", Number: number, By: by, Done: done}
			if err := s.Update(leaving.Update{Time: now}, o.Change); err != nil || o.Moved == nil {
				t.Fatalf("%v, %+v", err, o)
			}
		}
	}
	if !errors.Is(err, leaving.ErrOverloaded) {
		t.Fatalf("%d commands are taken, then %v", n, err)
	}
	now += int64(commands.Kept) + 1
	p := &Pass{Keys: Due(s, now)}
	if err := s.Update(leaving.Update{Time: now}, p.Change); err != nil || len(p.Keys) != n {
		t.Errorf("%d of %d are due: %v", len(p.Keys), n, err)
	}
	if err := tell(); err != nil {
		t.Errorf("what is settled takes room: %v", err)
	}
}

// TestPass_WhatCannotBeReadBlocksNobody: its place in time goes, and the others are changed.
func TestPass_WhatCannotBeReadBlocksNobody(t *testing.T) {
	s := leavingtest.NewSpace()
	for range 2 {
		if err := s.Update(leaving.Update{Time: 1000}, func(set *leaving.Set) error {
			return Change(set, "gate", []outbox.Notice{{To: []string{"t1"}, Topic: "open", Fenced: true, Within: time.Second}})
		}); err != nil {
			t.Fatal(err)
		}
	}
	s.Damage(string(entryKey("t1", position.Number{Epoch: 1, Sequence: 101})))
	s.Items[order+"nonsense"] = storage.Item{Key: []byte(order + "nonsense"), Revision: 1}
	p := &Pass{Keys: Due(s, int64(time.Hour))}
	if len(p.Keys) != 3 {
		t.Fatalf("%q", p.Keys)
	}
	if err := s.Update(leaving.Update{Time: int64(time.Hour)}, p.Change); err != nil || len(p.Moved) != 1 || p.Moved[0].State != commands.Late {
		t.Errorf("%+v, %v", p.Moved, err)
	}
	if rest := Due(s, int64(time.Hour)); len(rest) != 0 {
		t.Errorf("due again: %q", rest)
	}
	o := &Order{Terminal: "t1", Number: position.Number{Epoch: 1, Sequence: 101}, By: commands.Taker{Directory: "d", Token: "r"}}
	if err := s.Update(leaving.Update{Time: 2000}, o.Change); !errors.Is(err, storage.ErrDamaged) {
		t.Errorf("one that can't be read is judged: %v, %v", o.Verdict, err)
	}
}

// FuzzOrdered: whatever stands in the order of commands is read or refused.
func FuzzOrdered(f *testing.F) {
	c := commands.Command{Number: position.Number{Epoch: 1 << 60, Sequence: 0x2f2f2f2f2f2f2f2f, Index: 0x2f2f2f2f}, Until: 1 << 40}
	f.Add(orderKey("t1", &c))
	f.Add([]byte(order + "x"))
	f.Fuzz(func(t *testing.T, key []byte) {
		due, id, n, err := ordered(key)
		if err != nil {
			return
		}
		if again := orderKey(id, &commands.Command{Number: n, Until: due}); !bytes.Equal(again[len(order):], key[len(order):]) {
			t.Errorf("%q is read as %q", key, again)
		}
	})
}
