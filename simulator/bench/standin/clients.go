package standin

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hotpair/hotpair/simulator/bench/load"
)

// Clients are the applications at stand-ins: what load.Clients are at agents.
type Clients struct {
	load.Logs
	terminals []*Terminal
}

// Clients makes n of them, spread over the stand-ins in turn.
func (f *Fleet) Clients(n int) *Clients {
	c := &Clients{Logs: load.NewLogs(n)}
	for i := range n {
		c.terminals = append(c.terminals, f.terminals[i%len(f.terminals)])
	}
	return c
}

// Close does nothing: they have no connections of their own.
func (c *Clients) Close() {}

// Prepare puts in place what an operation needs. Error: load.ErrPrepare.
func (c *Clients) Prepare(ctx context.Context, o load.Operation) error {
	work, ctx := errgroup.WithContext(ctx)
	for i, t := range c.terminals {
		work.Go(func() error {
			for _, r := range o.Preparation(i, len(c.terminals)) {
				within, cancel := context.WithTimeout(ctx, load.AnswerWithin)
				_, err := t.Call(within, r.Service, r.Operation, r.Body)
				cancel()
				if err != nil {
					return fmt.Errorf("%w: %s: %w", load.ErrPrepare, o.Name, err)
				}
			}
			return nil
		})
	}
	return work.Wait()
}

// Run works until ctx ends; each client then waits for its last answer.
func (c *Clients) Run(ctx context.Context, o load.Operation) {
	service, operation, _ := strings.Cut(o.Name, ".")
	var working sync.WaitGroup
	for i, t := range c.terminals {
		working.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				began := time.Now()
				within, cancel := context.WithTimeout(context.WithoutCancel(ctx), load.AnswerWithin)
				answer, err := t.Call(within, service, operation, o.Body(i, n))
				cancel()
				c.Logs[i].Note(began, time.Now(), answer.Position.Epoch, err == nil)
				if err != nil {
					time.Sleep(load.Pause)
				}
			}
		})
	}
	working.Wait()
}

// knock is one request of Knock.
type knock struct {
	took     time.Duration
	withdraw func() bool
}

// Knock sends one request through each client at the same moment, beside its loop, and gives how long each took, in the
// clients' order; one without a positive answer is 0. One goroutine sends them all: a thousand that wake at the moment of a
// loss would be in its way.
func (c *Clients) Knock(ctx context.Context, o load.Operation, done *atomic.Int64) []time.Duration {
	service, operation, _ := strings.Cut(o.Name, ".")
	knocks := make([]knock, len(c.terminals))
	var answered sync.WaitGroup
	answered.Add(len(knocks))
	began := time.Now()
	for i, t := range c.terminals {
		knocks[i].withdraw = t.Ask(service, operation, o.Body(i, 0), func(_ Answer, err error) {
			if err == nil {
				knocks[i].took = time.Since(began)
			}
			done.Add(1)
			answered.Done()
		})
	}
	all := make(chan struct{})
	go func() {
		defer close(all)
		answered.Wait()
	}()
	within, cancel := context.WithTimeout(ctx, load.AnswerWithin)
	defer cancel()
	select {
	case <-all:
	case <-within.Done():
		for i := range knocks {
			if knocks[i].withdraw() {
				done.Add(1)
				answered.Done()
			}
		}
		<-all
	}
	took := make([]time.Duration, len(knocks))
	for i := range knocks {
		took[i] = knocks[i].took
	}
	return took
}
