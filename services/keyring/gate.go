package keyring

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"

	"github.com/hotpair/hotpair/services/durable"
	"github.com/hotpair/hotpair/services/identity"
)

// ErrClosed says that a witness which starts has not read its list of keys yet.
var ErrClosed = errors.New("the witness is still starting")

// Gate is a witness's admission policy, with the ring that it keeps in a file. Its methods may be called
// concurrently.
type Gate struct {
	sweep func()

	ring    atomic.Pointer[Ring] // nil until Open
	writing sync.Mutex
	path    string
}

// NewGate returns a Gate that rejects all before Open; sweep closes the connections that would be rejected now.
func NewGate(sweep func()) *Gate { return &Gate{sweep: sweep} }

// Open reads the ring from the file; without a file there is none. The error may be ErrDamaged.
func (g *Gate) Open(path string) error {
	data, err := os.ReadFile(path)
	var ring Ring
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("read the list of keys: %w", err)
	default:
		if ring, err = Decode(data); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	g.path = path
	g.ring.Store(&ring)
	return nil
}

// Admit is the policy's check. It does not wait.
func (g *Gate) Admit(peer identity.Peer) error {
	ring := g.ring.Load()
	if ring == nil {
		return ErrClosed
	}
	return ring.Admits(peer.Name.ID, peer.Fingerprint)
}

// Ring returns the current ring; none before Open.
func (g *Gate) Ring() Ring {
	if ring := g.ring.Load(); ring != nil {
		return *ring
	}
	return Ring{}
}

// Replace stores a ring durably and applies it, if the current one has the expected digest. When it returns, the
// connections that the ring rejects have ended. Errors: ErrChanged, ErrImpossible; after any other error the content
// of the file is unknown.
func (g *Gate) Replace(next Ring, expected string) error {
	g.writing.Lock()
	defer g.writing.Unlock()
	now := g.Ring()
	if now.Digest() != expected {
		return fmt.Errorf("%w: version %d", ErrChanged, now.Version)
	}
	if err := next.Follows(now); err != nil {
		return err
	}
	data, err := next.Encode()
	if err != nil {
		return err
	}
	if err := durable.Write(g.path, append(data, '\n')); err != nil {
		return fmt.Errorf("write the list of keys: %w", err)
	}
	g.ring.Store(&next)
	g.sweep()
	return nil
}
