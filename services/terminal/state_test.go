package terminal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
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

func FuzzReadSlot(f *testing.F) {
	f.Add(writeSlot(3, facts{PairID: "p", Epoch: 7}))
	f.Add([]byte{})
	f.Add(make([]byte, slotSize))
	f.Fuzz(func(t *testing.T, data []byte) { readSlot(data) })
}
