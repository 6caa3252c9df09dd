// Package wires makes the networks between the machines of a pair: for each wire, who listens and who dials, and how
// they authenticate each other. Package door authenticates; this package knows which peer belongs at which end.
//
//	wire         listens             dials      authenticated
//	link         host                host       the other host of the pair
//	replication  host                host       the other host of the pair
//	witness      witness             host       a host of the pair; the pair's witness
//	terminal     agent of terminal   host       a host of the pair; the terminal with this id
//
// Without certificates every wire is the network below, without authentication.
package wires

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/clocks"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/door"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/keyring"
	"github.com/hotpair/hotpair/services/lease"
	"github.com/hotpair/hotpair/services/reread"
)

// ErrSelf says that the certificate is of another process than the settings name.
var ErrSelf = errors.New("certificate of another process")

// What is spoken on each wire, as ALPN names it: a connection of one is never taken for another's.
const (
	link        door.Protocol = "hotpair-link"
	replication door.Protocol = "hotpair-replication"
	witness     door.Protocol = "hotpair-witness"
	terminal    door.Protocol = "hotpair-terminal"
)

// Withdrawals returns the revoked certificates, whatever their time. It must not block.
type Withdrawals interface {
	Withdrawn(identity.Peer) bool
}

// Admission decides last about hosts that dial a witness or a terminal; its error is the reason of a refusal. It must
// not block.
type Admission interface {
	Admit(identity.Peer) error
}

// Environment is the environment of a process's wires beside its certificate. The zero Environment is a machine's,
// which admits every authenticated peer. When the results of Withdrawals or Admission have changed, call Sweep.
type Environment struct {
	// Network is the network below; nil is TCP.
	Network     bus.Network
	Withdrawals Withdrawals
	Admission   Admission
	// Data is the data directory, where a copy of the last good certificate files serves a start with damaged ones; ""
	// keeps none. Keep: this process writes the copy; exactly one of those that share the directory must.
	Data string
	Keep bool
}

// Insecure is the warning wherever plain text to other machines is allowed.
const Insecure = "HOTPAIR_INSECURE is set: connections between the machines of this pair are plain text: anybody on the network can read and forge them, including the pair's keys"

// Wires are the wires of one process.
type Wires struct {
	environment Environment
	files       *identity.Files // nil: nothing is proved
	keys        *keyring.Source // nil: what the files have is shown at once
	self        identity.Name
	log         *slog.Logger
	clear       bool // plain text too
	set         door.Set
	doubt       *clocks.Doubt
	later       later

	insecure bool // plain text to other machines was allowed
}

// OpenHost reads the certificate files, if there are any, which must be of this host; the pair is that of the
// certificate. Errors: identity.ErrCredentials, ErrSelf.
func OpenHost(c config.TLS, host string, g Environment, log *slog.Logger) (*Wires, error) {
	return open(c, identity.Host("", host), g, log)
}

// OpenWitness is OpenHost for the witness.
func OpenWitness(c config.TLS, g Environment, log *slog.Logger) (*Wires, error) {
	return open(c, identity.Witness(""), g, log)
}

// OpenTerminal is OpenHost for the agent of a terminal.
func OpenTerminal(c config.TLS, id string, g Environment, log *slog.Logger) (*Wires, error) {
	return open(c, identity.Terminal("", id), g, log)
}

func open(c config.TLS, self identity.Name, g Environment, log *slog.Logger) (*Wires, error) {
	w := &Wires{environment: g, insecure: c.Insecure, log: log, doubt: clocks.NewDoubt(reading, clocks.Synchronised, clocks.Built())}
	if !c.Sealed() {
		if c.Insecure {
			log.Warn(Insecure)
		}
		return w, nil
	}
	paths := identity.Paths{Certificate: c.TLSCert, Key: c.TLSKey, Roots: c.TLSCa, Keep: g.Keep}
	if g.Data != "" {
		paths.Kept = filepath.Join(g.Data, identity.KeptFile)
	}
	w.files = identity.NewFiles(paths, nil, log)
	if err := w.files.Start(); err != nil {
		return nil, err
	}
	current, err := w.files.Current()
	if err != nil {
		return nil, err
	}
	w.self = current.Self.Name
	if self.Pair = w.self.Pair; self != w.self {
		return nil, fmt.Errorf("%w: HOTPAIR_TLS_CERT: %s is the certificate of %s, but the settings name this process %s", ErrSelf, c.TLSCert, w.self, self)
	}
	w.files.Pin(w.self)
	if w.clear = c.TLSOptional; w.clear {
		log.Warn("HOTPAIR_TLS_OPTIONAL is set: peers without a certificate are served in plain text; remove it once every process of the pair has a certificate")
	}
	return w, nil
}

// reading is what the clocks of this machine say.
func reading() clocks.Reading {
	return clocks.Reading{Boot: lease.BootClock(), Wall: time.Now().UnixNano()}
}

// Run reads the files again when they change, until ctx ends. When a root is no longer trusted, the connections that
// rely on it are closed: otherwise the holder of a stolen certificate would stay for as long as its connection.
func (w *Wires) Run(ctx context.Context) error {
	if w.files == nil {
		<-ctx.Done()
		return ctx.Err()
	}
	return w.files.Run(ctx, func() {
		ended := w.Sweep()
		w.log.Info("the trusted authorities have changed; connections that they do not vouch for were closed", "connections", len(ended))
	})
}

