package terminal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/hotpair/hotpair/bus"
)

func TestStore_KeepsWhatWasUpdated(t *testing.T) {
	dir := t.TempDir()
	for n := uint64(1); n <= 7; n++ {
		s, err := openStore(dir)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.get().Epoch; got != n-1 {
			t.Errorf("epoch %d, want %d", got, n-1)
		}
		if err := s.update(func(f *facts) { f.Epoch, f.Host = n, fmt.Sprint("host ", n) }); err != nil {
			t.Fatal(err)
		}
		if err := s.close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A write that is cut short anywhere leaves the facts before it.
func TestStore_SurvivesATornWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, factsFile)
	s, err := openStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.update(func(f *facts) { f.Epoch = 1 }); err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile(path)
	if err := s.update(func(f *facts) { f.Epoch = 2 }); err != nil {
		t.Fatal(err)
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	after, _ := os.ReadFile(path)
	for cut := 0; cut <= 2*slotSize; cut += 7 {
		// The beginning is of the new write, the rest still of the old one.
		torn := append(append([]byte{}, after[:cut]...), before[cut:]...)
		if err := os.WriteFile(path, torn, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := openStore(dir)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if got := s.get().Epoch; got != 1 && got != 2 {
			t.Errorf("cut at %d: epoch %d", cut, got)
		}
		_ = s.close()
	}
}

func TestStore_DoesNotStartOverAfterDamage(t *testing.T) {
	for _, data := range [][]byte{nil, []byte("x"), make([]byte, 2*slotSize)} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, factsFile), data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := openStore(dir); !errors.Is(err, ErrDamaged) {
			t.Errorf("%d bytes: %v", len(data), err)
		}
	}
}

// R8: after a failed write nothing is tried again.
func TestStore_FailsForGood(t *testing.T) {
	s, err := openStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	whole := s.file
	s.file, err = os.Open(whole.Name()) // for reading only
	if err != nil {
		t.Fatal(err)
	}
	defer whole.Close()
	if err := s.update(func(f *facts) { f.Epoch = 1 }); !errors.Is(err, ErrDisk) {
		t.Errorf("write: %v", err)
	}
	_ = s.file.Close()
	s.file = whole
	if err := s.update(func(f *facts) { f.Epoch = 2 }); !errors.Is(err, ErrDisk) {
		t.Errorf("later write: %v", err)
	}
	if got := s.get().Epoch; got != 0 {
		t.Errorf("epoch %d is shown as durable", got)
	}
}

func TestReceipts_KeepTheLast(t *testing.T) {
	dir := t.TempDir()
	r := newReceipts()
	for n := range uint64(keptReceipts + 10) {
		r.add(bus.Receipt{Counter: n + 1})
	}
	if err := r.save(dir); err != nil {
		t.Fatal(err)
	}
	again := newReceipts()
	if err := again.load(dir); err != nil {
		t.Fatal(err)
	}
	again.add(bus.Receipt{Counter: 1000})
	got := again.last(0)
	if len(got) != keptReceipts || got[0].Counter != 12 || got[len(got)-1].Counter != 1000 || got[len(got)-2].Counter != keptReceipts+10 {
		t.Errorf("%d receipts from %d to %d", len(got), got[0].Counter, got[len(got)-1].Counter)
	}
	if two := again.last(2); len(two) != 2 || two[1].Counter != 1000 {
		t.Errorf("last two %+v", two)
	}
}

// TestReceipts_BeforeTheAttach: what is acknowledged after an attach does not push out what an audit asks for.
func TestReceipts_BeforeTheAttach(t *testing.T) {
	r := newReceipts()
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
			r.add(bus.Receipt{Counter: n})
		}
	}
	r.attached()
	expect("none yet", r.beforeAttach(0), 0, 0, 0)
	add(1, 300)
	expect("not attached again yet", r.beforeAttach(0), 0, 0, 0)
	r.attached()
	expect("a full part", r.beforeAttach(0), 45, 300, keptReceipts)
	add(301, 310)
	expect("what came since is not asked for", r.beforeAttach(0), 45, 300, keptReceipts)
	expect("both parts", r.last(0), 55, 310, keptReceipts)
	expect("few of them", r.beforeAttach(3), 298, 300, 3)
	r.attached()
	expect("attached again soon", r.beforeAttach(0), 55, 310, keptReceipts)
	add(311, 1000)
	expect("long after", r.beforeAttach(0), 55, 310, keptReceipts)
	expect("the last", r.last(0), 745, 1000, keptReceipts)
}

func FuzzReadSlot(f *testing.F) {
	f.Add(writeSlot(3, facts{PairID: "p", Epoch: 7}))
	f.Add([]byte{})
	f.Add(make([]byte, slotSize))
	f.Fuzz(func(t *testing.T, data []byte) { readSlot(data) })
}

func FuzzDecodeReceipts(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{1, 0x80, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		kept, err := decodeReceipts(data)
		if err == nil && len(kept) > keptReceipts {
			t.Fatal("too many")
		}
	})
}
