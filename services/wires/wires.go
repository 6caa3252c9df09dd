// Package wires makes the networks between the machines of a pair: for each wire, who listens and who dials, and what proves
// them to each other. Package door does the proving; this one knows who belongs at which end.
//
//	wire         listens             dials      proved
//	link         host                host       the other host of the pair
//	replication  host                host       the other host of the pair
//	witness      witness             host       a host of the pair; the pair's witness
//	terminal     agent of terminal   host       a host of the pair; the terminal with this id
//
// Without certificates every wire is the network below, and nothing is proved by it.
package wires

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/door"
	"github.com/hotpair/hotpair/services/identity"
)

// ErrSelf says that the certificate is of somebody else than the settings say.
var ErrSelf = errors.New("certificate of somebody else")

// What is spoken on each wire, as ALPN names it: a connection of one is never taken for another's.
const (
	link        door.Protocol = "hotpair-link"
	replication door.Protocol = "hotpair-replication"
	witness     door.Protocol = "hotpair-witness"
	terminal    door.Protocol = "hotpair-terminal"
)

// Wires are those of one process.
type Wires struct {
	under bus.Network
	files *identity.Files // nil: nothing is proved
	self  identity.Name
	log   *slog.Logger
}

// OpenHost reads the certificate files, when there are any, which must be of this host; the pair is what the certificate says. under is
// the network below; nil is TCP. Errors: identity.ErrCredentials, ErrSelf.
func OpenHost(c config.TLS, host string, under bus.Network, log *slog.Logger) (*Wires, error) {
	return open(c, identity.Host("", host), under, log)
}

// OpenWitness is OpenHost for the witness.
func OpenWitness(c config.TLS, log *slog.Logger) (*Wires, error) {
	return open(c, identity.Witness(""), nil, log)
}

// OpenTerminal is OpenHost for the agent of a terminal.
func OpenTerminal(c config.TLS, id string, log *slog.Logger) (*Wires, error) {
	return open(c, identity.Terminal("", id), nil, log)
}

func open(c config.TLS, self identity.Name, under bus.Network, log *slog.Logger) (*Wires, error) {
	w := &Wires{under: under, log: log}
	if !c.Sealed() {
		return w, nil
	}
	w.files = identity.NewFiles(identity.Paths{Certificate: c.TLSCert, Key: c.TLSKey, Roots: c.TLSCa}, nil, log)
	if err := w.files.Load(); err != nil {
		return nil, err
	}
	current, err := w.files.Current()
	if err != nil {
		return nil, err
	}
	w.self = current.Self.Name
	if self.Pair = w.self.Pair; self != w.self {
		return nil, fmt.Errorf("%w: HOTPAIR_TLS_CERT: %s holds that of %s, and by its settings this is %s", ErrSelf, c.TLSCert, w.self, self)
	}
	w.files.Pin(w.self)
	return w, nil
}

// Run reads the files again when they change, until ctx ends.
func (w *Wires) Run(ctx context.Context) error {
	if w.files == nil {
		<-ctx.Done()
		return ctx.Err()
	}
	return w.files.Run(ctx)
}

// During runs something with Run beside it.
func (w *Wires) During(ctx context.Context, run func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	var reading sync.WaitGroup
	reading.Go(func() { _ = w.Run(ctx) }) // ends with ctx only
	defer reading.Wait()
	defer cancel()
	return run(ctx)
}

// Sealed reports whether the wires are TLS.
func (w *Wires) Sealed() bool { return w.files != nil }

// State is what is known of the certificate; zero without.
func (w *Wires) State() identity.State {
	if w.files == nil {
		return identity.State{}
	}
	return w.files.State()
}

// Link is between the mains of both hosts.
func (w *Wires) Link() bus.Network { return w.wire(link, w.otherHost()) }

// Replication is between the updaters of both hosts.
func (w *Wires) Replication() bus.Network { return w.wire(replication, w.otherHost()) }

// ToWitness is how a host dials the witness.
func (w *Wires) ToWitness() bus.Network {
	return w.wire(witness, identity.Exactly(identity.Witness(w.self.Pair)))
}

// Witness is where the witness listens for hosts.
func (w *Wires) Witness() bus.Network {
	return w.wire(witness, identity.Any(w.self.Pair, identity.RoleHost))
}

// ToTerminal is how a host dials a terminal.
func (w *Wires) ToTerminal(id string) bus.Network {
	return w.wire(terminal, identity.Exactly(identity.Terminal(w.self.Pair, id)))
}

// Terminal is where the agent of a terminal listens for hosts.
func (w *Wires) Terminal() bus.Network {
	return w.wire(terminal, identity.Any(w.self.Pair, identity.RoleHost))
}

// otherHost is the other host of the pair, whatever it is called.
func (w *Wires) otherHost() identity.Expected {
	own := w.self
	return identity.Matching(own.Pair, "the other host of "+own.String(), func(n identity.Name) bool { return n.Role == identity.RoleHost && n.ID != own.ID })
}

func (w *Wires) wire(p door.Protocol, expect identity.Expected) bus.Network {
	if w.files == nil {
		return w.under
	}
	return door.Wire{Under: bus.OrTCP(w.under), Door: door.Config{
		Name: string(p), Logger: w.log,
		Offers: []door.Offer{{Protocol: p, Source: w.files, Policy: identity.Policy{Expect: expect}}},
	}}
}
