package pace

import (
	"context"
	"time"
)

// Rest waits for d, or until ctx ends; the error is then its cause. When d is not positive nothing is waited for.
func Rest(ctx context.Context, d time.Duration) error {
	if d <= 0 || ctx.Err() != nil {
		return context.Cause(ctx)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
