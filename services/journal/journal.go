package journal

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/broker"
	"github.com/hotpair/hotpair/services/durable"
)

const (
	// ServerPrefix with the host is how a journal's server calls itself; the other host learns the name from it.
	ServerPrefix = "replication-"
	// PeerUser is the user of the other host's standing connection, PeerInbox where it gets its answers.
	PeerUser  = "peer"
	PeerInbox = "inbox.peer"
	ownerUser = "owner"
	// defaultMaxBytes bounds a journal: minutes of updates at full rate, should bolt ever lag that far.
	defaultMaxBytes = 1 << 30
	// reserve is what the owner adds to the bound for its own markers when the journal is full.
	reserve = 1 << 20
	// defaultPatience is how long a write may take: stalls of over a second were seen on healthy disks.
	defaultPatience = 10 * time.Second
	// watched is how many stored messages wait for their watcher; they may have MaxFrame bytes each.
	watched = 4
	// duplicateWindow of the stream. No message carries an id; the default of two minutes makes a restart read everything.
	duplicateWindow = 100 * time.Millisecond
)

// Config describes the journal of a host.
type Config struct {
	// Host owns the journal.
	Host string
	// Dir holds the stream and the lock.
	Dir string
	// Listen is host:port for the peer; port 0 picks a free one, empty serves this process only.
	Listen string
	// Network that Listen is of; nil is TCP.
	Network bus.Network
	// Password of the user peer: config.DeriveKey(secret, PurposeReplication).
	Password string
	// MaxBytes bounds the stream; a full one refuses frames with ErrFull. Default 1 GiB.
	MaxBytes int64
	// Keep bounds what a Log keeps in memory of what is not applied, in bytes as it is stored. Default 64 MiB.
	Keep int64
	// Patience is how long a write may take before the journal counts as stuck. Default 10 s; main decides long before
	// on the age of the frame in flight.
	Patience time.Duration
	// Used says that the host has had a journal before, so that an empty one was recreated.
	Used bool
	// Lacks is called by Open when the stream was recreated or has become shorter, before that is forgotten: what it says
	// must be durable when it returns. An error of it ends Open. May be nil.
	Lacks  func() error
	Logger *slog.Logger
}

// Journal is the owner's side of a host's journal. Its methods may be called by any number of goroutines.
type Journal struct {
	config   Config
	subject  string
	users    *broker.Users
	secret   string // password of the owner's own connection
	server   *broker.Server
	lock     *os.File
	conn     *bus.Conn
	stream   jetstream.Stream
	reader   *reader
	appender *Appender
	hint     *hints

	dead   chan struct{}
	failed sync.Once
	why    error // set before dead is closed

	mu        sync.Mutex // one writer at a time
	last      uint64     // stream sequence of the last message, as far as this owner knows
	unsure    bool       // last must be read again
	fence     Fence      // the last one of this process
	granted   []string
	maxBytes  int64
	purged    uint64
	recreated bool
}

// Credentials let the other host's sender append in one session.
type Credentials struct {
	User     string `json:"user"`
	Password string `json:"password"`
	Inbox    string `json:"inbox"` // prefix of reply subjects
	// Last is the stream sequence that the first append must expect.
	Last uint64 `json:"last"`
}

// Info is the state of a journal's stream.
type Info struct {
	First, Last uint64 // stream sequences; an empty stream has First = Last+1
	Messages    uint64
	Bytes       int64
	// Recreated says that the stream was recreated, or has become shorter, since the directory was last open.
	Recreated bool
}

