package terminal

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/batch"
	"github.com/hotpair/hotpair/services/level"
	"github.com/hotpair/hotpair/services/membership"
	"github.com/hotpair/hotpair/services/terminal/inbox"
)

// maxName bounds what a host says about itself, in bytes; it is kept in one slot of the durable facts.
const maxName = 128

// maxBase bounds the base of a new directory's numbers: half of the numbers stay free.
const maxBase = 1 << 63

// maxLook bounds the check whether a host answers, and maxLooks the simultaneous checks: beyond them the state of its
// connection decides.
const (
	maxLook  = 2 * time.Second
	maxLooks = 8
)

// ErrRefused is the reason why an attach was refused; its text goes to the host.
var ErrRefused = errors.New("attach refused")

// session is the attachment of one host. It is entered by an accepted attach, and left when another is accepted, when
// its host detaches, or when its connection ends.
type session struct {
	id       string
	host     string
	identity string
	epoch    uint64
	client   uint64 // the server's id of its connection
	base     uint64 // what is added to this directory's numbers
	caller   *batch.Caller[bus.Request, bus.Reply]
	notices  *inbox.Session
}

// endedConnections remembers which connections ended last, for an attach that is answered while its connection ends.
type endedConnections struct {
	mu   sync.Mutex
	ids  [64]uint64
	next int
}

func (e *endedConnections) add(id uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ids[e.next%len(e.ids)] = id
	e.next++
}

func (e *endedConnections) has(id uint64) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Contains(e.ids[:], id)
}

// disconnected handles the server's event for each connection in the hosts' account that has ended.
func (a *Agent) disconnected(m *nats.Msg) {
	var event struct {
		Client struct {
			ID uint64 `json:"id"`
		} `json:"client"`
	}
	if err := json.Unmarshal(m.Data, &event); err != nil {
		a.log.Error("an event of the internal NATS server is unreadable", "error", err)
		return
	}
	a.ended.add(event.Client.ID)
	if s := a.table.attached(); s != nil && s.client == event.Client.ID {
		a.leave(s, "connection lost")
	}
}

// leave ends a session if it is still the attached one. Its requests wait for the next.
func (a *Agent) leave(s *session, why string) {
	a.queue.Detach(s.caller) // whichever session is attached now: this one may have been attached to the queue after it was lost
	if !a.table.lose(s) {
		return
	}
	s.caller.Close()
	a.log.Info("host left", "active", s.host, "epoch", s.epoch, "reason", why, "waiting", a.table.count())
	a.pushChange()
}

// pushChange tells every host, and HTTP applications, which host is attached now.
func (a *Agent) pushChange() {
	// An error says that the agent ends; its own connection reports that.
	_ = a.hosts.Publish(bus.SubjectAgentChanged, bus.EncodeJSON(a.change()))
	a.bell.ring()
}

func (a *Agent) change() bus.AgentChange {
	known := a.store.get()
	c := bus.AgentChange{Epoch: known.Epoch, Host: known.Host, Recent: a.pace.Recent(time.Now())}
	if s := a.table.attached(); s != nil {
		c.Fresh, c.Host = true, s.host
	}
	return c
}

// respond answers a host. Only inboxes are answered, so that a host can't make the agent call itself.
func (a *Agent) respond(m *nats.Msg, v any) {
	if !strings.HasPrefix(m.Reply, inboxPrefix) {
		a.log.Warn("a host's message without a reply subject is ignored", "subject", cut(m.Subject), "so_far", a.dropped.Add(1))
		return
	}
	_ = a.hosts.Publish(m.Reply, bus.EncodeJSON(v))
}

func (a *Agent) hello(m *nats.Msg) {
	change := a.change()
	welcome := bus.AgentWelcome{Levels: level.Own(), Terminal: a.config.ID, Epoch: change.Epoch, Active: change.Host, Fresh: change.Fresh, Recent: change.Recent, Directory: a.store.get().Directory,
		Unnumbered: a.store.get().Base == 0, QueueUnnumbered: a.store.get().QueueBase == 0}
	var hello bus.AgentHello
	if err := bus.DecodeJSON(m.Data, &hello); err != nil {
		welcome.Error = err.Error()
	} else if _, err := level.Meet(level.This("the agent"), level.Party{Name: "host " + hello.Host, Range: hello.Levels}); err != nil {
		welcome.Error = err.Error()
	} else {
		welcome.Error = cmp.Or(a.strangePair(hello.PairID), a.barred(hello.Host, hello.Identity))
	}
	if s := a.table.attached(); welcome.Error == "" && s != nil && s.identity == hello.Identity {
		a.catalogue.take(hello.Services)
	}
	a.respond(m, welcome)
}

