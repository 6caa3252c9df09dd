// Package facts keeps the facts of one host and its data directory: its identity, its pair, the epochs, versions and
// sessions that must never decrease, its note of membership. They have their own file, because no copy of the database
// may ever carry them to another host.
//
// A change is on disk when Update returns, completely or not at all. Reads never wait.
package facts

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/hotpair/hotpair/services/durable"
	"github.com/hotpair/hotpair/services/membership"
	"github.com/hotpair/hotpair/storage/format"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/place"
	"github.com/hotpair/hotpair/storage/position"
)

const (
	// FileName is the name of the file of host-local facts in the data directory.
	FileName = "facts.json"
	// kind is in the file, to distinguish a foreign JSON file from a damaged one.
	kind = "hotpair facts"
	// factsVersion rises when an older program could misread the file.
	factsVersion = 1
)

// ErrLower says that an update would lower a host-local fact that may only rise.
var ErrLower = errors.New("a fact must not decrease")

// SnapshotState marks the host inconsistent: a snapshot transfer is unfinished, and the host can't be promoted, not
// even by force.
type SnapshotState struct {
	Base   history.Mark `json:"base"`
	Cursor []byte       `json:"cursor,omitempty"`
	// Until is the end that must be applied before the database is consistent; zero while it is not known.
	Until history.Mark `json:"until"`
}

// Data are the host-local facts: they belong to this data directory and no copy ever carries them.
type Data struct {
	Version int `json:"version"`
	// Host is the host's name, Identity the random one made with the directory. Neither ever changes.
	Host     string `json:"host"`
	Identity string `json:"identity"`
	// PairID is the pair that the host belongs to, empty before the first record.
	PairID string `json:"pair_id,omitempty"`
	// Epoch is the highest epoch that the host has taken or accepted. It only rises.
	Epoch uint64 `json:"epoch"`
	// Term is the epoch that the host served last as active. It only rises.
	Term uint64 `json:"term"`
	// RecordVersion is the highest version of the pair record seen. It only rises.
	RecordVersion uint64 `json:"record_version"`
	// Record is the last pair record that the witness bore out; of a pair without a witness the host's own copy.
	Record json.RawMessage `json:"record,omitempty"`
	// Session counts replication sessions, so that each gets a number never used before. It only rises.
	Session uint64          `json:"session"`
	Note    membership.Note `json:"note"`
	// Receiving is not nil while the database is inconsistent.
	Receiving *SnapshotState `json:"copying,omitempty"`
	// Restored is not nil from a restore on, until an operator has said what the directory is to be. Until then its host does
	// nothing outward: it would be taken for the pair that the backup is of, which may be alive.
	Restored *Restored `json:"restored,omitempty"`
	// Recovered is the last update of the backup that the directory was restored from, once that was finished. What comes right behind it
	// begins another history than the one that the backup is of.
	Recovered position.Position `json:"recovered,omitzero"`
}

// Restored names the backup that a directory was restored from.
type Restored struct {
	// Position is the last update in the backup, Time its pair time.
	Position position.Position `json:"position"`
	Time     time.Time         `json:"time"`
	// From is the host that the backup was read on, Made when, on its wall clock.
	From string    `json:"from"`
	Made time.Time `json:"made"`
	// Unproved says that nothing proved that a pair had made the backup.
	Unproved bool `json:"unproved,omitempty"`
	// AsCopy says that it is being made a pair of its own, which can't be taken back: its table of terminals may be empty already.
	AsCopy bool `json:"as_copy,omitempty"`
}

// clone gives a copy that shares nothing.
func (d Data) clone() Data {
	if d.Receiving != nil {
		c := *d.Receiving
		c.Cursor = slices.Clone(c.Cursor)
		d.Receiving = &c
	}
	if d.Restored != nil {
		r := *d.Restored
		d.Restored = &r
	}
	d.Record = slices.Clone(d.Record)
	return d
}

