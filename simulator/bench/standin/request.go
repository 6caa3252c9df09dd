package standin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/storage/position"
)

var (
	// ErrClosed says that the stand-in was closed before there was an answer.
	ErrClosed = errors.New("stand-in is closed")
	// ErrAnswer says that the pair answered with an error.
	ErrAnswer = errors.New("the pair answered with an error")
)

const (
	// deadline of a request, as at an agent.
	deadline = 30 * time.Second
	// overloadedPause is how long a request that must not be given up waits when the host is busy.
	overloadedPause = 20 * time.Millisecond
)

// Answer is what the application hears.
type Answer struct {
	Body     []byte
	Position position.Position // of the update, when something was written
}

// entry is one request that has no answer yet.
type entry struct {
	counter            uint64
	service, operation string
	body               []byte
	arrived            time.Time
	done               func(Answer, error)

	session *session // that has it now, or nil
	attempt int      // counts sendings that may have been executed
	doubt   bool     // one before the present sending may have been
}

// batch and item are what requests and answers travel in, between package bus at the hosts and here.
type batch[T any] struct {
	Items []item[T] `cbor:"1,keyasint"`
}

type item[T any] struct {
	Number uint64 `cbor:"1,keyasint"`
	Value  T      `cbor:"2,keyasint"`
}

// Ask sends a request of the application. done is called once, with the answer, ErrAnswer or ErrClosed, unless the request
// is withdrawn before; it must neither block nor call the stand-in. withdraw reports whether there was none yet.
func (t *Terminal) Ask(service, operation string, body []byte, done func(Answer, error)) (withdraw func() bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	t.counter++
	e := &entry{counter: t.counter, service: service, operation: operation, body: body, arrived: now, done: done}
	if t.ended {
		done(Answer{}, ErrClosed)
		return func() bool { return false }
	}
	t.pace.Note(now)
	t.waiting = append(t.waiting, e)
	t.send([]*entry{e})
	t.flush(nil)
	return func() bool {
		t.mu.Lock()
		defer t.mu.Unlock()
		return t.remove(e)
	}
}

// Call is Ask that waits, until ctx ends. The request may then still take effect.
func (t *Terminal) Call(ctx context.Context, service, operation string, body []byte) (Answer, error) {
	type outcome struct {
		answer Answer
		err    error
	}
	got := make(chan outcome, 1)
	withdraw := t.Ask(service, operation, body, func(a Answer, err error) { got <- outcome{a, err} })
	select {
	case o := <-got:
		return o.answer, o.err
	case <-ctx.Done():
		withdraw()
		return Answer{}, ctx.Err()
	}
}

// Waiting counts requests without an answer.
func (t *Terminal) Waiting() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.waiting)
}

// remove and all that follows need the lock. It reports whether the entry still waited.
func (t *Terminal) remove(e *entry) bool {
	i := slices.Index(t.waiting, e)
	if i < 0 {
		return false
	}
	t.waiting = slices.Delete(t.waiting, i, i+1)
	return true
}

// keep keeps what the session had, for the next.
func (t *Terminal) keep() {
	for _, e := range t.waiting {
		if e.session != nil {
			e.session, e.doubt = nil, true
		}
	}
}

// send sends requests to the session in one batch. When it listens no more, they wait for the next.
func (t *Terminal) send(list []*entry) {
	s := t.session
	if s == nil || len(list) == 0 || s.conn.subscription(bus.SessionRequests(s.id)) == nil {
		return
	}
	var requests batch[bus.Request]
	for _, e := range list {
		if e.attempt == 0 || e.doubt {
			e.attempt++
		}
		e.session = s
		requests.Items = append(requests.Items, item[bus.Request]{e.counter, bus.Request{
			ID: bus.RequestID{Counter: t.base + e.counter}, Oldest: t.base + t.waiting[0].counter, Attempt: e.attempt,
			Service: e.service, Operation: e.operation, Body: e.body,
			Remaining: max(int64(deadline-time.Since(e.arrived)), 1),
		}})
	}
	data, err := bus.Encode(requests)
	if err != nil {
		return // numbers, strings and bytes can be written
	}
	s.conn.deliver(bus.SessionRequests(s.id), s.answers+"standin.1", data)
}

// answered takes a batch of answers. The error is bus.ErrMalformed or bus.ErrVersion.
func (t *Terminal) answered(s *session, data []byte) error {
	var answers batch[bus.Reply]
	if err := bus.Decode(data, &answers); err != nil {
		return err
	}
	for _, a := range answers.Items {
		i := slices.IndexFunc(t.waiting, func(e *entry) bool { return e.counter == a.Number && e.session == s })
		if i >= 0 {
			t.settle(t.waiting[i], a.Value)
		}
	}
	return nil
}

// settle takes the answer to a request.
func (t *Terminal) settle(e *entry, reply bus.Reply) {
	switch {
	case reply.Code == bus.CodeNobody:
		e.session = nil // held, not executed
		return
	case reply.Code == bus.CodeOverloaded && e.doubt:
		// An earlier attempt may have taken effect, so "busy, not executed" would be a lie.
		e.session = nil
		time.AfterFunc(overloadedPause, func() { t.repeat(e) })
		return
	}
	t.remove(e)
	t.lastAnswer = time.Now()
	if reply.Code != bus.CodeOK {
		e.done(Answer{}, fmt.Errorf("%w: %d %s", ErrAnswer, reply.Code, reply.Message))
		return
	}
	if !reply.Position.IsZero() {
		t.receipts.add(bus.Receipt{Counter: t.base + e.counter, Position: reply.Position, Code: reply.Receipt})
	}
	e.done(Answer{Body: reply.Body, Position: reply.Position}, nil)
}

// repeat sends a request that was put off, if it still waits and is with nobody. It takes the lock.
func (t *Terminal) repeat(e *entry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.session == nil && slices.Contains(t.waiting, e) {
		t.send([]*entry{e})
		t.flush(nil)
	}
}
