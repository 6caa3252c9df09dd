package operations

import (
	"context"
	"fmt"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/storage/position"
)

// backupThrottle is the pause between pieces of a backup, as a multiple of the time that a piece took to make:
// terminals have priority.
const backupThrottle = 1

// Backup writes a backup of this host's database, piece by piece.
func (o *Operations) Backup(ctx context.Context, caller operator.Caller, to operator.BackupOutput) (at position.Position, err error) {
	began := time.Now()
	page, err := o.backupPiece(ctx, bus.BackupOrder{})
	if err != nil {
		return at, err
	}
	defer func() {
		if err != nil {
			o.abandonBackup(page.Session)
			o.noteOutcome(caller, "backup", "backup for "+caller.By()+" broke off: "+err.Error())
		}
	}()
	to.Begin(page.Size)
	for piece := uint64(1); ; piece++ {
		if _, err := to.Write(page.Bytes); err != nil {
			return at, fmt.Errorf("%w: %s does not read it: %w", operator.ErrUnfinished, caller.By(), err)
		}
		if page.Last {
			o.noteOutcome(caller, "backup", fmt.Sprintf("backup at %v given to %s in %s", page.Position, caller.By(), time.Since(began).Round(time.Millisecond)))
			return page.Position, nil
		}
		asked := time.Now()
		session := page.Session
		if page, err = o.backupPiece(ctx, bus.BackupOrder{Session: session, Piece: piece}); err != nil {
			page.Session = session
			return at, err
		}
		if err := pace.Rest(ctx, backupThrottle*time.Since(asked)); err != nil {
			return at, fmt.Errorf("%w: %w", operator.ErrUnfinished, err)
		}
	}
}

func (o *Operations) backupPiece(ctx context.Context, order bus.BackupOrder) (bus.BackupPage, error) {
	page, err := bus.CallBackup.PostWait(ctx, o.Calls, order, callWithin)
	return page, updaterSaid(err)
}

// abandonBackup lets the updater trim again what it kept for the backup. An updater that misses the call ends the
// backup itself.
func (o *Operations) abandonBackup(session string) {
	bus.CallBackup.Post(o.Calls, bus.BackupOrder{Session: session, Abandon: true}, callWithin, func(bus.BackupPage, error) {})
}