// New returns a journal, which Open opens.
func New(c Config) *Journal {
	if c.MaxBytes == 0 {
		c.MaxBytes = defaultMaxBytes
	}
	if c.Patience == 0 {
		c.Patience = defaultPatience
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Journal{
		config:   c,
		subject:  bus.ReplicationSubject(c.Host),
		users:    broker.NewUsers(),
		secret:   rand.Text(),
		hint:     newHints(c.Dir, c.Logger),
		dead:     make(chan struct{}),
		maxBytes: c.MaxBytes,
	}
}

// Open takes the lock, starts the server and opens or creates the stream. The error is ErrLocked, bus.ErrListen, or one
// of the stream.
func (j *Journal) Open(ctx context.Context) (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("open journal %s: %w", j.config.Dir, err), j.Close())
		}
	}()
	if err := j.takeLock(); err != nil {
		return err
	}
	j.allow()
	server, err := broker.NewServer(broker.ServerConfig{
		Name:     ServerPrefix + j.config.Host,
		Listen:   j.config.Listen,
		Network:  j.config.Network,
		Users:    j.users,
		StoreDir: filepath.Join(j.config.Dir, "stream"),
		Logger:   j.config.Logger,
	})
	if err != nil {
		return err
	}
	if err := server.Start(ctx); err != nil {
		return err
	}
	j.server = server
	j.conn, err = bus.Connect(ctx, bus.ConnConfig{
		Name: "owner of the journal", User: ownerUser, Password: j.secret, InProcess: server,
		// The server is in this process: its silence is a busy processor, and pings would only find that.
		Ping:      time.Minute,
		Complaint: func(err error) { j.config.Logger.Error("journal connection", "error", err) },
	})
	if err != nil {
		return err
	}
	if err := j.openStream(ctx); err != nil {
		return err
	}
	if j.appender, err = NewAppender(j.conn, j.subject); err != nil {
		return err
	}
	j.reader, err = newReader(j.conn, bus.JournalStream(j.config.Host))
	return err
}

// RefusedLogins counts the logins that were refused at its port.
func (j *Journal) RefusedLogins() uint64 { return j.users.Refused() }

// allow sets the users: the owner, everything; the peer, only calls.
func (j *Journal) allow() {
	j.users.Allow(ownerUser, broker.Grant{Password: j.secret})
	if j.config.Password != "" {
		j.users.Allow(PeerUser, broker.Grant{
			Password:    j.config.Password,
			Permissions: broker.Permit([]string{bus.ReplicationCall(j.config.Host, "*"), bus.ComparisonCall(j.config.Host, "*")}, []string{PeerInbox + ".>"}),
		})
	}
}

// takeLock keeps a second process out: two servers can open one store, and damage it.
func (j *Journal) takeLock() error {
	if err := durable.MakeDir(j.config.Dir); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(j.config.Dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := durable.Lock(f); err != nil {
		f.Close()
		if errors.Is(err, durable.ErrLocked) {
			return fmt.Errorf("%w: another process uses it; stop that process or choose another directory", ErrLocked)
		}
		return err
	}
	j.lock = f
	return nil
}

// openStream opens or makes the stream with what makes an append durable before it is acknowledged.
func (j *Journal) openStream(ctx context.Context) error {
	js, err := jetstream.New(j.conn.Conn)
	if err != nil {
		return err
	}
	config := j.streamConfig()
	j.stream, err = js.CreateOrUpdateStream(ctx, config)
	if err != nil {
		return err
	}
	info, err := j.stream.Info(ctx)
	if err != nil {
		return err
	}
	j.last, j.purged = info.State.LastSeq, max(info.State.FirstSeq, 1)-1
	was, known := j.hint.read()
	j.recreated = lacking(was, known, info.Created, info.State.LastSeq, j.config.Used)
	if j.recreated {
		j.config.Logger.Error("the journal was recreated or has become shorter; the missing updates must come from the other host",
			"host", j.config.Host, "last", info.State.LastSeq, "was", was.Last)
		if j.config.Lacks != nil {
			if err := j.config.Lacks(); err != nil {
				return err
			}
		}
	}
	j.hint.write(hint{Created: info.Created, Last: info.State.LastSeq})
	return nil
}

func (j *Journal) streamConfig() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        bus.JournalStream(j.config.Host),
		Description: "hotpair journal of host " + j.config.Host,
		Subjects:    []string{j.subject},
		Retention:   jetstream.LimitsPolicy,
		Storage:     jetstream.FileStorage,
		Replicas:    1,
		Discard:     jetstream.DiscardNew,
		MaxBytes:    j.maxBytes,
		MaxMsgSize:  MaxFrame + 4096, // and headers
		Duplicates:  duplicateWindow,
		AllowDirect: true,
		DenyDelete:  true,
		// Passes to the owner what another writer has appended, so that it need not be read; it costs a copy without a
		// listener.
		RePublish: &jetstream.RePublish{Source: j.subject, Destination: storedSubject(j.config.Host)},
	}
}

