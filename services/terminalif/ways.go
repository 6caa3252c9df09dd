package terminalif

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/pack"
)

// wayOf makes the way to a service. The relay's lock is held; nothing here waits for the network.
func (d *directory) wayOf(name string, packs bool) (way, error) {
	key := fmt.Sprintf("%s/%t", name, packs)
	if there, ok := d.ways[key]; ok {
		return there, nil
	}
	if !packs {
		ctx, cancel := context.WithCancelCause(d.ctx)
		d.ways[key] = &singles{conn: d.conn, run: d.run, base: d.ctx, ctx: ctx, cancel: cancel}
		return d.ways[key], nil
	}
	caller, err := pack.NewCaller[bus.Request, bus.Reply](pack.CallerConfig[bus.Request]{
		Conn: d.conn, Subject: bus.PackSubject(name), ReplyPrefix: bus.AnswersPrefix(name),
		Size: func(q bus.Request) int { return len(q.Body) + 128 },
	})
	if err != nil {
		return nil, fmt.Errorf("packs of service %s: %w", name, err)
	}
	d.ways[key] = packed{caller}
	return d.ways[key], nil
}

// packed is the way to a service that takes packs.
type packed struct {
	caller *pack.Caller[bus.Request, bus.Reply]
}

func (p packed) send(q bus.Request, done func(bus.Reply, error)) { p.caller.Go(q, done) }

func (p packed) fail() { p.caller.Fail(errGone) }

// singles is the way to a service of any language: one message for each request, everything but the body in headers.
type singles struct {
	conn *bus.Conn
	run  func(func())
	base context.Context

	mu     sync.Mutex
	ctx    context.Context
	cancel context.CancelCauseFunc
}

func (w *singles) send(q bus.Request, done func(bus.Reply, error)) {
	w.mu.Lock()
	ctx := w.ctx
	w.mu.Unlock()
	w.run(func() {
		ctx, cancel := context.WithTimeout(ctx, time.Duration(q.Remaining))
		defer cancel()
		m := &nats.Msg{Subject: bus.BusinessSubject(q.Service, q.Operation), Header: headers(q), Data: q.Body}
		answer, err := w.conn.RequestMessage(ctx, m)
		if err != nil {
			done(bus.Reply{}, err)
			return
		}
		reply, err := readReply(answer)
		done(reply, err)
	})
}

func (w *singles) fail() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cancel(errGone)
	w.ctx, w.cancel = context.WithCancelCause(w.base)
}

// headers carry a request's id, attempt, epoch and ticket.
func headers(q bus.Request) nats.Header {
	h := nats.Header{}
	h.Set(bus.HeaderTerminal, q.ID.Terminal)
	if q.ID.App != "" {
		h.Set(bus.HeaderRequestID, q.ID.App)
	} else {
		h.Set(bus.HeaderCounter, strconv.FormatUint(q.ID.Counter, 10))
	}
	h.Set(bus.HeaderTicket, q.Ticket)
	h.Set(bus.HeaderAttempt, strconv.Itoa(q.Attempt))
	h.Set(bus.HeaderEpoch, strconv.FormatUint(q.Epoch, 10))
	h.Set(bus.HeaderDeadline, time.Duration(q.Remaining).String())
	return h
}

// readReply reads a service's answer. The error is bus.ErrMalformed.
func readReply(m *nats.Msg) (bus.Reply, error) {
	reply := bus.Reply{Body: m.Data, Message: m.Header.Get(bus.HeaderError)}
	if text := m.Header.Get(bus.HeaderErrorCode); text != "" {
		code, err := strconv.Atoi(text)
		if err != nil || code < 400 || code > 599 {
			return bus.Reply{}, fmt.Errorf("%w: error code %.20q", bus.ErrMalformed, text)
		}
		reply.Code = code
	}
	if text := m.Header.Get(bus.HeaderPosition); text != "" {
		return bus.Reply{}, fmt.Errorf("%w: the header %s is not a service's to set; the reply to its commit has a proof, which goes into %s as it is",
			bus.ErrMalformed, bus.HeaderPosition, bus.HeaderProof)
	}
	reply.Proof = m.Header.Get(bus.HeaderProof)
	return reply, nil
}