// Reread reads the files again now. The error says why they can't be used.
func (w *Wires) Reread() error {
	if w.files == nil {
		return nil
	}
	return w.files.Load()
}

// Rereads is Reread as a function, for a process whose only files these are; nil without certificates.
func (w *Wires) Rereads() []reread.File {
	if w.files == nil {
		return nil
	}
	return []reread.File{{Name: "certificate files", Read: func(context.Context) error { return w.Reread() }}}
}

// During runs a function with Run beside it.
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

// State is the state of the certificate; zero without.
func (w *Wires) State() identity.State {
	if w.files == nil {
		return identity.State{}
	}
	return w.files.State()
}

// Own is the identity that this process shows, with the key in use; the zero Peer without a certificate.
func (w *Wires) Own() identity.Peer {
	if w.files == nil {
		return identity.Peer{}
	}
	current, err := w.source().Current()
	if err != nil {
		return identity.Peer{}
	}
	return current.Self
}

// source is what is shown.
func (w *Wires) source() identity.Source {
	if w.keys != nil {
		return w.keys
	}
	return w.files
}

// Keys makes this process show a new key only once the witness knows it, which is reported to the returned object. It
// is for a host's main, which records the key there, and called before any wire is made. nil without certificates.
func (w *Wires) Keys() *keyring.Source {
	if w.files != nil && w.keys == nil {
		w.keys = keyring.NewSource(w.files)
	}
	return w.keys
}

// Peers are the present peers of all wires, each certificate once, by name.
func (w *Wires) Peers() []identity.Peer { return w.set.Peers() }

// Clear counts the connections in plain text, which exist only while a pair moves from secrets to certificates.
func (w *Wires) Clear() int { return w.set.Clear() }

// Doors counts the connections and refusals of this process's listeners, by name.
func (w *Wires) Doors() []door.Stats { return w.set.Stats() }

// Sweep closes every connection whose peer would be refused now, and returns those peers.
func (w *Wires) Sweep() []identity.Peer { return w.set.Sweep() }

// Compared records how far the wall clock of the other host is ahead: certificates of terminals do not end while
// clocks differ.
func (w *Wires) Compared(d clocks.Difference) { w.doubt.Compared(d) }

// Doubt says why the wall clock is in doubt, so that no certificate is refused for its time; "" while it is trusted.
func (w *Wires) Doubt() string {
	if why := w.doubt.Why(); why != "" {
		return why
	}
	if own := w.Own(); own != (identity.Peer{}) && time.Now().Before(own.NotBefore) {
		return fmt.Sprintf("the certificate of this process is valid from %s, which is in the future", own.NotBefore.UTC().Format(time.RFC3339))
	}
	return ""
}

// Link is the network between the mains of both hosts.
func (w *Wires) Link() bus.Network { return w.wire(link, w.otherHost()) }

// Replication is the network between the updaters of both hosts.
func (w *Wires) Replication() bus.Network { return w.wire(replication, w.otherHost()) }

// ToWitness is the network on which a host dials the witness.
func (w *Wires) ToWitness() bus.Network {
	return w.wire(witness, identity.Exactly(identity.Witness(w.self.Pair)))
}

// Witness is the network on which the witness listens for hosts.
func (w *Wires) Witness() bus.Network {
	return w.admitting(witness)
}

// ToTerminal is the network on which a host dials a terminal.
func (w *Wires) ToTerminal(id string) bus.Network {
	if w.files == nil && !w.insecure && w.environment.Network == nil {
		return loopback{}
	}
	return w.wire(terminal, identity.Exactly(identity.Terminal(w.self.Pair, id)))
}

// Terminal is the network on which the agent of a terminal listens for hosts.
func (w *Wires) Terminal() bus.Network {
	return w.admitting(terminal)
}

// otherHost is the other host of the pair, whatever it is called.
func (w *Wires) otherHost() identity.Expected {
	own := w.self
	return identity.Matching(own.Pair, "the other host of "+own.String(), func(n identity.Name) bool { return n.Role == identity.RoleHost && n.ID != own.ID })
}

// admitting is where a witness or a terminal listens for hosts.
func (w *Wires) admitting(p door.Protocol) bus.Network {
	policy := w.policy(identity.Any(w.self.Pair, identity.RoleHost))
	if w.environment.Admission != nil {
		policy.Admit = w.environment.Admission.Admit
	}
	return w.proved(p, policy)
}

func (w *Wires) wire(p door.Protocol, expect identity.Expected) bus.Network {
	return w.proved(p, w.policy(expect))
}

// policy decides by name, withdrawal, and a clock that may be in doubt.
func (w *Wires) policy(expect identity.Expected) identity.Policy {
	policy := identity.Policy{Expect: expect, Clock: identity.Clock{InDoubt: func() bool { return w.Doubt() != "" }}}
	if w.environment.Withdrawals != nil {
		policy.Withdrawn = w.environment.Withdrawals.Withdrawn
	}
	return policy
}

func (w *Wires) proved(p door.Protocol, policy identity.Policy) bus.Network {
	if w.files == nil && w.environment.Network == nil {
		return plain{name: string(p), log: w.log}
	}
	if w.files == nil {
		return w.environment.Network
	}
	return door.Wire{Under: bus.OrTCP(w.environment.Network), Door: door.Config{
		Name: string(p), Set: &w.set, Clear: w.clear, Logger: w.log,
		Offers: []door.Offer{{Protocol: p, Source: w.source(), Policy: policy}},
	}}
}
