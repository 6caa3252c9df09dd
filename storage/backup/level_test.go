package backup

import (
	"testing"

	"github.com/hotpair/hotpair/services/level"
	"github.com/hotpair/hotpair/services/level/leveltest"
	"github.com/hotpair/hotpair/storage/history"
)

var rewrite = leveltest.Rewrite()

// TestLevel_Backup: a backup of each level, of ranges and of history behind them, is read as it was made.
func TestLevel_Backup(t *testing.T) {
	checkBackup(t, "file.backup", 1)
	checkBackup(t, "file-outbox.backup", history.OutboxLevel)
}

func checkBackup(t *testing.T, name string, at level.Level) {
	t.Helper()
	s := newSource(t)
	s.level = at
	s.grow(50)
	s.flush()
	grown := false
	made := s.back(func() {
		if !grown {
			grown = true
			s.grow(20)
		}
	})
	leveltest.Check(t, *rewrite, leveltest.Form[[]byte]{
		Name:   name,
		Encode: func(raw []byte) ([]byte, error) { return raw, nil },
		Decode: func(raw []byte) ([]byte, error) {
			_, err := Check(t.Context(), write(t, raw), ours, func(float64) {})
			return raw, err
		},
	}, made)
}
