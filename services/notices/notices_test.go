package notices

import (
	"errors"
	"testing"
	"time"

	"github.com/hotpair/hotpair/storage/position"
)

func TestResume_ChecksWhatATerminalHas(t *testing.T) {
	h := History{Pair: "p", Epoch: 8, Starts: []Start{{1, 1}, {5, 100}, {8, 151}}, End: position.Position{Epoch: 8, Sequence: 160}}
	begin := Marks{{Number: last(1, 10)}, {Number: last(1, 10), Count: 4}}
	at := func(pair string, epoch, sequence uint64, starts ...Start) Cursor {
		n := numbered(epoch, sequence, 0)
		return Cursor{Pair: pair, Last: n, Marks: Marks{{Number: n, Count: 7}, {Number: numbered(1, 20, 0), Count: 5}}, Starts: starts}
	}
	one, five, six := Start{1, 1}, Start{5, 100}, Start{6, 130}
	back := func(epoch, sequence uint64) Mark { return Mark{last(epoch, sequence), 7, true} }
	void := func(from Number, epoch, sequence uint64) *Range { return &Range{from, numbered(epoch, sequence, 0)} }
	for what, c := range map[string]struct {
		cursor Cursor
		void   *Range
		own    Mark
		err    error
	}{
		"nothing":                                {cursor: Cursor{}, own: begin[Own]},
		"of this history":                        {cursor: at("p", 5, 140, one, five), own: Mark{Number: numbered(5, 140, 0), Count: 7}},
		"from before it was added":               {cursor: at("p", 1, 9, one), own: begin[Own]},
		"beyond the end of its epoch":            {cursor: at("p", 5, 155, one, five), void: void(last(5, 150), 5, 155), own: back(5, 150)},
		"of an epoch unknown here":               {cursor: at("p", 7, 148, five, six, Start{7, 140}), void: void(last(5, 129), 7, 148), own: back(5, 129)},
		"of one that began later than here":      {cursor: at("p", 7, 190, one, five, Start{7, 180}), void: void(last(5, 150), 7, 190), own: back(5, 150)},
		"of one that begins elsewhere":           {cursor: at("p", 5, 120, one, Start{5, 90}), void: void(last(1, 89), 5, 120), own: back(1, 89)},
		"without where its epoch began":          {cursor: at("p", 5, 140, one), void: void(Number{}, 5, 140), own: begin[Own]},
		"with nothing in common":                 {cursor: at("p", 7, 140, Start{7, 130}), void: void(Number{}, 7, 140), own: begin[Own]},
		"of another pair":                        {cursor: at("q", 5, 140, one, five), void: void(Number{}, 5, 140), own: begin[Own]},
		"of the epoch served, beyond the read":   {cursor: at("p", 8, 161, one, five, Start{8, 151}), err: ErrBehind},
		"of the epoch served, the last there is": {cursor: at("p", 8, 160, one, five, Start{8, 151}), own: Mark{Number: numbered(8, 160, 0), Count: 7}},
		"of a later epoch":                       {cursor: at("p", 9, 152, one, five), err: ErrDeposed},
	} {
		r, err := Resume(h, begin, c.cursor)
		if !errors.Is(err, c.err) || err == nil && c.err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if c.err != nil {
			continue
		}
		if (r.Void == nil) != (c.void == nil) || r.Void != nil && *r.Void != *c.void || r.Cursor.Marks[Own] != c.own {
			t.Errorf("%s: goes on at %+v, void %+v", what, r.Cursor.Marks[Own], r.Void)
		}
		if r.Cursor.Pair != "p" || len(r.Cursor.Starts) != 3 || begin[Common].Number.After(r.Cursor.Marks[Common].Number) {
			t.Errorf("%s: %+v", what, r.Cursor)
		}
	}
	h.Epoch = 9 // its first update is not committed yet
	if _, err := Resume(h, begin, Cursor{}); !errors.Is(err, ErrBehind) {
		t.Errorf("a read from before the term: %v", err)
	}
	long := History{Pair: "p", Epoch: 2 * MaxStarts, End: position.Position{Epoch: 2 * MaxStarts, Sequence: 2 * MaxStarts}}
	for e := range uint64(2 * MaxStarts) {
		long.Starts = append(long.Starts, Start{e + 1, e + 1})
	}
	if r, err := Resume(long, begin, Cursor{}); err != nil || len(r.Cursor.Starts) != MaxStarts || r.Cursor.Starts[MaxStarts-1].Epoch != long.Epoch {
		t.Errorf("after many epochs: %+v, %v", r, err)
	}
}

