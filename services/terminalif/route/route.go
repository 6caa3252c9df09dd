// Package route sends requests to a service of this host: in batches, or as single messages to a program in any
// language.
package route

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/batch"
	"github.com/hotpair/hotpair/bus/outbox"
)

// ErrGone ends the requests in flight at a service that went down.
var ErrGone = errors.New("service went down")

// Route sends requests to a service.
type Route interface {
	Send(q bus.Request, done func(bus.Reply, error))
	// Fail ends the requests in flight, because their process is gone.
	Fail()
}

// Batches is the route to a service that accepts batches. Nothing here waits for the network.
func Batches(conn *bus.Conn, name string) (Route, error) {
	caller, err := batch.NewCaller[bus.Request, bus.Reply](batch.CallerConfig[bus.Request]{
		Conn: conn, Subject: bus.BatchSubject(name), ReplyPrefix: bus.AnswersPrefix(name),
		Size: func(q bus.Request) int { return len(q.Body) + 128 },
	})
	if err != nil {
		return nil, fmt.Errorf("batches of service %s: %w", name, err)
	}
	return batched{caller}, nil
}

// Singles is the route to a service of any language. ctx bounds all requests; run runs a goroutine that the owner
// waits for.
func Singles(ctx context.Context, conn *bus.Conn, run func(func())) Route {
	w := &singles{conn: conn, run: run, base: ctx}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	return w
}

// batched is the way to a service that takes batches.
type batched struct {
	caller *batch.Caller[bus.Request, bus.Reply]
}

func (p batched) Send(q bus.Request, done func(bus.Reply, error)) { p.caller.Go(q, done) }

func (p batched) Fail() { p.caller.Fail(ErrGone) }

// singles is the way to a service of any language: one message for each request, everything but the body in headers.
type singles struct {
	conn *bus.Conn
	run  func(func())
	base context.Context

	mu     sync.Mutex
	ctx    context.Context
	cancel context.CancelCauseFunc
}

func (w *singles) Send(q bus.Request, done func(bus.Reply, error)) {
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

func (w *singles) Fail() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cancel(ErrGone)
	w.ctx, w.cancel = context.WithCancelCause(w.base)
}

// headers carry a request's id, attempt, epoch and ticket.
func headers(q bus.Request) nats.Header {
	h := nats.Header{}
	switch {
	case q.Timer != nil:
		h.Set(outbox.HeaderTimer, q.Timer.String())
	case q.ID.App != "":
		h.Set(bus.HeaderRequestID, q.ID.App)
	default:
		h.Set(bus.HeaderCounter, strconv.FormatUint(q.ID.Counter, 10))
	}
	if q.Timer == nil {
		h.Set(bus.HeaderTerminal, bus.TerminalOf(q.ID.Terminal))
		h.Set(bus.HeaderTicket, q.Ticket)
	}
	h.Set(bus.HeaderAttempt, strconv.Itoa(q.Attempt))
	h.Set(bus.HeaderEpoch, strconv.FormatUint(q.Epoch, 10))
	h.Set(bus.HeaderDeadline, strconv.FormatInt(max(1, time.Duration(q.Remaining).Milliseconds()), 10)+"ms") // read in any language by its digits
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
		return bus.Reply{}, fmt.Errorf("%w: a service must not set the header %s; copy the proof in the reply to its commit to the header %s",
			bus.ErrMalformed, bus.HeaderPosition, bus.HeaderProof)
	}
	reply.Proof = m.Header.Get(bus.HeaderProof)
	return reply, nil
}
