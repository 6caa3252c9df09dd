package link

import (
	"context"

	"github.com/hotpair/hotpair/services/pace"
)

// Keep runs once again and again until ctx ends, whose cause it gives. once connects, and returns when the connection is lost
// (nil) or when there was none (its error): then the next dial waits as pace.Redial says. After a loss it is made at once.
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
