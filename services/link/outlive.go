package link

import (
	"context"
	"fmt"

	"github.com/hotpair/hotpair/bus"
)

// Outlive returns when the first of main's own connections to its servers is lost, or ctx ends. A server closes a
// connection that it can't write to in time, as after the machine was stalled. Main would then continue to beat without
// hearing its processes, or leave the other main without answers: so it ends, as the other processes do.
func Outlive(ctx context.Context, conns ...*bus.Conn) error {
	lost := make(chan error, len(conns))
	for _, conn := range conns {
		up := conn.Up()
		defer context.AfterFunc(up, func() { lost <- context.Cause(up) })()
	}
	select {
	case err := <-lost:
		return fmt.Errorf("own connection: %w", err)
	case <-ctx.Done():
		return ctx.Err()
	}
}
