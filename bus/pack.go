package bus

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"
)

// A pack carries what has gathered in one message: requests one way, answers the other. There is no timer. A pack
// leaves as soon as the one before it was handed to the connection, so alone a request waits for nothing, and under
// load a pack is what came meanwhile. Answers are paired by number and need not come in the packs of their requests.
//
// Measured here: with one message for each request the same path carried a half to a third as much at 64 clients.

// ErrBusy says that the bound of requests in flight is reached.
var ErrBusy = errors.New("too many requests in flight")

// packBytes is when a pack is sent although more waits: far below MaxPayload, large enough that framing is nothing.
const packBytes = 512 << 10

type pack[T any] struct {
	Items []numbered[T] `cbor:"1,keyasint"`
}

type numbered[T any] struct {
	Number uint64 `cbor:"1,keyasint"`
	Value  T      `cbor:"2,keyasint"`
}

// sender gathers items for one subject and sends them in packs. size estimates an item's bytes.
type sender[T any] struct {
	conn    *Conn
	subject string
	reply   func() string
	size    func(T) int
	sent    func(reply string, numbers []uint64)
	failed  func(numbers []uint64, err error)
	gone    func(bytes int) // items of that size were handed to the connection or given up; may be nil

	mu      sync.Mutex
	waiting []numbered[T]
	running chan struct{} // closed when the goroutine that sends has ended; nil when there is none
}

// send queues an item; the first one starts a goroutine that ends when nothing waits.
func (s *sender[T]) send(n uint64, v T) {
	s.mu.Lock()
	s.waiting = append(s.waiting, numbered[T]{n, v})
	start := s.running == nil
	if start {
		s.running = make(chan struct{})
	}
	s.mu.Unlock()
	if start {
		go s.drain()
	}
}

func (s *sender[T]) drain() {
	for {
		// Whoever can run now may have something for this pack; without this a pack under load holds one item, because
		// handing it to the connection is quick. Alone it costs nothing that can be measured.
		runtime.Gosched()
		s.mu.Lock()
		if len(s.waiting) == 0 {
			close(s.running)
			s.running, s.waiting = nil, nil
			s.mu.Unlock()
			return
		}
		take, bytes := 0, 0
		for take < len(s.waiting) && (take == 0 || bytes < packBytes) {
			bytes += s.size(s.waiting[take].Value)
			take++
		}
		items := s.waiting[:take:take]
		s.waiting = s.waiting[take:]
		s.mu.Unlock()
		s.publish(items)
		if s.gone != nil {
			s.gone(bytes)
		}
	}
}

