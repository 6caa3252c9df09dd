package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hotpair/hotpair/simulator/bench/load"
	"github.com/hotpair/hotpair/simulator/bench/subject"
)

// lightCluster is a running pair with stand-ins for its terminals.
type lightCluster struct {
	*subject.Light
	active string
}

// startLight starts one, with TLS on its wires or in clear, and waits until it is whole.
func startLight(ctx context.Context, binary string, terminals int, sealed bool, settings ...string) (*lightCluster, error) {
	c, err := subject.StartLight(ctx, binary, terminals, sealed, settings...)
	if err != nil {
		return nil, err
	}
	l := &lightCluster{Light: c}
	if l.active, _, err = c.Whole(ctx); err != nil {
		return nil, errors.Join(err, l.Stop())
	}
	return l, nil
}

// measure adds what the hosts do for so many clients, beside the limit of the moment.
func (l *lightCluster) measure(ctx context.Context, r *run, n int, raw float64, duration time.Duration) error {
	clients := l.Fleet.Clients(n)
	defer clients.Close()
	m, err := watchLoad(ctx, l, clients, load.Put(1000), duration)
	if err != nil {
		return fmt.Errorf("stand-ins: %w", err)
	}
	m.tell(r, load.Put(1000), fmt.Sprintf("%d clients at stand-ins", n), l.active, []ceiling{{"of the limit", raw}})
	return nil
}