// strangePair says why a pair id is not accepted, or "". A host that has not learned its pair id yet sends none.
func (a *Agent) strangePair(id string) string {
	if known := a.store.get().PairID; known != "" && id != "" && id != known {
		return fmt.Sprintf("this terminal belongs to pair %s, not to %s; its operator must set HOTPAIR_PAIR_ID to move it", known, id)
	}
	return ""
}

func (a *Agent) fresh(m *nats.Msg) {
	var ask bus.AgentFreshRequest
	if err := bus.DecodeJSON(m.Data, &ask); err != nil {
		return
	}
	answer := bus.AgentFresh{Epoch: a.store.get().Epoch}
	s := a.table.attached()
	if s == nil || s.identity == ask.Identity {
		a.respond(m, answer)
		return
	}
	answer.Fresh, answer.Host = true, s.host
	look := func() error {
		answer.Fresh = s.answers(min(ask.Look, maxLook))
		a.respond(m, answer)
		return nil
	}
	if ask.Look <= 0 || !a.looks.TryGo(look) {
		a.respond(m, answer)
	}
}

// answers reports whether the host is there: it answers a request for nothing within a time.
func (s *session) answers(within time.Duration) bool {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	_, err := s.caller.Call(ctx, bus.Request{})
	return err == nil
}

func (a *Agent) sendReceipts(m *nats.Msg) {
	var ask bus.ReceiptsRequest
	if err := bus.DecodeJSON(m.Data, &ask); err != nil {
		return
	}
	give := a.receipts.Last
	if ask.BeforeAttach {
		give = a.receipts.BeforeAttach
	}
	a.respond(m, bus.Receipts{Receipts: give(max(ask.Limit, 0))})
}

func (a *Agent) detach(m *nats.Msg) {
	var order bus.AgentDetach
	if err := bus.DecodeJSON(m.Data, &order); err != nil {
		a.respond(m, bus.AgentDetached{Error: err.Error()})
		return
	}
	a.attaching.Lock()
	defer a.attaching.Unlock()
	if s := a.table.attached(); s != nil && s.id == order.Session {
		a.leave(s, "detached")
	}
	a.respond(m, bus.AgentDetached{})
}

func (a *Agent) attach(m *nats.Msg) {
	a.attaching.Lock()
	defer a.attaching.Unlock()
	var order bus.AgentAttach
	if err := bus.DecodeJSON(m.Data, &order); err != nil {
		a.respond(m, bus.AgentAttached{Epoch: a.store.get().Epoch, Error: err.Error()})
		return
	}
	answer, err := a.accept(order)
	if err != nil {
		a.log.Warn("attach refused", "from", order.Host, "epoch", order.Epoch, "error", err)
		answer.Error = err.Error()
	}
	answer.OK, answer.Epoch = err == nil, a.store.get().Epoch
	a.respond(m, answer)
	if err == nil {
		a.pushChange()
	}
}

