package terminal

import (
	"cmp"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/broker"
)

// unreadAnswers is what applications may leave unread of their answers, all together, in bytes: several times what hosts have in flight for
// one terminal.
const unreadAnswers = 256 << 20

// unread ends the connections of applications that do not read their answers, those with most first. The server would hold up to
// maxPending for each of them.
type unread struct {
	server *broker.Server
	own    *bus.Conn
	log    *slog.Logger

	since   atomic.Int64 // answered since the last look
	looking sync.Mutex
}

// answered takes note of an answer, and looks now and then.
func (u *unread) answered(bytes int) {
	if u.since.Add(int64(bytes)) > lookEach && u.looking.TryLock() {
		defer u.looking.Unlock()
		u.since.Store(0)
		u.look()
	}
}

func (u *unread) look() {
	apps, _, err := connections(u.server, u.own)
	if err != nil {
		return
	}
	all := 0
	for _, c := range apps {
		all += c.Pending
	}
	slices.SortFunc(apps, func(a, b *server.ConnInfo) int { return cmp.Compare(b.Pending, a.Pending) })
	for _, c := range apps {
		if all <= unreadAnswers {
			return
		}
		all -= c.Pending
		u.log.Warn("an application does not read its answers; its connection is closed", "connection", c.Cid, "bytes", c.Pending)
		// An error says that the application has closed the connection itself.
		_ = u.server.DisconnectClientByID(c.Cid)
	}
}

// connections are those of the applications, and the agent's own, which may be nil. An error says that the server
// stops, or that the agent's own connection is being made again.
func connections(s *broker.Server, agent *bus.Conn) (apps []*server.ConnInfo, own *server.ConnInfo, err error) {
	list, err := s.Connz(&server.ConnzOptions{Limit: 2 * appConnections})
	if err != nil {
		return nil, nil, err
	}
	id, err := agent.GetClientID()
	if err != nil {
		return nil, nil, err
	}
	apps = slices.DeleteFunc(list.Conns, func(c *server.ConnInfo) bool {
		if c.Cid == id {
			own = c
		}
		return c.Cid == id
	})
	return apps, own, nil
}
