package witness

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/hotpair/hotpair/services/durable"
	certificate "github.com/hotpair/hotpair/services/identity"
)

const (
	identityFile = "witness.json"
	lockFile     = "lock"
	// keysFile has the keys of the hosts that are let in.
	keysFile = "keys.json"
	// storeFolder is made by the server inside the directory.
	storeFolder = "jetstream"

	identityFormat = 1
)

// directory is a locked data directory.
type directory struct {
	path     string
	lock     *os.File
	identity identity
}

// identity is what makes a witness this witness. It is made with the directory and belongs to the store beside it.
type identity struct {
	Format int    `json:"format"`
	ID     string `json:"id"`
	// Founded: the register was made. From then on a missing register is damage, not a beginning.
	Founded bool `json:"founded"`
	// Sequence is where the store had got when this file was written; a store that ends before it went back.
	Sequence uint64 `json:"sequence"`
}

// openDirectory makes or opens the data directory and locks it. Errors: ErrLocked, ErrForeign, ErrDamaged.
func openDirectory(path string) (*directory, error) {
	if err := durable.MakeDir(path); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	// Before the lock, because even a lock file must not be left in a foreign directory.
	if err := ownDirectory(path); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(path, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock data directory: %w", err)
	}
	// Two servers can open one store without noticing, and then each destroys what the other wrote.
	if err := durable.Lock(lock); err != nil {
		_ = lock.Close()
		if errors.Is(err, durable.ErrLocked) {
			return nil, fmt.Errorf("%w: %s", ErrLocked, path)
		}
		return nil, fmt.Errorf("lock data directory %s: %w", path, err)
	}
	d := &directory{path: path, lock: lock}
	if err := d.identify(); err != nil {
		_ = d.close()
		return nil, err
	}
	return d, nil
}

// ownDirectory refuses a directory that holds things but was not made by a witness.
func ownDirectory(path string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return fmt.Errorf("look into data directory: %w", err)
	}
	other := ""
	for _, e := range entries {
		switch e.Name() {
		case identityFile:
			return nil
		case lockFile, durable.Making(identityFile), "lost+found", certificate.KeptFile, durable.Making(certificate.KeptFile):
		default:
			other = e.Name()
		}
	}
	if other != "" {
		return fmt.Errorf("%w: %s holds %q but no %s", ErrForeign, path, other, identityFile)
	}
	return nil
}

// identify reads the identity, or makes one in an empty directory.
func (d *directory) identify() error {
	data, err := os.ReadFile(filepath.Join(d.path, identityFile))
	if errors.Is(err, fs.ErrNotExist) {
		return d.write(identity{Format: identityFormat, ID: rand.Text()})
	}
	if err != nil {
		return fmt.Errorf("read identity: %w", err)
	}
	id, err := decodeIdentity(data)
	if err != nil {
		return fmt.Errorf("%s in %s: %w", identityFile, d.path, err)
	}
	d.identity = id
	return nil
}

// decodeIdentity reads what write wrote. The error is ErrDamaged.
func decodeIdentity(data []byte) (identity, error) {
	var id identity
	if err := json.Unmarshal(data, &id); err != nil {
		return identity{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if id.Format != identityFormat || id.ID == "" {
		return identity{}, fmt.Errorf("%w: format %d with id %q", ErrDamaged, id.Format, id.ID)
	}
	return id, nil
}

// write replaces the identity file durably: the new text is on disk before it has the name, and the name before write
// returns.
func (d *directory) write(id identity) error {
	data, err := json.Marshal(id)
	if err != nil {
		return fmt.Errorf("encode identity: %w", err)
	}
	name := filepath.Join(d.path, identityFile)
	if err := durable.Write(name, append(data, '\n')); err != nil {
		return fmt.Errorf("write identity: %w", err)
	}
	d.identity = id
	return nil
}

// close gives the lock back.
func (d *directory) close() error { return durable.Unlock(d.lock) }
