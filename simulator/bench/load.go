package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
)

// writers are closed-loop clients: each sends kv.put, waits for the acknowledgement, sends the next.
type writers struct {
	conns []*nats.Conn
	acks  []ackLog
}

// ackLog is one writer's acknowledgements.
type ackLog struct {
	mu     sync.Mutex
	times  []time.Time
	took   []time.Duration
	failed int
}

func newWriters(c *cluster, n int) (*writers, error) {
	w := &writers{acks: make([]ackLog, n)}
	for i := range n {
		conn, err := nats.Connect(c.file.Terminals[i%len(c.file.Terminals)].Address, nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond))
		if err != nil {
			w.close()
			return nil, err
		}
		w.conns = append(w.conns, conn)
	}
	return w, nil
}

func (w *writers) close() {
	for _, c := range w.conns {
		c.Close()
	}
}

// run writes until ctx ends.
func (w *writers) run(ctx context.Context) {
	var wg sync.WaitGroup
	for i, conn := range w.conns {
		log := &w.acks[i]
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				body := fmt.Appendf(nil, `{"key":"bench-%d-%d","value":"0123456789012345678901234567890123456789"}`, i, n%1000)
				began := time.Now()
				m, err := conn.RequestMsg(&nats.Msg{Subject: "request.kv.put", Data: body}, 20*time.Second)
				now := time.Now()
				log.mu.Lock()
				if err == nil && m.Header.Get(bus.HeaderErrorCode) == "" {
					log.times = append(log.times, now)
					log.took = append(log.took, now.Sub(began))
				} else {
					log.failed++
				}
				log.mu.Unlock()
			}
		})
	}
	wg.Wait()
}

// gap gives the longest time between two acknowledgements that any writer saw in a window, and how many requests failed.
func (w *writers) gap(from, to time.Time) (longest time.Duration, failed int) {
	for i := range w.acks {
		log := &w.acks[i]
		log.mu.Lock()
		last := from
		for _, t := range log.times {
			if t.Before(from) {
				continue
			}
			if last != from {
				longest = max(longest, t.Sub(last))
			}
			last = t
			if t.After(to) {
				break
			}
		}
		if last.Before(to) {
			longest = max(longest, to.Sub(last)) // nothing more came
		}
		failed += log.failed
		log.mu.Unlock()
	}
	return longest, failed
}

// latencies gives all of a window, sorted.
func (w *writers) latencies(from, to time.Time) []time.Duration {
	var all []time.Duration
	for i := range w.acks {
		log := &w.acks[i]
		log.mu.Lock()
		for k, t := range log.times {
			if t.After(from) && !t.After(to) {
				all = append(all, log.took[k])
			}
		}
		log.mu.Unlock()
	}
	slices.Sort(all)
	return all
}

// at gives a percentile of what is sorted.
func at(sorted []time.Duration, p float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(p*float64(len(sorted))), len(sorted)-1)]
}
