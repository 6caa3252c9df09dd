package terminal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

func TestDisk_KeepsTheFactsOfManyAgents(t *testing.T) {
	dir := t.TempDir()
	const n = 50
	for round := range uint64(3) {
		d, err := OpenDisk(dir)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := OpenDisk(dir); !errors.Is(err, ErrInUse) {
			t.Errorf("opened twice: %v", err)
		}
		var all sync.WaitGroup
		for i := range n {
			all.Go(func() {
				s, err := d.open(fmt.Sprint("t", i))
				if err != nil {
					t.Error(err)
					return
				}
				want := facts{Terminal: fmt.Sprint("t", i), Epoch: round * uint64(i+1)}
				if got := s.get(); got != want {
					t.Errorf("round %d: %+v, want %+v", round, got, want)
				}
				if err := s.update(func(f *facts) { f.Epoch += uint64(i + 1) }); err != nil {
					t.Error(err)
				}
				if _, err := d.open(fmt.Sprint("t", i)); !errors.Is(err, ErrInUse) {
					t.Errorf("agent opened twice: %v", err)
				}
				if err := s.close(); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDisk_DoesNotStartOverAfterDamage(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, disksFile)
	d, err := OpenDisk(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"t1", "t2"} {
		if _, err := d.open(id); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// The last agent's first start was cut short: it promised nothing yet.
	if err := os.WriteFile(path, whole[:len(whole)-2*slotSize+10], 0o600); err != nil {
		t.Fatal(err)
	}
	d, err = OpenDisk(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.regions) != 1 {
		t.Errorf("%d agents", len(d.regions))
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	damaged := append(make([]byte, 2*slotSize), whole[2*slotSize:]...)
	if err := os.WriteFile(path, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenDisk(dir); !errors.Is(err, ErrDamaged) {
		t.Errorf("damaged: %v", err)
	}
}

func TestDisk_FailsForGood(t *testing.T) {
	d, err := OpenDisk(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s, err := d.open("t1")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.file.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.update(func(f *facts) { f.Epoch++ }); !errors.Is(err, ErrDisk) {
			t.Errorf("update: %v", err)
		}
	}
	if err := d.flush(); err == nil {
		t.Error("flush after a failure")
	}
}

// An agent whose own facts can't be read must not begin anew on the disk that it shares with others: it would have forgotten its
// epoch (R5).
func TestDisk_TakesNoAgentWhoseOwnFactsCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink(factsFile, filepath.Join(dir, factsFile)); err != nil { // that leads to itself
		t.Fatal(err)
	}
	d, err := OpenDisk(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	ctx, cancel := context.WithCancel(t.Context())
	a := New(Config{ID: "t1", Listen: "127.0.0.1:0", Apps: "127.0.0.1:0", Key: "k", Data: dir, Disk: d})
	go func() {
		<-a.Started() // it must not come to that
		cancel()
	}()
	if err := a.Run(ctx); !errors.Is(err, syscall.ELOOP) {
		t.Errorf("it ended with %v", err)
	}
}
