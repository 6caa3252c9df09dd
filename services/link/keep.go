package link

import (
	"context"

	"github.com/hotpair/hotpair/services/pace"
)

// Keep calls once repeatedly until ctx ends, and returns its cause. once connects, and returns when the connection is
// lost (nil) or could not be made (its error): then the next dial waits as pace.Redial says. After a loss it follows at
// once.
func Keep(ctx context.Context, once func(context.Context) error) error {
	for failed := 0; ctx.Err() == nil; {
		if once(ctx) == nil {
			failed = 0
			continue
		}
		if err := pace.Rest(ctx, pace.Redial(failed)); err != nil {
			return err
		}
		failed++
	}
	return context.Cause(ctx)
}
