package receipts

import (
	"testing"

	"github.com/hotpair/hotpair/bus"
)

func TestReceipts_KeepTheLast(t *testing.T) {
	dir := t.TempDir()
	r := New()
	for n := range uint64(most + 10) {
		r.Add(bus.Receipt{Counter: n + 1})
	}
	if err := r.save(dir); err != nil {
		t.Fatal(err)
	}
	again := New()
	if err := again.Load(dir); err != nil {
		t.Fatal(err)
	}
	again.Add(bus.Receipt{Counter: 1000})
	got := again.Last(0)
	if len(got) != most || got[0].Counter != 12 || got[len(got)-1].Counter != 1000 || got[len(got)-2].Counter != most+10 {
		t.Errorf("%d receipts from %d to %d", len(got), got[0].Counter, got[len(got)-1].Counter)
	}
	if two := again.Last(2); len(two) != 2 || two[1].Counter != 1000 {
		t.Errorf("last two %+v", two)
	}
}

// TestReceipts_BeforeTheAttach: what is acknowledged after an attach does not push out what an audit asks for.
func TestReceipts_BeforeTheAttach(t *testing.T) {
	r := New()
	span := func(got []bus.Receipt) (first, last uint64, n int) {
		if len(got) == 0 {
			return 0, 0, 0
		}
		return got[0].Counter, got[len(got)-1].Counter, len(got)
	}
	expect := func(what string, got []bus.Receipt, first, last uint64, n int) {
		t.Helper()
		if f, l, count := span(got); f != first || l != last || count != n {
			t.Errorf("%s: %d receipts from %d to %d, want %d from %d to %d", what, count, f, l, n, first, last)
		}
	}
	add := func(from, to uint64) {
		for n := from; n <= to; n++ {
			r.Add(bus.Receipt{Counter: n})
		}
	}
	r.Attached()
	expect("none yet", r.BeforeAttach(0), 0, 0, 0)
	add(1, 300)
	expect("not attached again yet", r.BeforeAttach(0), 0, 0, 0)
	r.Attached()
	expect("a full part", r.BeforeAttach(0), 45, 300, most)
	add(301, 310)
	expect("what came since is not asked for", r.BeforeAttach(0), 45, 300, most)
	expect("both parts", r.Last(0), 55, 310, most)
	expect("few of them", r.BeforeAttach(3), 298, 300, 3)
	r.Attached()
	expect("attached again soon", r.BeforeAttach(0), 55, 310, most)
	add(311, 1000)
	expect("long after", r.BeforeAttach(0), 55, 310, most)
	expect("the last", r.Last(0), 745, 1000, most)
}

func FuzzDecodeReceipts(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{1, 0x80, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		kept, err := decode(data)
		if err == nil && len(kept) > most {
			t.Fatal("too many")
		}
	})
}
