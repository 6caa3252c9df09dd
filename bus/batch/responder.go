package batch

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
)

// Publisher sends messages of a connection.
type Publisher interface {
	PublishMsg(*nats.Msg) error
}

// Answerer takes the requests out of batches, however they come, and gathers the answers for each asker.
type Answerer[Q, A any] struct {
	conn   Publisher
	size   func(A) int
	handle func(q Q, subject string, answer func(A))
	stray  func(*nats.Msg, error)
	checks []func(*nats.Msg) error // what one of them refuses is stray

	backlog atomic.Int64

	mu      sync.Mutex
	senders map[string]*sender[A]
}

// Responder serves batches of a subject.
type Responder[Q, A any] struct {
	*Answerer[Q, A]
	conn *bus.Conn
	sub  *nats.Subscription
}

// maxAskers bounds the senders kept for reply prefixes; an idle sender is a few bytes and costs nothing to make again.
const maxAskers = 256

// NewAnswerer returns an Answerer. handle is called in order of arrival, on the goroutine of Take, and must not block;
// answer may be called once, later, from any goroutine. A message that is not a batch is passed to stray, which may be
// nil.
func NewAnswerer[Q, A any](conn Publisher, size func(A) int, handle func(q Q, subject string, answer func(A)), stray func(*nats.Msg, error)) *Answerer[Q, A] {
	return &Answerer[Q, A]{conn: conn, size: size, handle: handle, stray: stray, senders: map[string]*sender[A]{}}
}

// Take handles a message that arrived.
func (r *Answerer[Q, A]) Take(m *nats.Msg) {
	var requests batch[Q]
	err := r.check(m)
	if err == nil {
		err = bus.Decode(m.Data, &requests)
	}
	if err != nil {
		if r.stray != nil {
			r.stray(m, err)
		}
		return
	}
	s := r.sender(m.Reply)
	for _, q := range requests.Items {
		r.handle(q.Value, m.Subject, func(a A) {
			r.backlog.Add(int64(r.size(a)))
			s.send(q.Number, a)
		})
	}
}

func (r *Answerer[Q, A]) check(m *nats.Msg) error {
	for _, f := range r.checks {
		if err := f(m); err != nil {
			return err
		}
	}
	return nil
}

// NewResponder serves a subject, in a queue group when queue is not empty. handle and stray are those of an Answerer, called
// on one goroutine. A message that a check refuses is stray.
func NewResponder[Q, A any](conn *bus.Conn, subject, queue string, size func(A) int, handle func(q Q, subject string, answer func(A)), stray func(*nats.Msg, error), checks ...func(*nats.Msg) error) (*Responder[Q, A], error) {
	r := &Responder[Q, A]{Answerer: NewAnswerer(conn, size, handle, stray), conn: conn}
	r.checks = checks
	sub, err := conn.QueueSubscribe(subject, queue, r.Take)
	if err != nil {
		return nil, fmt.Errorf("serve %s: %w", subject, err)
	}
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		return nil, fmt.Errorf("serve %s: %w", subject, err)
	}
	r.sub = sub
	return r, nil
}

// Backlog is approximately how many bytes of answers could not be handed to the connection yet. It is large only when
// the asker does not read.
func (r *Answerer[Q, A]) Backlog() int64 { return r.backlog.Load() }

// Close stops accepting requests. Answers that are given after it are still sent.
func (r *Responder[Q, A]) Close() {
	// An error only says that the connection is closed already.
	_ = r.sub.Unsubscribe()
}

// Flush waits until the answers given so far have reached the server. A process that ends closes its connection only
// after it, so that no caller waits in vain. It returns the context's cause, or the error of the connection.
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

// sender for the asker behind a reply subject: all batches of one Caller share a prefix, so their answers gather.
func (r *Answerer[Q, A]) sender(reply string) *sender[A] {
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
