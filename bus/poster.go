package bus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// ErrNoAnswer says that a process did not answer in time; the outcome is unknown.
var ErrNoAnswer = errors.New("no answer in time")

// Poster posts calls to the processes of a host in the order in which they are given, and passes each answer to its
// callback. A blocking call would either stop its caller or, from goroutines, lose the order.
//
// Questions use another connection than orders: their answers may be large, and the process that answers may be
// occupied.
type Poster struct {
	orders, questions lane

	mu      sync.Mutex
	next    uint64
	pending map[uint64]*posted
}

// lane is a connection with the subject below which answers come on it.
type lane struct {
	conn   *Conn
	prefix string
}

// posted is a call that waits for its answer.
type posted struct {
	subject string
	process string
	done    func(m *nats.Msg, err error)
	timer   *time.Timer
}

// NewPoster subscribes to the answers.
func NewPoster(conns HostConns) (*Poster, error) {
	p := &Poster{pending: map[uint64]*posted{}}
	p.orders, p.questions = lane{conns.Control, conns.Control.NewInbox()}, lane{conns.Traffic, conns.Traffic.NewInbox()}
	for _, l := range []lane{p.orders, p.questions} {
		if _, err := l.conn.Subscribe(l.prefix+".*", p.answered); err != nil {
			return nil, fmt.Errorf("answers to calls: %w", err)
		}
	}
	return p, nil
}

// Post posts a call. done is called exactly once, from another goroutine. Errors: those of Ask, ErrNoAnswer, and
// ErrDisconnected when the process went down meanwhile.
func (e Endpoint[Q, A]) Post(p *Poster, q Q, within time.Duration, done func(A, error)) {
	data, err := e.encode(q)
	if err != nil {
		var none A
		go done(none, err)
		return
	}
	p.post(e.subject, e.process, data, within, func(m *nats.Msg, err error) {
		if err != nil {
			var none A
			done(none, err)
			return
		}
		done(e.read(m))
	})
}

// PostWait is Post for callers that can wait.
func (e Endpoint[Q, A]) PostWait(ctx context.Context, p *Poster, q Q, within time.Duration) (A, error) {
	type result struct {
		answer A
		err    error
	}
	got := make(chan result, 1)
	e.Post(p, q, within, func(a A, err error) { got <- result{a, err} })
	select {
	case r := <-got:
		return r.answer, r.err
	case <-ctx.Done():
		var none A
		return none, ctx.Err()
	}
}

func (p *Poster) post(subject, process string, data []byte, within time.Duration, done func(*nats.Msg, error)) {
	p.mu.Lock()
	p.next++
	n := p.next
	entry := &posted{subject: subject, process: process, done: done}
	p.pending[n] = entry
	entry.timer = time.AfterFunc(within, func() { p.finish(n, nil, ErrNoAnswer) })
	p.mu.Unlock()
	to := p.orders
	if IsQuestion(subject) {
		to = p.questions
	}
	m := &nats.Msg{Subject: subject, Reply: to.prefix + "." + strconv.FormatUint(n, 10), Data: data}
	if err := to.conn.PublishMsg(m); err != nil {
		go p.finish(n, nil, fmt.Errorf("%w: %w", ErrDisconnected, err))
	}
}

func (p *Poster) finish(n uint64, m *nats.Msg, err error) {
	p.mu.Lock()
	entry, ok := p.pending[n]
	delete(p.pending, n)
	p.mu.Unlock()
	if !ok {
		return
	}
	entry.timer.Stop()
	if err != nil {
		err = fmt.Errorf("%s: %w", entry.subject, err)
	}
	entry.done(m, err)
}

func (p *Poster) answered(m *nats.Msg) {
	n, err := strconv.ParseUint(m.Subject[strings.LastIndexByte(m.Subject, '.')+1:], 10, 64)
	if err != nil {
		return
	}
	if len(m.Data) == 0 && m.Header.Get("Status") == "503" {
		p.finish(n, nil, ErrNobody)
		return
	}
	p.finish(n, m, nil)
}

// Lost fails the calls to a process that went down.
func (p *Poster) Lost(process string) {
	p.mu.Lock()
	var gone []uint64
	for n, entry := range p.pending {
		if entry.process == process {
			gone = append(gone, n)
		}
	}
	p.mu.Unlock()
	for _, n := range gone {
		p.finish(n, nil, ErrDisconnected)
	}
}
