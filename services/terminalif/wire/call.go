package wire

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
)

// Asker sends a request to the other side of a connection and waits for the reply.
type Asker interface {
	Request(ctx context.Context, subject string, data []byte) (*nats.Msg, error)
}

// Call sends one request on a connection and waits for the reply, until ctx ends.
func Call(ctx context.Context, conn Asker, subject string, question, answer any) error {
	reply, err := conn.Request(ctx, subject, bus.EncodeJSON(question))
	if err != nil {
		return err
	}
	if err := bus.DecodeJSON(reply.Data, answer); err != nil {
		return fmt.Errorf("%w: %w", ErrHostile, err)
	}
	return nil
}
