package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/simulator/accounting"
	"github.com/hotpair/hotpair/simulator/load"
	"github.com/hotpair/hotpair/simulator/pair"
)

// The applications of a lab and their findings.
type (
	Load     = load.Load
	Verdict  = load.Verdict
	Findings = load.Findings
)

// StartLoad opens the ledger's accounts and starts the applications, each in the network namespace of its terminal.
// The name must be new in the lab.
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
		Accounting: l.accounting,
	})
}

// accountingFails: every nth post to accounting fails.
const accountingFails = 8

// accounting opens the accounting of a load, on the machine of the first terminal: no fault kills it, but it is cut
// off with that machine.
func (l *Lab) accounting(ctx context.Context, prefix string) (*accounting.Office, error) {
	node := pair.TerminalID(0)
	var listener net.Listener
	if err := l.network.spaces[node].do(func() (err error) {
		listener, err = net.Listen("tcp", ":0")
		return err
	}); err != nil {
		return nil, fmt.Errorf("accounting: %w", err)
	}
	office, err := accounting.Open(listener, accounting.Options{Host: l.network.addresses[node], Prefix: prefix, Fails: accountingFails})
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	for n := 0; ; n++ {
		client := l.clients[pair.Hosts()[n%2]]
		if err = office.Announce(ctx, client); err == nil {
			return office, nil
		}
		if pace.Rest(ctx, dialWithin/10) != nil {
			return nil, errors.Join(fmt.Errorf("accounting: %w", err), office.Close())
		}
	}
}