// accept carries an attach out. The order of its steps is the guarantee: the epoch is durable, then the session counts,
// then requests go to it, then it is answered.
func (a *Agent) accept(order bus.AgentAttach) (bus.AgentAttached, error) {
	var none bus.AgentAttached
	if err := a.mayAttach(order); err != nil {
		return none, err
	}
	client, err := a.connectionOf(order.Session)
	if err != nil {
		return none, err
	}
	caller, err := batch.NewCaller[bus.Request, bus.Reply](batch.CallerConfig[bus.Request]{
		Conn: a.hosts, Subject: bus.SessionRequests(order.Session), ReplyPrefix: bus.SessionAnswers(order.Session),
		Size: func(q bus.Request) int { return len(q.Body) + 128 },
	})
	if err != nil {
		return none, err
	}
	base, queueBase := cmp.Or(a.store.get().Base, order.Base), cmp.Or(a.store.get().QueueBase, order.QueueBase)
	err = a.store.update(func(f *facts) {
		f.PairID, f.Epoch, f.Host, f.Identity = order.PairID, order.Epoch, order.Host, order.Identity
		f.Attach, f.Base, f.QueueBase = order.Counter, base, queueBase
	})
	if err != nil {
		caller.Close()
		a.fail(err)
		return none, err
	}
	s := &session{id: order.Session, host: order.Host, identity: order.Identity, epoch: order.Epoch, client: client, base: base, caller: caller}
	session, cursor := a.inbox.Session(order.PairID, order.Epoch, a.reserve)
	s.notices = session
	a.catalogue.take(order.Services)
	before, again, gap := a.table.replace(s)
	a.receipts.Attached()
	if before != nil {
		a.queue.Detach(before.caller)
		before.caller.Close()
	}
	a.send(again)
	if order.Queues {
		a.queue.Attach(s.caller, order.PairID, queueBase)
	}
	a.log.Info("host attached", "active", s.host, "epoch", s.epoch, "waiting", len(again), "gap", gap)
	if a.ended.has(client) || a.doors.hosts.GetClient(client) == nil {
		a.leave(s, "connection lost while it attached")
	}
	return bus.AgentAttached{Waiting: len(again), Gap: gap, Notices: &cursor}, nil
}

// mayAttach is the fence (R5). The error is ErrRefused.
func (a *Agent) mayAttach(order bus.AgentAttach) error {
	known := a.store.get()
	for _, name := range []string{order.PairID, order.Host, order.Identity} {
		if name == "" || len(name) > maxName {
			return fmt.Errorf("%w: pair id, host and identity must have 1 to %d bytes", ErrRefused, maxName)
		}
	}
	if !bus.ValidName(order.Session) || order.Epoch == 0 {
		return fmt.Errorf("%w: session or epoch is missing", ErrRefused)
	}
	if strange := cmp.Or(a.strangePair(order.PairID), a.barred(order.Host, order.Identity)); strange != "" {
		return fmt.Errorf("%w: %s", ErrRefused, strange)
	}
	switch {
	case order.Epoch < known.Epoch:
		return fmt.Errorf("%w: epoch %d is over, host %s has epoch %d", ErrRefused, order.Epoch, known.Host, known.Epoch)
	case !membership.Reachable(known.Epoch, order.Epoch): // it would be durable, and no host could come after it
		return fmt.Errorf("%w: epoch %d is implausibly far above epoch %d", ErrRefused, order.Epoch, known.Epoch)
	case order.Epoch == known.Epoch && order.Identity != known.Identity:
		return fmt.Errorf("%w: epoch %d belongs to host %s", ErrRefused, order.Epoch, known.Host)
	case order.Epoch == known.Epoch && order.Counter <= known.Attach:
		return fmt.Errorf("%w: this host has attached again in epoch %d since", ErrRefused, order.Epoch)
	case order.QueueBase > maxBase:
		return fmt.Errorf("%w: the numbers of queued requests can't start at %d", ErrRefused, order.QueueBase)
	case known.Base == 0 && (order.Base == 0 || order.Base > maxBase):
		return fmt.Errorf("%w: the directory of this terminal is new, and its request numbers can't start at %d", ErrRefused, order.Base)
	}
	return nil
}

// connectionOf finds the connection that listens to the requests of a session: whose end is the end of the session.
func (a *Agent) connectionOf(session string) (uint64, error) {
	list, err := a.doors.hosts.Connz(&server.ConnzOptions{
		Account: hostsAccount, FilterSubject: bus.SessionRequests(session), Username: true, Subscriptions: true,
	})
	if err != nil {
		return 0, fmt.Errorf("find the connection of the session: %w", err)
	}
	for _, c := range list.Conns {
		if c.AuthorizedUser == bus.AgentUser && slices.Contains(c.Subs, bus.SessionRequests(session)) {
			return c.Cid, nil
		}
	}
	return 0, fmt.Errorf("%w: session %s does not listen for requests", ErrRefused, session)
}
