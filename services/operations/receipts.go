package operations

import (
	"context"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/terminalif/receipt"
)

// rotateReceipts makes a new key for signing receipts. Only the active can.
func (o *Operations) rotateReceipts(ctx context.Context, caller operator.Caller, _ operator.None) (receipt.Rotated, error) {
	done, err := receipt.CallRotate.PostWait(ctx, o.Calls, receipt.Rotate{}, tableDeadline)
	if err := updaterSaid(err); err != nil {
		return done, err
	}
	o.noteOutcome(caller, "receipts", "receipts are signed with a new key, requested from "+caller.From)
	return done, nil
}
