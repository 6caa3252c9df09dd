package standin

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/hotpair/hotpair/services/authority"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/wires"
)

// Fleet is many stand-ins in this process.
type Fleet struct {
	terminals []*Terminal
	listeners []net.Listener
	serving   sync.WaitGroup
}

// Open listens for hosts, at a port of its own on loopback for each id. Close ends it.
func Open(ids []string) (*Fleet, error) {
	return listening(ids, func(string) (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") })
}

// OpenSealed is Open with TLS: each stand-in proves itself by a certificate of the pair, as an agent does.
func OpenSealed(ids []string, issuer *authority.Issuer) (*Fleet, error) {
	return listening(ids, func(id string) (net.Listener, error) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		c, err := issuer.Credentials(key, identity.Terminal(issuer.Pair(), id), authority.Life(identity.RoleTerminal), time.Now())
		if err != nil {
			return nil, err
		}
		return wires.Agent(c, slog.New(slog.DiscardHandler)).Listen(context.Background(), "127.0.0.1:0")
	})
}

// listening opens a fleet whose stand-ins listen by this.
func listening(ids []string, listen func(id string) (net.Listener, error)) (*Fleet, error) {
	f := &Fleet{}
	for _, id := range ids {
		listener, err := listen(id)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("stand-in for terminal %s: %w", id, err), f.Close())
		}
		t := newTerminal(id)
		f.terminals, f.listeners = append(f.terminals, t), append(f.listeners, listener)
		f.serving.Go(func() { f.accept(listener, t) })
	}
	return f, nil
}

// accept takes connections of hosts until the listener is closed.
func (f *Fleet) accept(listener net.Listener, t *Terminal) {
	for {
		socket, err := listener.Accept()
		if err != nil {
			return // closed; or without files left, and then the hosts say that they don't reach it
		}
		c := newConn(t, socket)
		if !t.join(c) {
			c.close()
			return
		}
		f.serving.Go(c.run)
	}
}

// Close ends all connections and waits until nothing runs any more. What waits for an answer gets ErrClosed. Repeatable.
func (f *Fleet) Close() error {
	var failed []error
	for _, listener := range f.listeners {
		if err := listener.Close(); !errors.Is(err, net.ErrClosed) {
			failed = append(failed, err)
		}
	}
	for _, t := range f.terminals {
		t.close()
	}
	f.serving.Wait()
	return errors.Join(failed...)
}

// Terminal is the stand-in with this index.
func (f *Fleet) Terminal(i int) *Terminal { return f.terminals[i] }

// List has id=nats://host:port of each in a line, as hosts are told of terminals.
func (f *Fleet) List() string {
	var list strings.Builder
	for i, address := range f.Addresses() {
		fmt.Fprintf(&list, "%s=%s\n", f.terminals[i].id, address)
	}
	return list.String()
}

// Addresses are where hosts connect, as nats://host:port, in the order of the ids.
func (f *Fleet) Addresses() []string {
	list := make([]string, len(f.listeners))
	for i, listener := range f.listeners {
		list[i] = "nats://" + listener.Addr().String()
	}
	return list
}
