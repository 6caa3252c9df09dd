// Package load is the work that clients at terminals do while something is measured: closed loops, each of which sends a
// request, waits for the answer and sends the next. Every answer is remembered with its time, so that rate, latency and
// the longest time without one can be told of any stretch afterwards.
package load

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
)

// ErrPrepare says that what an operation needs could not be put in place.
var ErrPrepare = errors.New("prepare load")

// Operation is one kind of request.
type Operation struct {
	Name    string // as "kv.put"
	Writes  bool
	Body    func(client, n int) []byte
	prepare func(client, clients int) []Request // what must be there before, shared out among the clients
}

// Request is one that puts in place what an operation needs.
type Request struct {
	Service, Operation string
	Body               []byte
}

// Preparation is what one of so many clients asks for, so that all that the operation needs is there.
func (o Operation) Preparation(client, clients int) []Request {
	if o.prepare == nil {
		return nil
	}
	return o.prepare(client, clients)
}

// value is what is stored: about what a session or an account has.
const value = "0123456789012345678901234567890123456789"

// Put writes keys of each client's own, keys each, in turn.
func Put(keys int) Operation {
	return Operation{Name: "kv.put", Writes: true, Body: func(client, n int) []byte {
		return fmt.Appendf(nil, `{"key":"bench-%d-%d","value":"`+value+`"}`, client, n%keys)
	}}
}

// Get reads keys that are shared by all.
func Get(keys int) Operation {
	return Operation{
		Name: "kv.get",
		Body: func(client, n int) []byte { return fmt.Appendf(nil, `{"key":"read-%d"}`, (client*7919+n)%keys) },
		prepare: func(client, clients int) (list []Request) {
			for k := client; k < keys; k += clients {
				list = append(list, Request{"kv", "put", fmt.Appendf(nil, `{"key":"read-%d","value":"`+value+`"}`, k)})
			}
			return list
		},
	}
}

// Transfer moves money between two of so many accounts.
func Transfer(accounts int) Operation {
	return Operation{
		Name: "ledger.transfer", Writes: true,
		Body: func(client, n int) []byte {
			from := (client*7919 + n*31) % accounts
			return fmt.Appendf(nil, `{"from":"bench-%d","to":"bench-%d","amount":1}`, from, (from+1+n%(accounts-1))%accounts)
		},
		prepare: func(client, clients int) (list []Request) {
			for k := client; k < accounts; k += clients {
				list = append(list, Request{"ledger", "open", []byte(`{"account":"bench-` + strconv.Itoa(k) + `","balance":1000000000}`)})
			}
			return list
		},
	}
}

// Clients are connections to terminals, each of which does its work alone.
type Clients struct {
	conns []*nats.Conn
	Logs
}

const (
	// AnswerWithin is longer than any gap that is measured: a request that gets no answer within it has failed.
	AnswerWithin = 25 * time.Second
	// Pause after a request without a positive answer, so that a pair that refuses is not flooded.
	Pause = 5 * time.Millisecond
)

// Connect makes n clients, spread over the terminals' addresses in turn.
func Connect(addresses []string, n int, options func(i int) []nats.Option) (*Clients, error) {
	c := &Clients{}
	for i := range n {
		all := []nats.Option{nats.MaxReconnects(-1), nats.ReconnectWait(10 * time.Millisecond), nats.Name("hotpair bench")}
		if options != nil {
			all = append(all, options(i)...)
		}
		conn, err := nats.Connect(addresses[i%len(addresses)], all...)
		if err != nil {
			c.Close()
			return nil, fmt.Errorf("connect to terminal at %s: %w", addresses[i%len(addresses)], err)
		}
		c.conns, c.Logs = append(c.conns, conn), append(c.Logs, &Log{})
	}
	return c, nil
}

// Share makes n clients that share so many connections, which are spread over the addresses in turn.
func Share(addresses []string, n, connections int) (*Clients, error) {
	c, err := Connect(addresses, min(n, connections), nil)
	if err != nil {
		return nil, err
	}
	for i := len(c.conns); i < n; i++ {
		c.conns, c.Logs = append(c.conns, c.conns[i%connections]), append(c.Logs, &Log{})
	}
	return c, nil
}

// Close ends the connections.
func (c *Clients) Close() {
	for _, conn := range c.conns {
		conn.Close()
	}
}

// Prepare puts in place what an operation needs. That something is there already is fine. Error: ErrPrepare.
func (c *Clients) Prepare(ctx context.Context, o Operation) error {
	failed := make([]error, len(c.conns))
	var working sync.WaitGroup
	for i, conn := range c.conns {
		working.Go(func() {
			for _, r := range o.Preparation(i, len(c.conns)) {
				within, cancel := context.WithTimeout(ctx, AnswerWithin)
				m, err := conn.RequestWithContext(within, "request."+r.Service+"."+r.Operation, r.Body)
				cancel()
				if err == nil {
					if code := m.Header.Get(bus.HeaderErrorCode); code != "" && code != strconv.Itoa(bus.CodeConflict) {
						err = errors.New(m.Header.Get(bus.HeaderError))
					}
				}
				if err != nil {
					failed[i] = fmt.Errorf("%w: %s: %w", ErrPrepare, o.Name, err)
					return
				}
			}
		})
	}
	working.Wait()
	return errors.Join(failed...)
}

// Run works until ctx ends; each client then waits for its last answer.
func (c *Clients) Run(ctx context.Context, o Operation) {
	subject := "request." + o.Name
	var working sync.WaitGroup
	for i, conn := range c.conns {
		working.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				if !c.Logs[i].ask(ctx, conn, subject, o.Body(i, n)) {
					time.Sleep(Pause)
				}
			}
		})
	}
	working.Wait()
}

// ask sends one request, notes what came of it and tells whether it was answered well. When the work ends, who waits
// gets a moment.
func (l *Log) ask(ctx context.Context, conn *nats.Conn, subject string, body []byte) bool {
	began := time.Now()
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), AnswerWithin)
	defer cancel()
	m, err := conn.RequestMsgWithContext(within, &nats.Msg{Subject: subject, Data: body})
	ok := err == nil && m.Header.Get(bus.HeaderErrorCode) == ""
	epoch := uint64(0)
	if ok {
		epoch = epochOf(m.Header.Get(bus.HeaderPosition))
	}
	l.Note(began, time.Now(), epoch, ok)
	return ok
}

// Knock sends one request through each client at the same moment, beside its loop, and gives how long each took, in the
// clients' order; one without a positive answer is 0. So it tells when the last of many terminals is served.
func (c *Clients) Knock(ctx context.Context, o Operation, done *atomic.Int64) []time.Duration {
	took := make([]time.Duration, len(c.conns))
	began := time.Now()
	var working sync.WaitGroup
	for i, conn := range c.conns {
		working.Go(func() {
			within, cancel := context.WithTimeout(ctx, AnswerWithin)
			defer cancel()
			m, err := conn.RequestMsgWithContext(within, &nats.Msg{Subject: "request." + o.Name, Data: o.Body(i, 0)})
			if err == nil && m.Header.Get(bus.HeaderErrorCode) == "" {
				took[i] = time.Since(began)
			}
			done.Add(1)
		})
	}
	working.Wait()
	return took
}
