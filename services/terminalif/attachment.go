package terminalif

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/hotpair/hotpair/services/terminalif/numbers"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/batch"
	"github.com/hotpair/hotpair/services/terminalif/round"
	"github.com/hotpair/hotpair/services/terminalif/screening"
	"github.com/hotpair/hotpair/services/terminalif/wire"
)

// line is what an attachment needs of a connection to a terminal.
type line interface {
	wire.Asker
	batch.Publisher
	Subscribe(subject string, handle func(*nats.Msg)) (unsubscribe func())
}

// attachment is the session's part in the term.
type attachment struct {
	session *session
	conn    line
	done    *term // that was last attached in, or refused
	name    string
	stop    func() // takes no more requests; nil when not attached

	unnumbered bool // the agent says that its directory is new
}

// follow makes the attachment what the term wants. The error is that of the connection.
func (a *attachment) follow(ctx context.Context, t *term) error {
	if t == a.done {
		return nil
	}
	if t == nil {
		a.done = nil
		return a.detach(ctx)
	}
	return a.attach(ctx, t)
}

// attach takes one message to the terminal and one back.
func (a *attachment) attach(ctx context.Context, t *term) error {
	s := a.session
	a.close()
	a.name = rand.Text()
	done, err := s.turn(ctx)
	if err != nil {
		return err
	}
	defer done()
	a.listen(t)
	ctx, cancel := context.WithTimeout(ctx, orderWithin)
	defer cancel()
	var answer bus.AgentAttached
	base, err := a.base(ctx, t)
	if err != nil {
		return err
	}
	err = wire.Call(ctx, a.conn, bus.SubjectAgentAttach, bus.AgentAttach{
		PairID: t.PairID, Host: s.owner.config.Host, Identity: t.Identity, Epoch: t.Epoch,
		Counter: s.owner.attachCounter(t), Session: a.name, Base: base.Base, QueueBase: base.Queue, Queues: true, Services: s.owner.relay.services.catalogue(),
	}, &answer)
	if err != nil {
		return err
	}
	a.done = t
	a.unnumbered = a.unnumbered && !answer.OK
	s.heard(answer.Epoch)
	if !answer.OK {
		a.close()
		s.log.Warn("terminal refuses the attach", "epoch", t.Epoch, "error", wire.Clip(answer.Error))
		s.set(stateRefused, wire.Clip(answer.Error))
		t.round.Report(s, round.Refused)
		return nil
	}
	s.mu.Lock()
	s.gap = min(max(answer.Gap, 0), screening.Longest) // nothing waits longer there
	s.audit = 0
	s.mu.Unlock()
	s.set(stateAttached, "")
	t.round.Report(s, round.Attached)
	a.deliver(t, answer.Notices)
	return nil
}

// base asks the updater for the first number of an agent whose directory is new; 0 for any other.
func (a *attachment) base(ctx context.Context, t *term) (base numbers.Base, err error) {
	if !a.unnumbered {
		return base, nil
	}
	s := a.session
	base, err = numbers.Call.Ask(ctx, s.owner.conns.Traffic, numbers.Question{Epoch: t.Epoch, Terminal: s.id, Seen: s.seen.Load()})
	if err != nil {
		return base, fmt.Errorf("ask for the first number of its new directory: %w", err)
	}
	s.log.Info("the terminal's directory is new", "base", base.Base)
	return base, nil
}

// listen receives the requests that the agent sends to this attachment.
func (a *attachment) listen(t *term) {
	s := a.session
	var answerer *batch.Answerer[bus.Request, bus.Reply]
	handle := func(q bus.Request, _ string, send func(bus.Reply)) {
		answer := func(r bus.Reply) {
			if answerer.Backlog() > maxBacklog {
				s.condemn(errBacklog)
				return
			}
			send(r)
		}
		if !s.requests.Allow() {
			s.condemn(fmt.Errorf("%w: too many requests a second", wire.ErrHostile))
			return
		}
		if q.Service == "" { // the agent looks whether somebody is here
			answer(bus.Reply{})
			return
		}
		if q.Own {
			t.desk.Ask(s.id, q, answer)
			return
		}
		if q.ID.Counter > s.seen.Load() {
			s.seen.Store(q.ID.Counter)
		}
		s.owner.relay.take(s.id, t, q, answer)
	}
	stray := func(_ *nats.Msg, err error) { s.condemn(fmt.Errorf("%w: %w", wire.ErrHostile, err)) }
	size := func(r bus.Reply) int { return len(r.Body) + len(r.Message) + len(r.Receipt) + 64 }
	answerer = batch.NewAnswerer(a.conn, size, handle, stray)
	a.stop = a.conn.Subscribe(bus.SessionRequests(a.name), answerer.Take)
}

// detach tells the agent to keep its requests for another.
func (a *attachment) detach(ctx context.Context) error {
	if a.stop == nil {
		a.session.set(stateWarm, "")
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, orderWithin)
	defer cancel()
	var done bus.AgentDetached
	err := wire.Call(ctx, a.conn, bus.SubjectAgentDetach, bus.AgentDetach{Session: a.name}, &done)
	a.close()
	if err != nil {
		return err
	}
	a.session.set(stateWarm, "")
	return nil
}

// check compares the agent's statement with the expected one, and attaches again if it differs, as after a refusal
// whose reason is gone. A terminal that lies about it only moves its own attachment.
func (a *attachment) check(w bus.AgentWelcome) {
	a.unnumbered = w.New()
	t := a.done
	if t == nil {
		return
	}
	switch served := w.Epoch == t.Epoch && w.Fresh && w.Active == a.session.owner.config.Host; {
	case w.Epoch > t.Epoch:
		a.session.left(w.Active, w.Epoch)
	case a.stop == nil || !served:
		a.done = nil
	default:
		a.session.set(stateAttached, "") // whatever it pushed in between
	}
}

func (a *attachment) close() {
	if a.stop != nil {
		a.stop()
		a.stop = nil
	}
}

// lost is the end of the connection.
func (a *attachment) lost() {
	a.close()
	if t := a.session.owner.present(); t != nil {
		t.round.Report(a.session, round.Unreachable)
	}
}
