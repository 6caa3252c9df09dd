package maker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"filippo.io/age"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/backups"
	"github.com/hotpair/hotpair/services/durable"
	"github.com/hotpair/hotpair/storage/position"
)

const (
	// patience is how long nothing may move while a backup is made: a disk or a service that hangs for longer has
	// failed.
	patience = 2 * time.Minute
	// mostListed bounds a list, which has to fit into a message.
	mostListed = 2000
)

// Place is where backups are kept. Interrupted backups do not count: List omits them.
type Place interface {
	fmt.Stringer
	// Put stores the content of r under a name, completely or not at all; about is its approximate size.
	Put(ctx context.Context, name string, about int64, r io.Reader) error
	Open(ctx context.Context, name string) (io.ReadCloser, error)
	// List calls tell for all names that begin with a prefix.
	List(ctx context.Context, begin string, found func(name string, bytes int64)) error
	Remove(ctx context.Context, name string) error
	// Tidy removes interrupted backups with names of this pair.
	Tidy(ctx context.Context, ours func(name string) bool) error
}

// Source returns the database of this host.
type Source interface {
	Piece(ctx context.Context, q bus.BackupOrder) (bus.BackupPage, error)
}

// Contents describes an archive.
type Contents struct {
	PairID   string
	Position position.Position
	Keys     int64
}

// Archive knows the format of archives and databases.
type Archive interface {
	// Check reads and verifies a whole file, whose signature the key must prove.
	Check(ctx context.Context, path, key string) (Contents, error)
	// Try restores it into a temporary folder and reads the whole result.
	Try(ctx context.Context, path, key, folder string) error
}

// Config configures a Maker.
type Config struct {
	Host, Data string
	Work       string // folder of its own, for what is made
	Key        string // signs backups
	Recipient  string // of age; empty: no encryption
	Keep       backups.Rule
	Place      Place
	Source     Source
	Archive    Archive
	Log        *slog.Logger
	Patience   time.Duration    // without movement; 0 for two minutes
	Now        func() time.Time // wall clock; nil is the machine's
}

// Maker makes backups, one at a time.
type Maker struct {
	Config
	making sync.Mutex // locked until the work has ended, also after the caller has stopped waiting
}

