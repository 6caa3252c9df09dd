package replication

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
)

const (
	// suspectAfter is how long something may wait for the other updater before the connection is pinged, and how often:
	// silence is found three of these after what waits has had time to pass.
	suspectAfter = 100 * time.Millisecond
	// slowestLine is the least bandwidth between two updaters, in bytes a second. A ping waits behind what is on
	// its way, so a slower line looks silent.
	slowestLine = 1 << 20
)

// waitFor looks whether the other side of a connection has fallen silent while something of a size, in bytes, waits to pass
// and be answered, and closes the connection then. An idle pair may find that out later. over is called when nothing waits
// any more.
func waitFor(ctx context.Context, conn *bus.Conn, interval time.Duration, size int) (over func()) {
	waiting, cancel := context.WithCancel(ctx)
	passing := time.Duration(size) * time.Second / slowestLine
	late := time.AfterFunc(suspectAfter+passing, func() { conn.Suspect(waiting, interval) })
	return func() {
		late.Stop()
		cancel()
	}
}

// watching is a connection that is looked after while an answer of up to so many bytes is waited for.
type watching struct {
	conn  *bus.Conn
	large int
}

func (w watching) Request(ctx context.Context, subject string, data []byte) (*nats.Msg, error) {
	defer waitFor(ctx, w.conn, suspectAfter, len(data)+w.large)()
	return w.conn.Request(ctx, subject, data)
}
