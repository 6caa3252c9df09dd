package bus

import (
	"context"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/services/fault"
)

// ErrUnknownCall says that the other side does not know a call: it runs another version.
var ErrUnknownCall = fault.New("unknown-call", "unknown call")

// Router passes calls to their handlers. Calls on one connection are handled in the order of their arrival,
// whatever endpoints they are for, so consecutive orders keep their order.
type Router struct {
	replies string
	takers  map[string]func(*nats.Msg)
}

// NewRouter returns a router without handlers. Answers go only to subjects below replies; to any when it is empty.
func NewRouter(replies string) *Router {
	if replies != "" {
		replies += "."
	}
	return &Router{replies: replies, takers: map[string]func(*nats.Msg){}}
}

// Handle has take answer the calls of an endpoint. take is called on the goroutine of the connection and must not block;
// answer may be called once, later, from anywhere. All of a router's endpoints are handled before it listens.
func (e Endpoint[Q, A]) Handle(r *Router, take func(q Q, answer func(A, error))) {
	r.takers[e.subject] = func(m *nats.Msg) {
		answer := func(a A, err error) { r.respond(m, e.reply(a, err)) }
		var q Q
		if err := e.decode(m.Data, &q); err != nil {
			var none A
			answer(none, err)
			return
		}
		take(q, answer)
	}
}

// Listen takes the calls that come to a subject, which may have wildcards. stop ends that.
func (r *Router) Listen(conn *Conn, subject string) (stop func(), err error) {
	sub, err := conn.Subscribe(subject, r.Take)
	if err != nil {
		return nil, fmt.Errorf("take calls at %s: %w", subject, err)
	}
	return func() { _ = sub.Unsubscribe() }, nil // fails only when the connection is closed already
}

// Take takes one call.
func (r *Router) Take(m *nats.Msg) {
	if take, known := r.takers[m.Subject]; known {
		take(m)
		return
	}
	r.respond(m, Endpoint[struct{}, struct{}]{}.reply(struct{}{}, fmt.Errorf("%w: %s", ErrUnknownCall, m.Subject)))
}

// respond sends a reply. A reply that can't be sent is lost with the connection, which its caller notices too.
func (r *Router) respond(m, reply *nats.Msg) {
	if m.Reply != "" && strings.HasPrefix(m.Reply, r.replies) {
		_ = m.RespondMsg(reply)
	}
}

// Group runs what takes its time beside the connection, as sync.WaitGroup does.
type Group interface{ Go(func()) }

// HandleIn is Handle for what takes its time: each call is carried out in a goroutine of the group, with a context that ends as ctx does.
func (e Endpoint[Q, A]) HandleIn(ctx context.Context, r *Router, group Group, carryOut func(context.Context, Q) (A, error)) {
	e.Handle(r, func(q Q, answer func(A, error)) {
		group.Go(func() { answer(carryOut(ctx, q)) })
	})
}
