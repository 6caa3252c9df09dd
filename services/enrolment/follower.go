package enrolment

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/authority"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/renewal"
)

const (
	// readFirst bounds the wait for the register before terminals are dialled, readWithin a read of it.
	readFirst  = 2 * time.Second
	readWithin = 10 * time.Second
	// readEach is the least time between two reads: enrolling a thousand terminals makes a thousand changes.
	readEach = 250 * time.Millisecond
)

// Terminals are the sessions of terminal-if.
type Terminals interface {
	Sessions
	renewal.Sessions
}

// Follower follows the register of terminals for terminal-if: it disconnects withdrawn terminals, and enrols waiting
// ones while its host is active. The zero Follower, of a host without certificates, does nothing.
type Follower struct {
	Host     string
	Network  bus.Network // of the terminals; nil is TCP
	Register *Register
	// Sweep closes the connections to withdrawn terminals, and returns their peers.
	Sweep func() []identity.Peer
	// Issuer returns the key for enrolling terminals; nil: none are enrolled. Login returns the host's login at an
	// agent.
	Issuer func() (*authority.Issuer, error)
	Login  func(id string) string
	// Wires sees the certificates that have to be renewed.
	Wires renewal.Wires
	Log   *slog.Logger
}

// First reads the register before the first terminal is dialled. If no updater answers, terminals are dialled all the
// same, and withdrawn ones are disconnected as soon as they are known: no terminal is served before the updater
// answers.
func (f Follower) First(ctx context.Context, updater bus.Asker) {
	if f.Register == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, readFirst)
	defer cancel()
	if err := f.Register.Read(ctx, updater); err != nil {
		f.Log.Debug("can't read the register of terminals yet", "error", err)
	}
}

// Run follows the register until ctx ends. changed says that it may have changed, or that the host becomes active.
func (f Follower) Run(ctx context.Context, updater bus.Asker, sessions Terminals, changed <-chan struct{}) error {
	if f.Register == nil {
		<-ctx.Done()
		return ctx.Err()
	}
	another := make(chan struct{}, 1)
	var dialling sync.WaitGroup
	defer dialling.Wait()
	if f.Issuer != nil {
		d, err := NewDialler(DiallerConfig{Host: f.Host, Network: f.Network, Register: f.Register, Sessions: sessions, Updater: updater,
			Issuer: f.Issuer, Login: f.Login, Now: time.Now, Log: f.Log})
		if err != nil {
			return err
		}
		dialling.Go(func() { _ = d.Run(ctx, another) }) // ends with ctx only
	}
	renewing := renewal.NewHost(renewal.Config{Wires: f.Wires, Sessions: sessions, Register: noting{f.Register, updater}, Issuer: f.Issuer, Now: time.Now, Log: f.Log})
	dialling.Go(func() { _ = renewing.Run(ctx) }) // likewise
	for {
		within, cancel := context.WithTimeout(ctx, readWithin)
		err := f.Register.Read(within, updater)
		cancel()
		if err == nil {
			f.leave()
			select {
			case another <- struct{}{}:
			default:
			}
		}
		pause := time.NewTimer(readEach)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return ctx.Err()
		}
		if err != nil {
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// noting is the register for the renewal.
type noting struct {
	*Register
	updater bus.Asker
}

// Renewed implements renewal.Register.
func (n noting) Renewed(ctx context.Context, id string, key identity.Fingerprint, until time.Time) error {
	_, err := CallHave.Ask(ctx, n.updater, Have{ID: id, Key: key, NotAfter: until})
	return err
}

// leave closes the connections to withdrawn terminals.
func (f Follower) leave() {
	for _, p := range f.Sweep() {
		f.Log.Warn("closing the connections to a terminal: its certificate was withdrawn, or another machine enrolled in its place", "terminal", p.Name.ID, "key", Short(p.Fingerprint))
	}
}
