package operations

import (
	"context"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/terminalif/receipt"
)

// rotateReceipts has receipts signed by a new key. Only the active can.
func (o *Operations) rotateReceipts(ctx context.Context, caller operator.Caller, _ operator.None) (receipt.Rotated, error) {
	done, err := receipt.CallRotate.PostWait(ctx, o.Calls, receipt.Rotate{}, tableDeadline)
	if err := updaterSaid(err); err != nil {
		return done, err
	}
	o.noteOutcome(caller, "receipts", "receipts are signed by a new key, as "+caller.From+" wanted")
	return done, nil
}