// kept is a page of own notices, one for each count.
func kept(from, to uint64, size int) (p Page) {
	p.Total = to
	if from > 1 {
		p.Trimmed = Mark{Number: numbered(1, from-1, 0), Count: from - 1}
	}
	for n := from; n <= to; n++ {
		p.Kept = append(p.Kept, Notice{numbered(1, n, 0), n, size})
	}
	return p
}

func TestSender_KeepsItsWindow(t *testing.T) {
	for what, c := range map[string]struct {
		size, first, then int // how many leave at first, and after half of them are confirmed
	}{
		"small ones":            {1, 64, 32},
		"large ones":            {64 << 10, 4, 2},
		"larger than all of it": {1 << 20, 1, 0},
	} {
		s := NewSender(DefaultWindow, Cursor{}, [2]Number{numbered(1, 2, 0)})
		list, err := s.Next(View{kept(1, 200, c.size)})
		if err != nil || len(list) != c.first || list[0].Serial != 1 || !list[0].Again || c.first > 2 && list[2].Again {
			t.Errorf("%s: %d leave, %v", what, len(list), err)
		}
		if list, _ := s.Next(View{kept(1, 200, c.size)}); len(list) != 0 {
			t.Errorf("%s: %d more without a confirmation", what, len(list))
		}
		if err := s.Confirm(uint64(c.first / 2)); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		list, err = s.Next(View{kept(1, 200, c.size)})
		if err != nil || len(list) != c.then || c.then > 0 && list[0].Notice.Count != uint64(c.first+1) {
			t.Errorf("%s: %d leave after half was confirmed, %v", what, len(list), err)
		}
		if got := s.Confirmed()[Own].Sequence; got != uint64(c.first/2) {
			t.Errorf("%s: confirmed up to %d", what, got)
		}
		if err := s.Confirm(1000); !errors.Is(err, ErrConfirm) {
			t.Errorf("%s: what was never sent is confirmed: %v", what, err)
		}
	}
}

func TestSender_TellsGapsAndHoles(t *testing.T) {
	cursor := Cursor{Marks: Marks{{Number: numbered(1, 3, 0), Count: 3}}}
	s := NewSender(DefaultWindow, cursor, [2]Number{})
	list, err := s.Next(View{kept(11, 12, 1)})
	want := Gap{Range: Range{numbered(1, 3, 0), numbered(1, 10, 0)}, Missing: 7, Count: 10}
	if err != nil || len(list) != 3 || list[0].Gap != want || list[1].Notice.Count != 11 {
		t.Errorf("%+v, %v", list, err)
	}
	cursor.Marks[Own] = Mark{Number: numbered(1, 3, 0), Count: 30, Rough: true}
	s = NewSender(DefaultWindow, cursor, [2]Number{})
	if list, _ := s.Next(View{kept(11, 11, 1)}); len(list) != 2 || list[0].Gap.Missing != 1 || !list[0].Gap.AtLeast {
		t.Errorf("after it was set back: %+v", list)
	}
	s = NewSender(DefaultWindow, cursor, [2]Number{})
	if list, err := s.Next(View{kept(1, 4, 1)}); err != nil || len(list) != 1 || list[0].Notice.Count != 4 {
		t.Errorf("after it was set back, nothing trimmed: %+v, %v", list, err)
	}
	s = NewSender(Window{Notices: 1, Bytes: 1}, Cursor{}, [2]Number{})
	if list, _ := s.Next(View{kept(1, 2, 1)}); len(list) != 1 {
		t.Errorf("a window of one: %+v", list)
	}
	if list, _ := s.Next(View{kept(5, 6, 1)}); len(list) != 0 {
		t.Errorf("a gap is told beyond the window: %+v", list)
	}
	if err := s.Confirm(1); err != nil {
		t.Error(err)
	}
	if list, _ := s.Next(View{kept(5, 6, 1)}); len(list) != 1 || list[0].Gap.Missing != 3 {
		t.Errorf("a gap in a window of one: %+v", list)
	}
	hole := kept(1, 5, 1)
	hole.Kept = append(hole.Kept[:3], hole.Kept[4])
	for _, p := range []Page{hole, {Kept: hole.Kept[1:]}} {
		if _, err := NewSender(DefaultWindow, Cursor{}, [2]Number{}).Next(View{p}); !errors.Is(err, ErrStream) {
			t.Errorf("a hole: %v", err)
		}
	}
}

