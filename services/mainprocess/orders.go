package mainprocess

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
)

// errNoAnswer says that a process did not answer an order in time.
var errNoAnswer = errors.New("no answer in time")

// orders sends orders to the host's processes in the order in which they are given, and brings each answer to its
// callback. A request call that waits would either stop the driver or, from goroutines, lose the order.
//
// Questions go another way than orders: their answers may be large, and whoever is to answer may have much to do.
type orders struct {
	control, questions way
	ctx                context.Context

	mu      sync.Mutex
	next    uint64
	pending map[uint64]*order
}

// way is a connection with the subject below which answers come on it.
type way struct {
	conn   *bus.Conn
	prefix string
}

type order struct {
	subject string
	process string
	done    func(data []byte, err error)
	timer   *time.Timer
}

func newOrders(ctx context.Context, conns bus.HostConns) (*orders, error) {
	o := &orders{ctx: ctx, pending: map[uint64]*order{}}
	o.control, o.questions = way{conns.Control, conns.Control.NewInbox()}, way{conns.Traffic, conns.Traffic.NewInbox()}
	for _, w := range []way{o.control, o.questions} {
		if _, err := w.conn.Subscribe(w.prefix+".*", o.answered); err != nil {
			return nil, fmt.Errorf("answers to orders: %w", err)
		}
	}
	return o, nil
}

// send gives an order. done is called exactly once, from another goroutine. Errors: bus.ErrNobody, errNoAnswer,
// bus.ErrDisconnected when the process went down meanwhile.
func (o *orders) send(process, subject string, message any, within time.Duration, done func([]byte, error)) {
	o.mu.Lock()
	o.next++
	n := o.next
	entry := &order{subject: subject, process: process, done: done}
	o.pending[n] = entry
	entry.timer = time.AfterFunc(within, func() { o.finish(n, nil, errNoAnswer) })
	o.mu.Unlock()
	to := o.control
	if bus.IsQuestion(subject) {
		to = o.questions
	}
	m := &nats.Msg{Subject: subject, Reply: to.prefix + "." + strconv.FormatUint(n, 10), Data: bus.EncodeJSON(message)}
	if err := to.conn.PublishMsg(m); err != nil {
		go o.finish(n, nil, fmt.Errorf("%w: %w", bus.ErrDisconnected, err))
	}
}

func (o *orders) finish(n uint64, data []byte, err error) {
	o.mu.Lock()
	entry, ok := o.pending[n]
	delete(o.pending, n)
	o.mu.Unlock()
	if !ok {
		return
	}
	entry.timer.Stop()
	if err != nil {
		err = fmt.Errorf("%s: %w", entry.subject, err)
	}
	entry.done(data, err)
}

func (o *orders) answered(m *nats.Msg) {
	n, err := strconv.ParseUint(m.Subject[strings.LastIndexByte(m.Subject, '.')+1:], 10, 64)
	if err != nil {
		return
	}
	if len(m.Data) == 0 && m.Header.Get("Status") == "503" {
		o.finish(n, nil, bus.ErrNobody)
		return
	}
	o.finish(n, m.Data, nil)
}

// lost ends what was ordered of a process that went down.
func (o *orders) lost(process string) {
	o.mu.Lock()
	var gone []uint64
	for n, entry := range o.pending {
		if entry.process == process {
			gone = append(gone, n)
		}
	}
	o.mu.Unlock()
	for _, n := range gone {
		o.finish(n, nil, bus.ErrDisconnected)
	}
}

// ask gives an order whose answer is JSON of type A.
func ask[A any](o *orders, process, subject string, message any, within time.Duration, done func(A, error)) {
	o.send(process, subject, message, within, func(data []byte, err error) {
		var answer A
		if err == nil {
			err = bus.DecodeJSON(data, &answer)
		}
		done(answer, err)
	})
}

// askWait is ask for callers that can wait.
func askWait[A any](ctx context.Context, o *orders, process, subject string, message any, within time.Duration) (A, error) {
	type result struct {
		answer A
		err    error
	}
	got := make(chan result, 1)
	ask(o, process, subject, message, within, func(a A, err error) { got <- result{a, err} })
	select {
	case r := <-got:
		return r.answer, r.err
	case <-ctx.Done():
		var none A
		return none, ctx.Err()
	}
}
