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

// openFleet opens as many stand-ins, named as a cluster names its terminals.
func openFleet(n int) (*standin.Fleet, error) {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = local.TerminalID(i)
	}
	return standin.Open(ids)
}

func startLight(ctx context.Context, binary string, terminals int) (*lightCluster, error) {
	fleet, err := openFleet(terminals)
	if err != nil {
		return nil, err
	}
	c, err := startClusterOf(ctx, binary, fleet)
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