func TestStore_RefusesWhatDoesNotFollow(t *testing.T) {
	notice := func(stream Stream, sequence, count uint64) Message {
		return Message{Stream: stream, Notice: Notice{Number: numbered(5, sequence, 0), Count: count}}
	}
	gap := func(from, to, count uint64) Message {
		return Message{Gap: Gap{Range: Range{numbered(5, from, 0), numbered(5, to, 0)}, Missing: 1, Count: count}}
	}
	start := Store{Epoch: 6, Local: 40}
	start.Cursor = Cursor{Last: numbered(5, 20, 0), Marks: Marks{{Number: numbered(5, 10, 0), Count: 3}, {Number: numbered(5, 20, 0), Count: 8}}}
	for what, c := range map[string]struct {
		epoch  uint64
		m      Message
		stored bool
		err    error
	}{
		"the next":                   {6, notice(Own, 21, 4), true, nil},
		"the next, of a later epoch": {7, notice(Common, 21, 9), true, nil},
		"of a lower epoch":           {5, notice(Own, 21, 4), false, ErrLower},
		"twice":                      {6, notice(Common, 20, 8), false, nil},
		"one is missing":             {6, notice(Own, 21, 5), false, ErrOrder},
		"overtaken":                  {6, notice(Own, 19, 4), false, ErrOrder},
		"a gap":                      {6, gap(10, 18, 5), true, nil},
		"a gap from elsewhere":       {6, gap(11, 18, 5), false, ErrOrder},
		"a gap twice":                {6, gap(4, 10, 3), false, nil},
	} {
		s := start
		k, stored, err := s.Take(c.epoch, c.m)
		if stored != c.stored || !errors.Is(err, c.err) || err == nil && c.err != nil {
			t.Errorf("%s: stored %v, %v", what, stored, err)
		}
		if stored && (k.Local != 41 || s.Local != 41) || !stored && s.Local != 40 {
			t.Errorf("%s: number %d, then %d", what, k.Local, s.Local)
		}
	}
	s := start
	if err := s.Attach(5); !errors.Is(err, ErrLower) {
		t.Errorf("attached to a lower epoch: %v", err)
	}
	if _, _, err := s.Resume(5, Resumed{}); !errors.Is(err, ErrLower) {
		t.Errorf("goes on in a lower epoch: %v", err)
	}
	void := Range{From: last(5, 12), To: numbered(5, 20, 0)}
	if _, stored, err := s.Resume(6, Resumed{Void: &void}); !errors.Is(err, ErrOrder) || stored || s.Local != 40 {
		t.Errorf("it goes on from what it does not have: %v", err)
	}
	if k, stored, err := s.Resume(6, Resumed{From: s.Cursor, Void: &void}); err != nil || !stored || k.Local != 41 || *k.Void != void || s.Local != 41 {
		t.Errorf("what is void is kept as %+v, %v", k, err)
	}
}