// New returns a Maker. It checks nothing.
func New(c Config) *Maker {
	if c.Patience == 0 {
		c.Patience = patience
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Maker{Config: c}
}

// Make makes a backup. The error says which step failed and why; then there is no new backup, and its remains are
// removed where possible. backups.ErrInProgress: one is being made, or its work hangs.
func (m *Maker) Make(ctx context.Context, q backups.Make) (backups.Made, error) {
	if !m.making.TryLock() {
		return backups.Made{}, fmt.Errorf("%w on %s, or hangs at %s", backups.ErrInProgress, m.Host, m.Place)
	}
	guard, watched := watch(ctx, m.Patience)
	made, err := detached(watched, func() (backups.Made, error) {
		defer m.making.Unlock()
		defer guard.end()
		return m.make(watched, guard, q)
	})
	if err != nil {
		m.Log.Warn("Could not make a backup", "error", err)
	}
	return made, err
}

// detached runs do in a goroutine: a call into a file system that hangs can't be ended, only abandoned.
func detached[A any](ctx context.Context, do func() (A, error)) (A, error) {
	type result struct {
		answer A
		err    error
	}
	done := make(chan result, 1)
	go func() {
		a, err := do()
		done <- result{a, err}
	}()
	select {
	case r := <-done:
		return r.answer, r.err
	case <-ctx.Done():
	}
	select { // an error from ctx says more
	case r := <-done:
		return r.answer, r.err
	case <-time.After(afterEnd):
		var none A
		return none, context.Cause(ctx)
	}
}

// afterEnd is how long ended work may take to return its error.
const afterEnd = 2 * time.Second

func (m *Maker) make(ctx context.Context, g *guard, q backups.Make) (made backups.Made, err error) {
	began := m.Now()
	name := backups.Name{Pair: q.PairID, Made: began, Host: m.Host, Sealed: m.Recipient != ""}
	if err := name.Check(); err != nil {
		return made, err
	}
	step := func(what string, do func() error) {
		if err == nil {
			g.step(what)
			if err = do(); err != nil {
				err = fmt.Errorf("%s: %w", what, g.reason(err))
			}
		}
	}
	plain := filepath.Join(m.Work, "archive")
	defer func() { err = errors.Join(err, m.clear()) }()
	step("remove unfinished backups in "+m.Place.String(), func() error {
		return m.Place.Tidy(ctx, func(text string) bool { n, ours := backups.Parse(q.PairID, text); return ours && n.Host == m.Host })
	})
	// No parent folder is created: it could be on the disk below a missing mount.
	step("begin in "+m.Work, func() error {
		if _, err := os.Stat(filepath.Dir(m.Work)); err != nil {
			return err
		}
		return errors.Join(durable.MakeDir(m.Work), m.clear())
	})
	var contents Contents
	step("read the database", func() error { return m.read(ctx, g, plain, q.Try) })
	step("check the archive", func() (err error) { contents, err = m.Archive.Check(g.context(), plain, m.Key); return err })
	if q.Try {
		step("restore the backup on trial in "+m.Work, func() error { return m.Archive.Try(g.context(), plain, m.Key, filepath.Join(m.Work, "trial")) })
	}
	var size int64
	var sum string
	step("store the backup in "+m.Place.String(), func() (err error) { size, sum, err = m.put(ctx, g, plain, name.String()); return err })
	step("read the backup back from "+m.Place.String(), func() error { return m.readBack(ctx, g, name.String(), size, sum) })
	if err != nil {
		return backups.Made{}, err
	}
	made = backups.Made{
		Name: name.String(), Place: m.Place.String(), Host: m.Host, At: began.UTC().Truncate(time.Millisecond), Position: contents.Position, Bytes: size, SHA256: sum,
		Keys: contents.Keys, Took: m.Now().Sub(began), Sealed: m.Recipient, Tried: q.Try,
	}
	g.step("remove old backups from " + m.Place.String())
	// The new backup is good whatever happens to the old ones.
	if made.Removed, err = m.remove(ctx, g, q, name.String()); err != nil {
		made.Unremoved = g.reason(err).Error()
		m.Log.Warn("Could not remove old backups", "place", m.Place.String(), "error", err)
	}
	m.Log.Info("Backup made", "name", made.Name, "place", made.Place, "position", made.Position, "bytes", made.Bytes, "took", made.Took, "tried", made.Tried, "removed", made.Removed)
	return made, nil
}

// clear empties the folder in which backups are made.
func (m *Maker) clear() error {
	for _, name := range []string{"archive", "trial"} {
		if err := os.RemoveAll(filepath.Join(m.Work, name)); err != nil {
			return err
		}
	}
	return nil
}

// put stores the archive, encrypted if configured, and returns the size and sum of the stored file.
func (m *Maker) put(ctx context.Context, g *guard, plain, name string) (size int64, sum string, err error) {
	file, err := os.Open(plain)
	if err != nil {
		return 0, "", err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return 0, "", err
	}
	in, err := m.sealed(file)
	if err != nil {
		return 0, "", err
	}
	hashed := sha256.New()
	counted := &counter{in: io.TeeReader(g.reader(in), hashed)}
	err = m.Place.Put(ctx, name, info.Size()+info.Size()/1000+4096, counted)
	if closer, is := in.(io.Closer); is {
		_ = closer.Close() // ends the encrypting goroutine
	}
	if err != nil {
		return 0, "", err
	}
	return counted.n, hex.EncodeToString(hashed.Sum(nil)), nil
}

// sealed returns the stored form of an archive.
func (m *Maker) sealed(plain io.Reader) (io.Reader, error) {
	if m.Recipient == "" {
		return onlyReader{plain}, nil
	}
	to, err := age.ParseRecipients(strings.NewReader(m.Recipient))
	if err != nil {
		return nil, fmt.Errorf("HOTPAIR_BACKUP_RECIPIENT: %w", err)
	}
	r, w := io.Pipe()
	go func() {
		seal, err := age.Encrypt(w, to...)
		if err == nil {
			if _, err = io.Copy(seal, plain); err == nil {
				err = seal.Close()
			}
		}
		w.CloseWithError(err)
	}()
	return r, nil
}

// readBack compares the stored file with what was written.
func (m *Maker) readBack(ctx context.Context, g *guard, name string, size int64, sum string) (err error) {
	in, err := m.Place.Open(ctx, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	hashed := sha256.New()
	n, err := io.CopyBuffer(hashed, onlyReader{g.reader(in)}, make([]byte, 1<<20))
	if err == nil && (n != size || hex.EncodeToString(hashed.Sum(nil)) != sum) {
		err = fmt.Errorf("read back %d bytes that differ from the %d bytes written; the damaged backup is removed", n, size)
		err = errors.Join(err, m.Place.Remove(ctx, name))
	}
	return err
}

// remove removes the backups that no rule keeps.
func (m *Maker) remove(ctx context.Context, g *guard, q backups.Make, made string) (removed int, err error) {
	names, _, err := m.list(ctx, q.PairID)
	if err != nil {
		return 0, err
	}
	for _, n := range backups.Old(m.Keep, names, made, q.Last) {
		g.moved()
		if err := m.Place.Remove(ctx, n.String()); err != nil {
			return removed, fmt.Errorf("%v: %w", n, err)
		}
		removed++
	}
	return removed, nil
}

// list returns the backups of a pair in the place, with their sizes.
func (m *Maker) list(ctx context.Context, pair string) (names []backups.Name, sizes map[string]int64, err error) {
	sizes = map[string]int64{}
	err = m.Place.List(ctx, "hotpair-"+pair+"-", func(text string, bytes int64) {
		if n, ours := backups.Parse(pair, text); ours {
			names = append(names, n)
			sizes[text] = bytes
		}
	})
	return names, sizes, err
}

// List returns the content of the place.
func (m *Maker) List(ctx context.Context, q backups.ListQuestion) (backups.Shelf, error) {
	ctx, cancel := context.WithTimeout(ctx, m.Patience)
	defer cancel()
	return detached(ctx, func() (backups.Shelf, error) {
		answer := backups.Shelf{Host: m.Host, Place: m.Place.String(), Kept: []backups.Kept{}}
		names, sizes, err := m.list(ctx, q.PairID)
		if err != nil {
			return answer, fmt.Errorf("list %s: %w", m.Place, err)
		}
		slices.SortFunc(names, func(a, b backups.Name) int { return b.Made.Compare(a.Made) })
		for _, n := range names[:min(len(names), mostListed)] {
			answer.Kept = append(answer.Kept, backups.Kept{Name: n.String(), Host: n.Host, At: n.Made, Bytes: sizes[n.String()], Sealed: n.Sealed})
		}
		answer.More = len(names) - len(answer.Kept)
		return answer, nil
	})
}

// counter counts what is read.
type counter struct {
	in io.Reader
	n  int64
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.in.Read(b)
	c.n += int64(n)
	return n, err
}

// onlyReader hides all other methods of a reader.
type onlyReader struct{ io.Reader }
