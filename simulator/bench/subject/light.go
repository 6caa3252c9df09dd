package subject

import (
	"context"
	"errors"

	"github.com/hotpair/hotpair/deployments/local"
	"github.com/hotpair/hotpair/simulator/bench/standin"
)

// Light is a cluster with stand-ins for its terminals, which run in this process and are named as a cluster names its terminals.
type Light struct {
	*Cluster
	Fleet *standin.Fleet
}

// StartLight is Start with stand-ins. sealed: all wires are TLS, and each stand-in does whole handshakes; else they are in clear.
func StartLight(ctx context.Context, binary string, terminals int, sealed bool, settings ...string) (*Light, error) {
	ids := make([]string, terminals)
	for i := range ids {
		ids[i] = local.TerminalID(i)
	}
	var fleet *standin.Fleet
	c, err := launch(ctx, binary, terminals, func(dir string) (list string, err error) {
		if fleet, err = open(ids, dir, sealed); err != nil {
			return "", err
		}
		return fleet.List(), nil
	}, settings)
	if err != nil && fleet != nil {
		err = errors.Join(err, fleet.Close())
	}
	if err != nil {
		return nil, err
	}
	return &Light{c, fleet}, nil
}

func open(ids []string, dir string, sealed bool) (*standin.Fleet, error) {
	if !sealed {
		return standin.Open(ids)
	}
	issuer, err := local.NewRoot(dir)
	if err != nil {
		return nil, err
	}
	return standin.OpenSealed(ids, issuer)
}

// Stop ends the cluster, then the stand-ins.
func (l *Light) Stop() error { return errors.Join(l.Cluster.Stop(), l.Fleet.Close()) }
