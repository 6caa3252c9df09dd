package inspection

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/backup"
	"github.com/hotpair/hotpair/storage/facts"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/origin"
)

const (
	// backupPiece is how much of the database one piece holds, in bytes: some milliseconds of reading.
	backupPiece = 512 << 10
	// backupsAtOnce bounds backups that are under way: each keeps history from being trimmed.
	backupsAtOnce = 2
	// backupPatience is how long a backup waits to be asked for its next piece.
	backupPatience = time.Minute
)

var (
	errReceiving    = errors.New("the database is inconsistent: a snapshot transfer is unfinished")
	errBackups      = errors.New("the maximum number of backups is running")
	errBackupGone   = errors.New("that backup is not running")
	errBackupOrder  = errors.New("the pieces of a backup must be read in order")
	errBackupUnripe = errors.New("the history has not reached the data that was read")
)

// backups are those under way. Each piece reads the database in one short view: nothing waits for a backup, and what it
// costs is that history is kept from where it began.
type backups struct {
	store *storage.Store
	facts *facts.Facts
	host  string
	data  string
	key   backup.Key
	trust string

	mu       sync.Mutex
	sessions map[string]*backupSession
}

// backupSession is one backup: ranges of the database, then the history since the first of them.
type backupSession struct {
	writer     backup.Writer
	time       int64
	cursor     []byte
	ranged     bool
	sent       history.Mark // end of the history that is in the file
	until      history.Mark // where it ends; set when all ranges are read
	piece      uint64
	bytes      int64
	size       int64 // estimate
	release    func()
	expires    *time.Timer
	overloaded bool
}

func newBackups(c Config) *backups {
	return &backups{store: c.Store, facts: c.Facts, host: c.Host, data: c.Data, key: backup.Key(c.BackupKey), trust: c.Trust, sessions: map[string]*backupSession{}}
}

// answer answers bus.BackupOrder, in either role.
func (b *backups) answer(_ context.Context, q bus.BackupOrder) (bus.BackupPage, error) {
	if q.Session == "" {
		page, err := b.begin()
		if err != nil {
			return page, fmt.Errorf("%w: %w", bus.ErrRefused, err)
		}
		return page, nil
	}
	s, err := b.take(q)
	if err != nil {
		return bus.BackupPage{Session: q.Session}, fmt.Errorf("%w: %w", bus.ErrRefused, err)
	}
	if s == nil {
		return bus.BackupPage{Session: q.Session}, nil // abandoned
	}
	page, err := b.next(s)
	if err != nil {
		page = bus.BackupPage{}
	}
	page.Session = q.Session
	if b.put(s); err != nil || page.Last {
		b.drop(q.Session)
	}
	return page, err
}

// begin opens a backup and gives its first piece.
func (b *backups) begin() (bus.BackupPage, error) {
	facts := b.facts.Get()
	if facts.Receiving != nil {
		return bus.BackupPage{}, errReceiving
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.sessions) >= backupsAtOnce {
		return bus.BackupPage{}, errBackups
	}
	origins, err := origin.Read(b.data)
	if err != nil {
		return bus.BackupPage{}, err
	}
	base := b.store.Applied()
	release, err := b.store.Pin(base.Position.Sequence + 1)
	if err != nil {
		return bus.BackupPage{}, err
	}
	stats := b.store.Stats()
	s := &backupSession{
		writer: backup.NewWriter(b.key), sent: base, release: release, piece: 1,
		size: max(stats.FileBytes-int64(stats.FreePages)*4096-stats.HistoryBytes, 1),
	}
	first, err := s.writer.Begin(backup.Header{PairID: facts.PairID, Host: b.host, Made: time.Now().UTC().Truncate(time.Second), Base: base,
		Trust: b.trust, Copied: origins.Copied})
	if err != nil {
		release()
		return bus.BackupPage{}, err
	}
	name := rand.Text()
	s.expires = time.AfterFunc(backupPatience, func() { b.drop(name) })
	b.sessions[name] = s
	return bus.BackupPage{Session: name, Bytes: first, Size: s.size}, nil
}

// take finds a session for its next piece; nil when it was abandoned.
func (b *backups) take(q bus.BackupOrder) (*backupSession, error) {
	b.mu.Lock()
	s := b.sessions[q.Session]
	switch {
	case s == nil:
		b.mu.Unlock()
		return nil, errBackupGone
	case q.Abandon:
		b.mu.Unlock()
		b.drop(q.Session)
		return nil, nil
	case s.overloaded || q.Piece != s.piece:
		b.mu.Unlock()
		return nil, fmt.Errorf("%w: %d, the next is %d", errBackupOrder, q.Piece, s.piece)
	}
	s.overloaded = true
	s.expires.Stop()
	b.mu.Unlock()
	return s, nil
}

func (b *backups) put(s *backupSession) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s.overloaded = false
	s.piece++
	s.expires.Reset(backupPatience)
}

// drop ends a session; its history may be trimmed again.
func (b *backups) drop(name string) {
	b.mu.Lock()
	s := b.sessions[name]
	if s != nil && s.overloaded {
		s = nil // in use: it ends with its next piece or when nobody asks for one
	}
	if s != nil {
		delete(b.sessions, name)
		s.expires.Stop()
	}
	b.mu.Unlock()
	if s != nil {
		s.release()
	}
}

// stop ends all.
func (b *backups) stop() {
	b.mu.Lock()
	names := make([]string, 0, len(b.sessions))
	for name := range b.sessions {
		names = append(names, name)
	}
	b.mu.Unlock()
	for _, name := range names {
		b.drop(name)
	}
}

// next makes the next piece.
func (b *backups) next(s *backupSession) (page bus.BackupPage, err error) {
	switch {
	case !s.ranged:
		page.Bytes, err = b.nextRange(s)
	case s.sent != s.until:
		page.Bytes, err = b.nextEntries(s)
	default:
		page.Bytes, err = s.writer.End(s.until, s.time)
		page.Last, page.Position, page.Done = true, s.until.Position, 1
		return page, err
	}
	s.bytes += int64(len(page.Bytes))
	page.Done = min(float64(s.bytes)/float64(s.size), 0.99)
	return page, err
}

func (b *backups) nextRange(s *backupSession) ([]byte, error) {
	r, err := b.store.SnapshotRange(s.cursor, backupPiece)
	if err != nil {
		return nil, err
	}
	s.cursor, s.ranged, s.time = r.Next, r.Done, r.Time
	if s.ranged {
		// The end is what is committed now: at least what any range holds, because that was applied.
		s.until = b.store.Committed()
	}
	return s.writer.Range(&r)
}

func (b *backups) nextEntries(s *backupSession) ([]byte, error) {
	from := s.sent.Position.Sequence + 1
	entries, err := b.store.Entries(from, 0, backupPiece)
	if err != nil {
		return nil, err
	}
	for i := range entries {
		if entries[i].Entry.Position.Sequence > s.until.Position.Sequence {
			entries = entries[:i]
			break
		}
	}
	if len(entries) == 0 {
		return nil, errBackupUnripe
	}
	s.sent = entries[len(entries)-1].Mark()
	return s.writer.Entries(entries)
}
