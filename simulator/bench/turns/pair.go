// Package turns compares two pairs that run side by side and work in turns in one run: rate and latency of updates, and the gap of a takeover.
// Terminals are stand-ins: with agents the machine would measure those.
package turns

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hotpair/hotpair/deployments/local"
	"github.com/hotpair/hotpair/simulator/bench/proc"
	"github.com/hotpair/hotpair/simulator/bench/subject"
)

// Options of a comparison.
type Options struct {
	Rounds    int           // each with both in turns
	Each      time.Duration // how long updates are counted in a round for each number of clients
	Clients   int           // closed-loop writers; one and eight times as many are measured too
	Terminals int           // stand-ins of each pair
}

// Side is one of two that are compared.
type Side struct {
	Name   string // in rows
	Binary string
	Sealed bool // with TLS on its wires
}

// Pair is a cluster with stand-ins for its terminals.
type Pair struct {
	*subject.Light
	Side Side
}

// Start starts one, and returns when it is whole and speaks as it is meant to.
func Start(ctx context.Context, s Side, terminals int) (*Pair, error) {
	c, err := subject.StartLight(ctx, s.Binary, terminals, s.Sealed)
	if err != nil {
		return nil, err
	}
	m := &Pair{c, s}
	active, _, err := m.Whole(ctx)
	if err == nil {
		status, asked := m.Status(ctx, active)
		if err = asked; err == nil && status.Wires.TLS != s.Sealed {
			err = fmt.Errorf("%w: TLS is %t", subject.ErrNotReady, status.Wires.TLS)
		}
	}
	if err != nil {
		return nil, errors.Join(err, m.Stop())
	}
	return m, nil
}

// Hosts are the processes of both hosts, by host.
func (m *Pair) Hosts() map[string][]proc.Process {
	return map[string][]proc.Process{local.HostA: proc.Group(m.File.Hosts[local.HostA].PGID), local.HostB: proc.Group(m.File.Hosts[local.HostB].PGID)}
}
