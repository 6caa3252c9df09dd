package updater

import (
	"errors"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/storage/position"
)

// TestDiskProbe_TimesAStandbyWhoseJournalGrows: only then, and never again after a failed fsync (R8).
func TestDiskProbe_TimesAStandbyWhoseJournalGrows(t *testing.T) {
	var now time.Duration
	var took bus.Histogram
	var broken error
	writes := 0
	p := &diskProbe{dir: t.TempDir(), took: &took, clock: func() time.Duration { return now }, log: slog.New(slog.DiscardHandler),
		sync: func(*os.File) error { writes++; now += 300 * time.Millisecond; return broken }}
	defer p.close()
	at := func(sequence uint64) position.Position { return position.Position{Epoch: 1, Sequence: sequence} }
	p.look(true, at(1)) // what was there at the start
	p.look(true, at(1))
	p.look(false, at(2)) // as the active it times its appends
	if writes != 0 {
		t.Errorf("%d writes without need", writes)
	}
	p.look(true, at(3))
	p.look(true, at(4))
	if s := took.Sample(); s.Count() != 2 || s.Sum != 600*time.Millisecond {
		t.Errorf("counted %d in %s", s.Count(), s.Sum)
	}
	if left, err := os.ReadDir(p.dir); err != nil || len(left) != 0 {
		t.Errorf("it leaves %v, %v", left, err)
	}
	broken = errors.New("input/output error")
	p.look(true, at(5))
	before := writes
	p.look(true, at(6))
	if s := took.Sample(); writes != before || s.Count() != 2 {
		t.Errorf("after a failed fsync: %d writes, %d counted", writes-before, s.Count())
	}
}
