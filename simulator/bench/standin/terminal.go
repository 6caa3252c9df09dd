package standin

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/level"
	"github.com/hotpair/hotpair/services/terminal"
)

// errRefused is why an attach was not accepted; its text goes to the host.
var errRefused = errors.New("attach refused")

// Terminal is the stand-in for one agent, with the application at it. All is under one lock.
type Terminal struct {
	id string

	mu    sync.Mutex
	ended bool
	conns []*conn

	// What an agent has on its disk.
	pair, host, identity string
	epoch, attaches      uint64
	counter, base        uint64 // of the last request; what the pair has it add

	session    *session // attached, or nil
	waiting    []*entry // requests without an answer, the oldest first
	lastAnswer time.Time
	pace       terminal.Pace
	receipts   receipts
}

// session is the attachment of one host.
type session struct {
	id             string
	host, identity string
	conn           *conn // whose end is its own
	answers        string
}

// newTerminal has the pair say where its numbers begin, as an agent whose directory is new.
func newTerminal(id string) *Terminal {
	return &Terminal{id: id}
}

// join takes a connection in; it reports false when the terminal is closed.
func (t *Terminal) join(c *conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return false
	}
	t.conns = append(t.conns, c)
	return true
}

// leave is the end of a connection. The other host hears of it at once.
func (t *Terminal) leave(c *conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.conns = slices.DeleteFunc(t.conns, func(other *conn) bool { return other == c })
	if t.session != nil && t.session.conn == c {
		t.lose()
		t.flush(nil)
	}
}

// close ends all connections and fails what waits.
func (t *Terminal) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	for _, c := range t.conns {
		c.close()
	}
	for _, e := range t.waiting {
		e.done(Answer{}, ErrClosed)
	}
	t.waiting = nil
}

// flush writes what gathered for hosts, for c before all others: it is who attaches. Like all that follows it needs
// the lock.
func (t *Terminal) flush(c *conn) {
	if c != nil {
		c.write()
	}
	for _, other := range t.conns {
		other.write()
	}
}

// take carries out what a host published.
func (t *Terminal) take(c *conn, m message) error {
	if s := t.session; s != nil && s.conn == c && strings.HasPrefix(m.subject, s.answers) {
		return t.answered(s, m.data)
	}
	switch m.subject {
	case bus.SubjectAgentHello:
		return reply(c, m, t.hello)
	case bus.SubjectAgentAttach:
		return reply(c, m, func(order bus.AgentAttach) bus.AgentAttached { return t.attach(c, order) })
	case bus.SubjectAgentDetach:
		return reply(c, m, t.detach)
	case bus.SubjectAgentFresh:
		return reply(c, m, t.fresh)
	case bus.SubjectAgentReceipts:
		return reply(c, m, t.receipts.asked)
	}
	// Also answers to a session that is over: whoever sent them asked nothing.
	if m.reply != "" {
		c.deny(m.reply)
	}
	return nil
}

// reply reads a question, has it answered and sends the answer. The error is bus.ErrMalformed.
func reply[Q, A any](c *conn, m message, answer func(Q) A) error {
	var question Q
	if err := bus.DecodeJSON(m.data, &question); err != nil {
		return err
	}
	c.deliver(m.reply, "", bus.EncodeJSON(answer(question)))
	return nil
}

func (t *Terminal) hello(hello bus.AgentHello) bus.AgentWelcome {
	change := t.change()
	welcome := bus.AgentWelcome{Levels: level.Own(), Terminal: t.id, Epoch: change.Epoch, Active: change.Host, Fresh: change.Fresh, Recent: change.Recent, Unnumbered: t.base == 0}
	if _, err := level.Meet(level.This("the agent"), level.Party{Name: "host " + hello.Host, Range: hello.Levels}); err != nil {
		welcome.Error = err.Error()
	} else if t.strange(hello.PairID) {
		welcome.Error = "this terminal belongs to pair " + t.pair
	}
	return welcome
}

// strange reports whether a pair is another than the first that attached. A host that has not learned its pair id yet
// sends none.
func (t *Terminal) strange(pair string) bool { return t.pair != "" && pair != "" && pair != t.pair }

func (t *Terminal) fresh(ask bus.AgentFreshRequest) bus.AgentFresh {
	answer := bus.AgentFresh{Epoch: t.epoch}
	if s := t.session; s != nil && s.identity != ask.Identity {
		answer.Fresh, answer.Host = true, s.host
	}
	return answer
}

func (t *Terminal) detach(order bus.AgentDetach) bus.AgentDetached {
	if t.session != nil && t.session.id == order.Session {
		t.lose()
	}
	return bus.AgentDetached{}
}

// attach makes a host the one that gets the requests: what waits is sent to it before it is answered.
func (t *Terminal) attach(c *conn, order bus.AgentAttach) bus.AgentAttached {
	if err := t.mayAttach(c, order); err != nil {
		return bus.AgentAttached{Epoch: t.epoch, Error: err.Error()}
	}
	t.pair, t.host, t.identity = order.PairID, order.Host, order.Identity
	t.epoch, t.attaches, t.base = order.Epoch, order.Counter, cmp.Or(t.base, order.Base)
	t.keep()
	t.session = &session{
		id: order.Session, host: order.Host, identity: order.Identity, conn: c, answers: bus.SessionAnswers(order.Session) + ".",
	}
	t.receipts.attached()
	answer := bus.AgentAttached{OK: true, Epoch: t.epoch, Waiting: len(t.waiting)}
	if len(t.waiting) > 0 {
		since := t.waiting[0].arrived
		if t.lastAnswer.After(since) {
			since = t.lastAnswer
		}
		answer.Gap = time.Since(since)
	}
	t.send(t.waiting)
	t.tell()
	return answer
}

// mayAttach is the fence (R5), that of an agent. The error is errRefused.
func (t *Terminal) mayAttach(c *conn, order bus.AgentAttach) error {
	switch {
	case order.PairID == "" || order.Host == "" || order.Identity == "" || order.Epoch == 0 || !bus.ValidName(order.Session):
		return fmt.Errorf("%w: it lacks pair id, host, identity, epoch or session", errRefused)
	case t.strange(order.PairID):
		return fmt.Errorf("%w: this terminal belongs to pair %s", errRefused, t.pair)
	case order.Epoch < t.epoch:
		return fmt.Errorf("%w: epoch %d is over, host %s has epoch %d", errRefused, order.Epoch, t.host, t.epoch)
	case order.Epoch == t.epoch && order.Identity != t.identity:
		return fmt.Errorf("%w: epoch %d belongs to host %s", errRefused, order.Epoch, t.host)
	case order.Epoch == t.epoch && order.Counter <= t.attaches:
		return fmt.Errorf("%w: a later attach of this host in epoch %d is known", errRefused, order.Epoch)
	case c.subscription(bus.SessionRequests(order.Session)) == nil:
		return fmt.Errorf("%w: nobody listens to the requests of session %s", errRefused, order.Session)
	}
	return nil
}

// lose ends the session: what it had is kept for the next, and every host hears of it.
func (t *Terminal) lose() {
	t.session = nil
	t.keep()
	t.tell()
}

// tell has every host hear who is attached now.
func (t *Terminal) tell() {
	change := bus.EncodeJSON(t.change())
	for _, c := range t.conns {
		c.deliver(bus.SubjectAgentChanged, "", change)
	}
}

func (t *Terminal) change() bus.AgentChange {
	c := bus.AgentChange{Epoch: t.epoch, Host: t.host, Recent: t.pace.Recent(time.Now())}
	if t.session != nil {
		c.Fresh, c.Host = true, t.session.host
	}
	return c
}
