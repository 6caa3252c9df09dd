package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/hotpair/hotpair/deployments/local"
	"github.com/hotpair/hotpair/simulator/bench/proc"
	"github.com/hotpair/hotpair/simulator/bench/subject"
)

// measured is a cluster with stand-ins for its terminals.
type measured struct{ *subject.Light }

// start starts one, and returns when it is whole and speaks as it is meant to.
func start(ctx context.Context, binary string, terminals int, sealed bool) (*measured, error) {
	c, err := subject.StartLight(ctx, binary, terminals, sealed)
	if err != nil {
		return nil, err
	}
	m := &measured{c}
	active, _, err := m.Whole(ctx)
	if err == nil {
		s, asked := m.Status(ctx, active)
		if err = asked; err == nil && s.Wires.TLS != sealed {
			err = fmt.Errorf("%w: TLS is %t", subject.ErrNotReady, s.Wires.TLS)
		}
	}
	if err != nil {
		return nil, errors.Join(err, m.Stop())
	}
	return m, nil
}

// hosts are the processes of both hosts, by host.
func (m *measured) hosts() map[string][]proc.Process {
	return map[string][]proc.Process{local.HostA: proc.Group(m.File.Hosts[local.HostA].PGID), local.HostB: proc.Group(m.File.Hosts[local.HostB].PGID)}
}
