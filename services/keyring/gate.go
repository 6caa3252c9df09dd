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

// Gate is a witness's door policy with the ring that it keeps in a file. Its methods may be called at a time.
type Gate struct {
	sweep func()

	ring    atomic.Pointer[Ring] // nil until Open
	writing sync.Mutex
	path    string
}

// NewGate makes one that lets nobody in before Open; sweep ends the connections that would not be let in now.
func NewGate(sweep func()) *Gate { return &Gate{sweep: sweep} }

// Open reads the ring of the file, none when there is no file. The error may be ErrDamaged.
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

// Admit is the door's policy. It does not wait.
func (g *Gate) Admit(peer identity.Peer) error {
	ring := g.ring.Load()
	if ring == nil {
		return ErrClosed
	}
	return ring.Admits(peer.Name.ID, peer.Fingerprint)
}

// Ring is what holds now; none before Open.
func (g *Gate) Ring() Ring {
	if ring := g.ring.Load(); ring != nil {
		return *ring
	}
	return Ring{}
}

// Replace makes a ring durable and has it hold from then on, if the one that holds has the expected digest. Connections that it lets in no
// more have ended when it returns. Errors: ErrChanged, ErrImpossible; after any other the file is of no known content.
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