// storedSubject is where the stream says that it has stored a message.
func storedSubject(host string) string { return "stored." + host }

// Close stops the server. It may be called repeatedly.
func (j *Journal) Close() error {
	if j.conn != nil {
		j.rememberEnd()
		j.conn.Close()
	}
	if j.server != nil {
		j.server.Stop()
	}
	if j.lock != nil {
		err := durable.Unlock(j.lock)
		j.lock = nil
		return err
	}
	return nil
}

// rememberEnd writes down where the stream ends, if that can be had quickly.
func (j *Journal) rememberEnd() {
	if j.stream == nil || j.Err() != nil || j.conn.Up().Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if info, err := j.stream.Info(ctx); err == nil {
		j.hint.write(hint{Created: info.Created, Last: info.State.LastSeq})
	}
}

// Dead is closed when the journal accepts no more writes; Err says why. The process must end (R8).
func (j *Journal) Dead() <-chan struct{} { return j.dead }

// Err is the reason why the journal is dead (ErrStuck); nil while it is not.
func (j *Journal) Err() error {
	select {
	case <-j.dead:
		return j.why
	default:
		return nil
	}
}

// die marks the journal dead for good.
func (j *Journal) die(reason error) error {
	j.failed.Do(func() {
		j.why = fmt.Errorf("%w: %w", ErrStuck, reason)
		close(j.dead)
	})
	return j.why
}

// Address is the host:port that it listens on.
func (j *Journal) Address() string { return j.server.Address() }

// Host is the owner's name.
func (j *Journal) Host() string { return j.config.Host }

// Conn is the owner's connection to the journal's server, on which a Receiver serves calls.
func (j *Journal) Conn() *bus.Conn { return j.conn }

// Info returns the state of the stream.
func (j *Journal) Info(ctx context.Context) (Info, error) {
	info, err := j.stream.Info(ctx)
	if err != nil {
		return Info{}, fmt.Errorf("journal info: %w", err)
	}
	return Info{
		First: info.State.FirstSeq, Last: info.State.LastSeq,
		Messages: info.State.Msgs, Bytes: int64(info.State.Bytes), Recreated: j.recreated,
	}, nil
}

// Watch returns a channel of the messages that any writer stores, until stop is called. It never blocks the journal: of
// unread messages only the newest are kept, so the sequences may have gaps. A message whose sequence is unknown has the
// highest possible one.
func (j *Journal) Watch() (stored <-chan Read, stop func(), err error) {
	c := make(chan Read, watched)
	sub, err := j.conn.Subscribe(storedSubject(j.config.Host), func(m *nats.Msg) {
		seq, err := strconv.ParseUint(m.Header.Get(jetstream.SequenceHeader), 10, 64)
		if err != nil || seq == 0 {
			seq = math.MaxUint64 // look
		}
		for r := (Read{Seq: seq, Raw: m.Data}); ; {
			select {
			case c <- r: // this callback is the only one that sends
				return
			default:
			}
			select {
			case <-c:
			default:
			}
		}
	})
	if err != nil {
		return nil, nil, fmt.Errorf("watch journal: %w", err)
	}
	if err := j.conn.Flush(); err != nil {
		return nil, nil, fmt.Errorf("watch journal: %w", err)
	}
	return c, func() { _ = sub.Unsubscribe() }, nil
}
