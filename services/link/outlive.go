package link

import (
	"context"
	"fmt"

	"github.com/hotpair/hotpair/bus"
)

// Outlive ends with the first of main's own connections to its servers that is lost, or with ctx. A server closes what it
// can't write to in time, as after a machine has stood still. Main would go on beating then, and hear none of its processes, or
// leave the other main without an answer for ever: it ends, as the other processes do.
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
