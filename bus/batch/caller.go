package batch

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
)

// CallerConfig describes a Caller.
type CallerConfig[Q any] struct {
	Conn    *bus.Conn
	Subject string
	// ReplyPrefix is where answers come; empty takes a subject below the connection's inbox.
	ReplyPrefix string
	// Bound of requests in flight; beyond it ErrOverloaded.
	Bound int
	// Size estimates the bytes of a request.
	Size func(Q) int
}

// Caller sends requests in batches and passes each answer to its caller.
type Caller[Q, A any] struct {
	config CallerConfig[Q]
	sender *sender[Q]
	sub    *nats.Subscription
	prefix string

	mu      sync.Mutex
	next    uint64
	batches uint64
	pending map[uint64]pendingCall[A]
	inBatch map[uint64]*sentBatch // by number
	closed  error
}

// sentBatch is a batch that has left.
type sentBatch struct {
	numbers []uint64 // of its requests, to fail them when nobody serves the subject
	open    int      // those without an answer
}

type pendingCall[A any] struct {
	batch uint64
	done  func(A, error)
}

// NewCaller subscribes to the answers. Close ends it.
func NewCaller[Q, A any](c CallerConfig[Q]) (*Caller[Q, A], error) {
	prefix := c.ReplyPrefix
	if prefix == "" {
		prefix = c.Conn.NewInbox()
	} else {
		prefix += "." + rand.Text()
	}
	p := &Caller[Q, A]{config: c, prefix: prefix, pending: map[uint64]pendingCall[A]{}, inBatch: map[uint64]*sentBatch{}}
	p.sender = &sender[Q]{conn: c.Conn, subject: c.Subject, size: c.Size, reply: p.replySubject, sent: p.noteSent, failed: p.fail}
	sub, err := c.Conn.Subscribe(prefix+".*", p.answered)
	if err != nil {
		return nil, fmt.Errorf("answers of %s: %w", c.Subject, err)
	}
	// A slow reader must not lose answers: what is pending is bounded by Bound already.
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		return nil, fmt.Errorf("answers of %s: %w", c.Subject, err)
	}
	p.sub = sub
	return p, nil
}

// Go sends a request; done is called exactly once, on a goroutine of the connection, and must not block. Errors:
// ErrOverloaded and bus.ErrNobody (not executed), bus.ErrDisconnected (unknown).
func (p *Caller[Q, A]) Go(q Q, done func(A, error)) { p.begin(q, done) }

// begin is Go that gives the number under which the request is pending; 0 when it was refused.
func (p *Caller[Q, A]) begin(q Q, done func(A, error)) uint64 {
	p.mu.Lock()
	err := p.closed
	if err == nil && p.config.Bound > 0 && len(p.pending) >= p.config.Bound {
		err = ErrOverloaded
	}
	if err != nil {
		p.mu.Unlock()
		var none A
		done(none, err)
		return 0
	}
	p.next++
	n := p.next
	p.pending[n] = pendingCall[A]{done: done}
	p.mu.Unlock()
	p.sender.send(n, q)
	return n
}

// Call is Go that waits. When ctx ends first the request may still take effect.
func (p *Caller[Q, A]) Call(ctx context.Context, q Q) (A, error) {
	type result struct {
		answer A
		err    error
	}
	got := make(chan result, 1)
	n := p.begin(q, func(a A, err error) { got <- result{a, err} })
	select {
	case r := <-got:
		return r.answer, r.err
	case <-ctx.Done():
		p.take(n) // its caller has given up
		var none A
		return none, ctx.Err()
	}
}

// InFlight counts requests without an answer.
func (p *Caller[Q, A]) InFlight() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.pending)
}

// Fail ends every request in flight with err, for example because the process that had them is gone.
func (p *Caller[Q, A]) Fail(err error) {
	p.mu.Lock()
	pending := p.pending
	p.pending = map[uint64]pendingCall[A]{}
	clear(p.inBatch)
	p.mu.Unlock()
	var none A
	for _, c := range pending {
		c.done(none, err)
	}
}

// Close refuses new requests with bus.ErrDisconnected and ends those in flight with it.
func (p *Caller[Q, A]) Close() {
	p.mu.Lock()
	p.closed = bus.ErrDisconnected
	p.mu.Unlock()
	// An error only says that the connection is closed already.
	_ = p.sub.Unsubscribe()
	p.Fail(bus.ErrDisconnected)
}

func (p *Caller[Q, A]) replySubject() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.batches++
	return p.prefix + "." + strconv.FormatUint(p.batches, 10)
}

func batchNumber(subject string) uint64 {
	n, err := strconv.ParseUint(subject[strings.LastIndexByte(subject, '.')+1:], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func (p *Caller[Q, A]) noteSent(reply string, numbers []uint64) {
	k := batchNumber(reply)
	p.mu.Lock()
	defer p.mu.Unlock()
	open := 0
	for _, n := range numbers {
		if c, ok := p.pending[n]; ok {
			c.batch = k
			p.pending[n] = c
			open++
		}
	}
	if open > 0 {
		p.inBatch[k] = &sentBatch{numbers: numbers, open: open}
	}
}

func (p *Caller[Q, A]) fail(numbers []uint64, err error) {
	var none A
	for _, n := range numbers {
		if c, ok := p.take(n); ok {
			c.done(none, err)
		}
	}
}

// take removes a request and, with its last one, the batch it was in.
func (p *Caller[Q, A]) take(n uint64) (pendingCall[A], bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, ok := p.pending[n]
	if !ok {
		return c, false
	}
	delete(p.pending, n)
	if k := p.inBatch[c.batch]; k != nil {
		if k.open--; k.open == 0 {
			delete(p.inBatch, c.batch)
		}
	}
	return c, true
}

// requestsOf gives the requests of the batch to which a message answers.
func (p *Caller[Q, A]) requestsOf(m *nats.Msg) []uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if k := p.inBatch[batchNumber(m.Subject)]; k != nil {
		return k.numbers
	}
	return nil
}

func (p *Caller[Q, A]) answered(m *nats.Msg) {
	if len(m.Data) == 0 && m.Header.Get("Status") == "503" {
		p.fail(p.requestsOf(m), fmt.Errorf("%s: %w", p.config.Subject, bus.ErrNobody))
		return
	}
	var answers batch[A]
	if err := bus.Decode(m.Data, &answers); err != nil {
		p.fail(p.requestsOf(m), err)
		return
	}
	for _, a := range answers.Items {
		if c, ok := p.take(a.Number); ok {
			c.done(a.Value, nil)
		}
	}
}