// idle waits until what was queued before the call is handed to the connection.
func (s *sender[T]) idle(ctx context.Context) error {
	s.mu.Lock()
	running := s.running
	s.mu.Unlock()
	if running == nil {
		return nil
	}
	select {
	case <-running:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *sender[T]) publish(items []numbered[T]) {
	numbers := make([]uint64, len(items))
	for i := range items {
		numbers[i] = items[i].Number
	}
	data, err := Encode(pack[T]{items})
	if err != nil {
		s.failed(numbers, err)
		return
	}
	reply := s.reply()
	s.sent(reply, numbers)
	m := &nats.Msg{Subject: s.subject, Reply: reply, Data: data}
	if err := s.conn.PublishMsg(m); err != nil {
		s.failed(numbers, fmt.Errorf("%w: %w", ErrDisconnected, err))
	}
}

// CallerConfig describes a Caller.
type CallerConfig[Q any] struct {
	Conn    *Conn
	Subject string
	// ReplyPrefix is where answers come; empty takes a subject below the connection's inbox.
	ReplyPrefix string
	// Bound of requests in flight; beyond it ErrBusy.
	Bound int
	// Size estimates the bytes of a request.
	Size func(Q) int
}

// Caller sends requests in packs and hands each answer to who asked.
type Caller[Q, A any] struct {
	config CallerConfig[Q]
	sender *sender[Q]
	sub    *nats.Subscription
	prefix string

	mu      sync.Mutex
	next    uint64
	packs   uint64
	pending map[uint64]pendingCall[A]
	inPack  map[uint64][]uint64 // pack number → its requests, to fail them when nobody serves the subject
	closed  error
}

type pendingCall[A any] struct {
	pack uint64
	done func(A, error)
}

// NewCaller subscribes to the answers. Close ends it.
func NewCaller[Q, A any](c CallerConfig[Q]) (*Caller[Q, A], error) {
	prefix := c.ReplyPrefix
	if prefix == "" {
		prefix = c.Conn.NewInbox()
	} else {
		prefix += "." + nuid.Next()
	}
	p := &Caller[Q, A]{config: c, prefix: prefix, pending: map[uint64]pendingCall[A]{}, inPack: map[uint64][]uint64{}}
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
// ErrBusy and ErrNobody (not executed), ErrDisconnected (unknown).
func (p *Caller[Q, A]) Go(q Q, done func(A, error)) { p.begin(q, done) }

// begin is Go that gives the number under which the request is pending; 0 when it was refused.
func (p *Caller[Q, A]) begin(q Q, done func(A, error)) uint64 {
	p.mu.Lock()
	err := p.closed
	if err == nil && p.config.Bound > 0 && len(p.pending) >= p.config.Bound {
		err = ErrBusy
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
		p.take(n) // nobody waits for it any more
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
	clear(p.inPack)
	p.mu.Unlock()
	var none A
	for _, c := range pending {
		c.done(none, err)
	}
}

// Close refuses new requests with ErrDisconnected and ends those in flight with it.
func (p *Caller[Q, A]) Close() {
	p.mu.Lock()
	p.closed = ErrDisconnected
	p.mu.Unlock()
	// An error only says that the connection is closed already.
	_ = p.sub.Unsubscribe()
	p.Fail(ErrDisconnected)
}

func (p *Caller[Q, A]) replySubject() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.packs++
	return p.prefix + "." + strconv.FormatUint(p.packs, 10)
}

func packNumber(subject string) uint64 {
	n, err := strconv.ParseUint(subject[strings.LastIndexByte(subject, '.')+1:], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func (p *Caller[Q, A]) noteSent(reply string, numbers []uint64) {
	k := packNumber(reply)
	p.mu.Lock()
	defer p.mu.Unlock()
	open := numbers[:0:0]
	for _, n := range numbers {
		if c, ok := p.pending[n]; ok {
			c.pack = k
			p.pending[n] = c
			open = append(open, n)
		}
	}
	if len(open) > 0 {
		p.inPack[k] = open
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

// take removes a request and, with its last one, the pack it was in.
func (p *Caller[Q, A]) take(n uint64) (pendingCall[A], bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, ok := p.pending[n]
	if !ok {
		return c, false
	}
	delete(p.pending, n)
	rest := p.inPack[c.pack]
	for i, m := range rest {
		if m == n {
			rest[i] = rest[len(rest)-1]
			rest = rest[:len(rest)-1]
			break
		}
	}
	if len(rest) == 0 {
		delete(p.inPack, c.pack)
	} else {
		p.inPack[c.pack] = rest
	}
	return c, true
}

func (p *Caller[Q, A]) answered(m *nats.Msg) {
	if len(m.Data) == 0 && m.Header.Get("Status") == "503" {
		k := packNumber(m.Subject)
		p.mu.Lock()
		numbers := append([]uint64(nil), p.inPack[k]...)
		p.mu.Unlock()
		p.fail(numbers, fmt.Errorf("%s: %w", p.config.Subject, ErrNobody))
		return
	}
	var answers pack[A]
	if err := Decode(m.Data, &answers); err != nil {
		k := packNumber(m.Subject)
		p.mu.Lock()
		numbers := append([]uint64(nil), p.inPack[k]...)
		p.mu.Unlock()
		p.fail(numbers, err)
		return
	}
	for _, a := range answers.Items {
		if c, ok := p.take(a.Number); ok {
			c.done(a.Value, nil)
		}
	}
}

// Responder serves packs: it takes the requests out and gathers the answers for each asker.
type Responder[Q, A any] struct {
	conn   *Conn
	size   func(A) int
	handle func(q Q, subject string, answer func(A))
	sub    *nats.Subscription

	backlog atomic.Int64

	mu      sync.Mutex
	senders map[string]*sender[A]
}

// maxAskers bounds the senders kept for reply prefixes; an idle sender is a few bytes and costs nothing to make again.
const maxAskers = 256

// NewResponder serves a subject, in a queue group when queue is not empty. handle is called in order of arrival, on
// one goroutine, and must not block; answer may be called once, later, from anywhere. A message that is no pack is
// passed to stray (which may be nil).
func NewResponder[Q, A any](conn *Conn, subject, queue string, size func(A) int, handle func(q Q, subject string, answer func(A)), stray func(*nats.Msg, error)) (*Responder[Q, A], error) {
	r := &Responder[Q, A]{conn: conn, size: size, handle: handle, senders: map[string]*sender[A]{}}
	sub, err := conn.QueueSubscribe(subject, queue, func(m *nats.Msg) {
		var requests pack[Q]
		if err := Decode(m.Data, &requests); err != nil {
			if stray != nil {
				stray(m, err)
			}
			return
		}
		s := r.sender(m.Reply)
		for _, q := range requests.Items {
			handle(q.Value, m.Subject, func(a A) {
				r.backlog.Add(int64(size(a)))
				s.send(q.Number, a)
			})
		}
	})
	if err != nil {
		return nil, fmt.Errorf("serve %s: %w", subject, err)
	}
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		return nil, fmt.Errorf("serve %s: %w", subject, err)
	}
	r.sub = sub
	return r, nil
}

// Backlog is about how many bytes of answers were given and could not yet be handed to the connection: large only when
// the asker does not read.
func (r *Responder[Q, A]) Backlog() int64 { return r.backlog.Load() }

// Close stops taking requests. Answers that are still given are sent.
func (r *Responder[Q, A]) Close() {
	// An error only says that the connection is closed already.
	_ = r.sub.Unsubscribe()
}

// Flush waits until the answers given so far have reached the server: a process that ends closes its connection only
// then, or who asked would hear nothing. It returns the context's cause, or what is wrong with the connection.
func (r *Responder[Q, A]) Flush(ctx context.Context) error {
	r.mu.Lock()
	senders := slices.Collect(maps.Values(r.senders))
	r.mu.Unlock()
	for _, s := range senders {
		if err := s.idle(ctx); err != nil {
			return err
		}
	}
	return r.conn.FlushWithContext(ctx)
}

// sender for the asker behind a reply subject: all packs of one Caller share a prefix, so their answers gather.
func (r *Responder[Q, A]) sender(reply string) *sender[A] {
	prefix := reply
	if i := strings.LastIndexByte(reply, '.'); i >= 0 {
		prefix = reply[:i]
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if s, ok := r.senders[prefix]; ok {
		return s
	}
	if len(r.senders) >= maxAskers {
		clear(r.senders)
	}
	s := &sender[A]{
		conn: r.conn, subject: prefix + ".0", size: r.size,
		reply:  func() string { return "" },
		sent:   func(string, []uint64) {},
		failed: func([]uint64, error) {}, // the asker fails its requests when the connection is lost
		gone:   func(bytes int) { r.backlog.Add(-int64(bytes)) },
	}
	r.senders[prefix] = s
	return s
}
