package delivery

import (
	"context"
	"fmt"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/services/terminalif/wire"
)

// Over sends batches over a terminal's connection, to the session of a name.
func Over(conn wire.Asker, session string) Send {
	return func(ctx context.Context, b notice.Batch) (said notice.Stored, err error) {
		data, err := bus.Encode(b)
		if err != nil {
			return said, err
		}
		reply, err := conn.Request(ctx, notice.Subject(session), data)
		if err != nil {
			return said, err
		}
		if err := bus.Decode(reply.Data, &said); err != nil {
			return said, fmt.Errorf("%w: %w", wire.ErrHostile, err)
		}
		said.Why = wire.Clip(said.Why)
		return said, nil
	}
}