// rises refuses a change that lowers a rising fact, or gives the directory to another host.
func (d Data) rises(next Data) error {
	for _, f := range []struct {
		name      string
		now, then uint64
	}{
		{"epoch", d.Epoch, next.Epoch},
		{"term", d.Term, next.Term},
		{"record version", d.RecordVersion, next.RecordVersion},
		{"replication session", d.Session, next.Session},
	} {
		if f.then < f.now {
			return fmt.Errorf("%w: %s from %d to %d", ErrLower, f.name, f.now, f.then)
		}
	}
	if next.Host != d.Host || next.Identity != d.Identity || next.Version != d.Version {
		return fmt.Errorf("%w: host, identity and version of the facts never change", format.ErrForeign)
	}
	copied := d.Restored != nil && d.Restored.AsCopy && next.Restored == nil // becomes a pair of its own
	if d.PairID != "" && next.PairID != d.PairID && !copied {
		return fmt.Errorf("%w: this host belongs to pair %q permanently, not to %q", format.ErrForeign, d.PairID, next.PairID)
	}
	return nil
}

// factsFile is the form of the file.
type factsFile struct {
	Kind  string          `json:"kind"`
	Facts json.RawMessage `json:"facts"`
	// Sum is the SHA-256 of Facts without white space, in hexadecimal.
	Sum string `json:"sha256"`
}

// Facts keeps the host-local facts in a file of their own. Its methods may be called by any number of goroutines.
// Only the process that holds the data directory (an open Store) may call Update.
type Facts struct {
	dir string

	// One Update at a time. It knows no deadline: half-way given up it would leave unknown what is on disk, and a disk that does
	// not answer ends more than an order.
	writing sync.Mutex
	dead    error

	mu   sync.Mutex // held for moments only: Get never waits for the disk, because heartbeats carry facts
	data Data
}

// Open reads the facts in dir, or makes them with a new random identity when there are none. host is the name of
// the host; facts of another are refused with format.ErrForeign (empty: not compared). The error is format.ErrDamaged, ErrForeign or
// format.ErrVersion, naming the file and the remedy.
func Open(dir, host string) (*Facts, error) {
	if err := durable.MakeDir(dir); err != nil {
		return nil, fmt.Errorf("open facts: %w", err)
	}
	if err := place.Whole(dir); err != nil {
		return nil, fmt.Errorf("open facts: %w", err)
	}
	path := filepath.Join(dir, FileName)
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		raw, err = createFacts(dir, host)
	}
	if err != nil {
		return nil, fmt.Errorf("open facts: %w", err)
	}
	data, err := decodeFacts(path, raw)
	if err != nil {
		return nil, fmt.Errorf("open facts: %w", err)
	}
	if host != "" && data.Host != host {
		return nil, fmt.Errorf("open facts: %w: %s belongs to host %q, this is %q; correct HOTPAIR_HOST or HOTPAIR_DATA",
			format.ErrForeign, path, data.Host, host)
	}
	return &Facts{dir: dir, data: data}, nil
}

// Read returns the facts in dir and creates none. The error is fs.ErrNotExist where there are none, else as of Open.
func Read(dir string) (Data, error) {
	if err := place.Whole(dir); err != nil {
		return Data{}, fmt.Errorf("read facts: %w", err)
	}
	path := filepath.Join(dir, FileName)
	raw, err := os.ReadFile(path)
	if err == nil {
		var d Data
		if d, err = decodeFacts(path, raw); err == nil {
			return d, nil
		}
	}
	return Data{}, fmt.Errorf("read facts: %w", err)
}

// createFacts writes the first facts and gives the file's content. Of two processes that do it at once one wins, and
// both read what the winner wrote.
func createFacts(dir, host string) ([]byte, error) {
	var identity [16]byte
	_, _ = rand.Read(identity[:]) // never fails
	raw, err := encodeFacts(Data{Version: factsVersion, Host: host, Identity: hex.EncodeToString(identity[:])})
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, FileName)
	f, err := durable.Begin(path)
	if err != nil {
		return nil, err
	}
	if _, err := f.Write(raw); err != nil {
		return nil, errors.Join(err, f.Discard())
	}
	if err := f.Create(); err != nil {
		if !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		if err := durable.SyncDir(dir); err != nil { // the winner may not have come to it
			return nil, err
		}
	}
	return os.ReadFile(path)
}

