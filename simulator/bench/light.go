package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hotpair/hotpair/deployments/local"
	"github.com/hotpair/hotpair/simulator/bench/load"
	"github.com/hotpair/hotpair/simulator/bench/standin"
)

// lightCluster is a running pair with stand-ins for its terminals.
type lightCluster struct {
	*cluster
	fleet  *standin.Fleet
	active string
}

// startLight is startCluster with stand-ins, which run in this process and are named as a cluster names its terminals.
func startLight(ctx context.Context, binary string, terminals int, settings ...string) (*lightCluster, error) {
	ids := make([]string, terminals)
	for i := range ids {
		ids[i] = local.TerminalID(i)
	}
	fleet, err := standin.Open(ids)
	if err != nil {
		return nil, err
	}
	c, err := launch(ctx, binary, terminals, fleet.List(), settings)
	if err != nil {
		return nil, errors.Join(err, fleet.Close())
	}
	l := &lightCluster{cluster: c, fleet: fleet}
	if l.active, _, err = c.whole(ctx); err != nil {
		return nil, errors.Join(err, l.stop())
	}
	return l, nil
}

func (l *lightCluster) stop() error { return errors.Join(l.cluster.stop(), l.fleet.Close()) }

// measure adds what the hosts do for so many clients, beside the limit of the moment.
func (l *lightCluster) measure(ctx context.Context, r *run, n int, raw float64, duration time.Duration) error {
	clients := l.fleet.Clients(n)
	defer clients.Close()
	m, err := watchLoad(ctx, l, clients, load.Put(1000), duration)
	if err != nil {
		return fmt.Errorf("stand-ins: %w", err)
	}
	m.tell(r, load.Put(1000), fmt.Sprintf("%d clients at stand-ins", n), l.active, []ceiling{{"of the limit", raw}})
	return nil
}