func TestTrim_WhatEveryoneHasAndWhatIsTooMuch(t *testing.T) {
	var list []Aged
	for n := range uint64(10) {
		list = append(list, Aged{Notice{numbered(1, n+1, 0), n + 1, 10}, int64(n)})
	}
	wide := Bounds{Notices: 100, Bytes: 1000, Age: time.Hour}
	for what, c := range map[string]struct {
		b    Bounds
		had  uint64
		want int
	}{
		"nothing":          {wide, 0, 0},
		"what was had":     {wide, 4, 4},
		"too many":         {Bounds{7, 1000, time.Hour}, 0, 3},
		"too large":        {Bounds{100, 55, time.Hour}, 0, 5},
		"too old":          {Bounds{100, 1000, 4}, 0, 5},
		"more than enough": {Bounds{7, 1000, time.Hour}, 9, 9},
		"all":              {Bounds{}, 0, 10},
	} {
		if got := Trim(c.b, 9, numbered(1, c.had, 0), list); got != c.want {
			t.Errorf("%s: %d go, want %d", what, got, c.want)
		}
	}
	if HadByAll(nil) != (Number{}) || HadByAll([]Number{numbered(2, 9, 0), numbered(1, 5, 0), numbered(1, 7, 0)}) != (numbered(1, 5, 0)) {
		t.Error("what all have is not the lowest")
	}
}

// TestTrim_ADeadTerminalEvictsNobodyElses: every way of eight events in which notices go to two terminals, of which one takes none. The
// other one loses none that it would have had with both alive; with one bound for all it does.
func TestTrim_ADeadTerminalEvictsNobodyElses(t *testing.T) {
	const events = 8
	b := Bounds{Notices: 2, Bytes: 100, Age: time.Hour}
	// lost plays a way, and says how many notices of the live terminal went before it had them.
	lost := func(fates int, dead, together bool) (n int) {
		var own [2][]Aged
		var shared []Aged
		var had, hadShared [2]Number
		count := func(list []Aged, gone int, had Number) []Aged {
			for _, k := range list[:gone] {
				if k.Number.After(had) {
					n++
				}
			}
			return list[gone:]
		}
		for i := range events {
			a := Aged{Notice: Notice{Number: numbered(1, uint64(i+1), 0), Size: 1}}
			switch what := fates % 4; what {
			case 0, 1:
				own[what] = append(own[what], a)
			case 2:
				shared = append(shared, a)
			default:
				had[0], hadShared[0] = a.Number, a.Number
				if !dead {
					had[1], hadShared[1] = a.Number, a.Number
				}
			}
			fates /= 4
			mine := b
			if together {
				mine.Notices = max(0, b.Notices-len(own[1]))
			}
			own[0] = count(own[0], Trim(mine, 0, had[0], own[0]), had[0])
			own[1] = own[1][Trim(b, 0, had[1], own[1]):]
			shared = count(shared, Trim(b, 0, HadByAll(hadShared[:]), shared), hadShared[0])
		}
		return n
	}
	schedules, evicted := 0, 0
	for fates := range 1 << (2 * events) {
		schedules++
		if alone, beside := lost(fates, false, false), lost(fates, true, false); beside > alone {
			t.Fatalf("way %b: the live terminal loses %d beside a dead one, else %d", fates, beside, alone)
		}
		if lost(fates, true, true) > lost(fates, false, false) {
			evicted++
		}
	}
	t.Logf("measured: %d ways; with one bound for all it goes wrong in %d", schedules, evicted)
	if evicted == 0 {
		t.Error("with one bound for all nothing goes wrong")
	}
}

func numbered(epoch, sequence uint64, index uint32) Number {
	return Number{Epoch: epoch, Sequence: sequence, Index: index}
}