// encodeFacts gives the content of the file.
func encodeFacts(d Data) ([]byte, error) {
	inner, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(inner)
	raw, err := json.MarshalIndent(factsFile{Kind: kind, Facts: inner, Sum: hex.EncodeToString(sum[:])}, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(raw, '\n'), nil
}

// decodeFacts reads the content of the file at path. It never panics. The error is format.ErrDamaged, ErrForeign or
// ErrVersion.
func decodeFacts(path string, raw []byte) (Data, error) {
	damagedFacts := func(why string) error {
		return fmt.Errorf("%w: %s: %s; move the whole data directory away and let this host join as a new one", format.ErrDamaged, path, why)
	}
	var file factsFile
	if err := json.Unmarshal(raw, &file); err != nil {
		return Data{}, damagedFacts(err.Error())
	}
	if file.Kind == "" && file.Sum == "" || len(file.Facts) == 0 {
		return Data{}, fmt.Errorf("%w: %s is not a facts file of a hotpair host; move the whole data directory away and let this host join as a new one", format.ErrForeign, path)
	}
	var inner bytes.Buffer
	if err := json.Compact(&inner, file.Facts); err != nil {
		return Data{}, damagedFacts(err.Error())
	}
	if sum := sha256.Sum256(inner.Bytes()); file.Kind != kind || hex.EncodeToString(sum[:]) != file.Sum {
		return Data{}, damagedFacts("its checksum is wrong (the file must not be edited)")
	}
	var d Data
	var version struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(file.Facts, &version); err != nil {
		return Data{}, damagedFacts(err.Error())
	}
	if version.Version != factsVersion {
		return Data{}, fmt.Errorf("%w: %s has version %d, this program knows %d; use the program that wrote it",
			format.ErrVersion, path, version.Version, factsVersion)
	}
	if err := json.Unmarshal(inner.Bytes(), &d); err != nil {
		return Data{}, damagedFacts(err.Error())
	}
	if d.Identity == "" {
		return Data{}, damagedFacts("it names no identity")
	}
	return d, nil
}

// Get returns the facts on disk.
func (f *Facts) Get() Data {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.data.clone()
}

// Update changes the facts durably: when it returns nil the change is on disk; when change returns an error nothing
// happened, and that error is returned. The error is ErrLower when a rising fact would fall, and format.ErrDead after a
// failed write: whether that one took effect shows at the next Open.
func (f *Facts) Update(change func(*Data) error) error {
	f.writing.Lock()
	defer f.writing.Unlock()
	if f.dead != nil {
		return fmt.Errorf("update facts: %w: %w", format.ErrDead, f.dead)
	}
	before := f.Get()
	next := before.clone()
	if err := change(&next); err != nil {
		return err
	}
	if err := before.rises(next); err != nil {
		return fmt.Errorf("update facts: %w", err)
	}
	raw, err := encodeFacts(next)
	if err != nil {
		return fmt.Errorf("update facts: %w", err)
	}
	if f.dead = durable.Write(filepath.Join(f.dir, FileName), raw); f.dead != nil {
		return fmt.Errorf("update facts: %w: %w", format.ErrDead, f.dead)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.data = next.clone()
	return nil
}

// NoteRecord notes a pair record that was seen, and its version. An older record of a pair with a witness changes
// nothing; one without a version is the own copy of a pair that has none.
func (d *Data) NoteRecord(version uint64, record json.RawMessage) {
	if record != nil && (version >= d.RecordVersion || version == 0) {
		d.Record = record
	}
	d.RecordVersion = max(d.RecordVersion, version)
}
