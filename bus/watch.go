package bus

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/services/pace"
)

// Watch finds out that the other side has fallen silent: it pings at each end of the interval, and closes the connection
// when two pings in a row have waited an interval each. So silence is found within three intervals, and by a process that
// has itself been stopped it is not, because the ping after that is answered. Watch returns when the connection is lost or
// ctx ends.
//
// The client library's own pings (ConnConfig.Ping) do the same at times of their own, and each of them wakes both processes
// up once more (package pace).
func (c *Conn) Watch(ctx context.Context, interval time.Duration) {
	c.watch(ctx, interval, pace.Next(interval))
}

// Suspect is Watch that asks at once: silence is found within two intervals.
func (c *Conn) Suspect(ctx context.Context, interval time.Duration) { c.watch(ctx, interval, 0) }

func (c *Conn) watch(ctx context.Context, interval, first time.Duration) {
	up := c.Up()
	tick := time.NewTimer(first)
	defer tick.Stop()
	for missed := 0; missed < 2; {
		if missed == 0 {
			select {
			case <-tick.C:
			case <-up.Done():
				return
			case <-ctx.Done():
				return
			}
		}
		within, cancel := context.WithTimeout(ctx, interval)
		err := c.FlushWithContext(within)
		cancel()
		switch {
		case up.Err() != nil || ctx.Err() != nil:
			return
		case errors.Is(err, context.DeadlineExceeded):
			missed++
		default:
			missed = 0
			tick.Reset(pace.Next(interval))
		}
	}
	c.drop(nats.ErrStaleConnection)
	c.Close()
}
