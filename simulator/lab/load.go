package lab

import (
	"context"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/simulator/load"
	"github.com/hotpair/hotpair/simulator/pair"
)

// What the applications of a lab are and find.
type (
	Load     = load.Load
	Verdict  = load.Verdict
	Findings = load.Findings
)

// StartLoad opens the ledger's accounts and lets the applications work, each in the network namespace of its terminal. The
// name must be new in the lab.
func (l *Lab) StartLoad(ctx context.Context, name string, seed uint64) (*Load, error) {
	return load.Start(ctx, load.Config{
		Name: name, Seed: seed, Terminals: l.options.Terminals, Dir: l.options.Dir,
		Connect: func(application string, terminal int) (*nats.Conn, error) {
			conn, err := load.Dial(application, "127.0.0.1:"+strconv.Itoa(pair.PortApps), l.network.spaces[pair.TerminalID(terminal)])
			if err != nil {
				return nil, fmt.Errorf("terminal %s: %w", pair.TerminalID(terminal), err)
			}
			return conn, nil
		},
	})
}
