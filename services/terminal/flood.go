package terminal

import (
	"log/slog"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/broker"
)

const (
	// unreadMost bounds the unread bytes of all applications together; fromOne the bytes that one of them may have
	// sent since they were last below that; lookEach is the number of bytes read between two checks.
	unreadMost = 32 << 20
	fromOne    = 8 << 20
	lookEach   = 4 << 20
	// perMessage is the cost of a message beside its bytes.
	perMessage = 2048
)

// weigh returns the cost of messages, in bytes.
func weigh(messages, bytes int64) int64 { return bytes + messages*perMessage }

// flood closes the connections of applications that send faster than the agent reads. Otherwise the server would
// buffer their messages until it treats the agent's own connection, which receives all of them, as a slow consumer. It
// is used by the goroutine that reads.
type flood struct {
	server *broker.Server
	own    *bus.Conn
	log    *slog.Logger

	since int64            // read since the last check
	sent  map[uint64]int64 // by each connection, when little was unread
}

// read counts a message, and checks now and then.
func (f *flood) read(m *nats.Msg) {
	if f.since += weigh(1, int64(len(m.Data))); f.since > lookEach {
		f.since = 0
		f.look(m.Sub)
	}
}

func (f *flood) look(sub *nats.Subscription) {
	apps, own, err := connections(f.server, f.own)
	if err != nil {
		return
	}
	messages, bytes, err := sub.Pending()
	if err != nil {
		return
	}
	unread := weigh(int64(messages), int64(bytes))
	if own != nil {
		unread += int64(own.Pending)
	}
	sent := make(map[uint64]int64, len(apps))
	for _, c := range apps {
		sent[c.Cid] = weigh(c.InMsgs, c.InBytes)
	}
	if unread <= unreadMost {
		f.sent = sent
		return
	}
	for id, now := range sent {
		if lately := now - f.sent[id]; lately > fromOne {
			f.log.Warn("an application sends faster than this agent can read; its connection is closed", "connection", id, "bytes", lately)
			// An error says that the application has closed the connection itself.
			_ = f.server.DisconnectClientByID(id)
		}
	}
}
