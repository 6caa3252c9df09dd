// Package witness is the process that keeps the pair record on a third machine, so that two hosts that lose each other
// can still agree on one active.
//
// It is one JetStream key-value entry and nothing else: no data of the pair, no decision, a few megabytes of memory.
// That is why it may run on any small machine, and why losing it alone changes nothing for a pair that sees itself. It
// must be truthful: a write that it acknowledged is on its disk, and it never claims the identity of another witness.
// So every write is fsynced before its answer, the random identity made with the data directory is part of each record
// (V12), and a store that lost something ends the process instead of answering from what is left (R8).
//
//	w := witness.New(witness.Config{Listen: ":7705", Data: "/var/lib/hotpair-witness", Secret: secret, Log: log})
//	err := w.Run(ctx) // until ctx ends, or the store fails
//
// Hosts ask this process, never its store: a write that no host of the pair can have made of what is there is refused
// (role/record, Follows), whoever has a host's login.
package witness

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/broker"
	"github.com/hotpair/hotpair/services/arbiter"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/keyring"
	"github.com/hotpair/hotpair/services/reread"
	"github.com/hotpair/hotpair/services/role/record"
	"github.com/hotpair/hotpair/services/systemd"
	"github.com/hotpair/hotpair/services/wires"
)

var (
	// ErrLocked says that another process uses the data directory.
	ErrLocked = errors.New("data directory is in use by another process")
	// ErrForeign says that the data directory holds something but belongs to no witness.
	ErrForeign = errors.New("not a data directory of a witness")
	// ErrDamaged says that the data directory of the witness is damaged. Nothing is repaired: move it away
	// and start with an empty one, which the hosts see as a new witness.
	ErrDamaged = errors.New("witness's store is damaged")
	// ErrStore says that the store stopped taking writes, for example because the disk is full. The process ends,
	// because a store that failed once stays dead until it is opened again.
	ErrStore = errors.New("witness's store accepts no writes")
)

const (
	// administrator is the only other user: this process itself.
	administrator = "witness"
	// startWithin bounds the start, recovery of the store included.
	startWithin = 30 * time.Second
	// memory that the garbage collector aims at, in bytes.
	memory = 32 << 20
	// maxPayload is enough for a record and for the server's own messages.
	maxPayload = 64 << 10
	// maxConnections is a few for each host and some for inspection.
	maxConnections = 64
	// maxWaiting bounds the waiting calls of one kind; more are not answered.
	maxWaiting = 256
	// storeWithin bounds what a call may wait for the store.
	storeWithin = 5 * time.Second
)

// Config is what a Witness needs to know.
type Config struct {
	Listen string // host:port; port 0 picks a free one
	Data   string // directory
	Secret string // the pair secret
	Log    *slog.Logger
	// Network that Listen is of; nil is TCP.
	Network bus.Network
	// Keys has the list of the keys of admitted hosts, where hosts prove their identity; nil admits every host that has
	// the secret.
	Keys *keyring.Gate
	// Probe is the interval of test writes; 0 is 5 s.
	Probe time.Duration
}

// Witness keeps one register.
type Witness struct {
	config  Config
	ready   chan struct{}
	address string
	id      string
	fail    context.CancelCauseFunc // ends Run

	revision atomic.Uint64 // of the record, as it was seen last
	proved   atomic.Uint64 // test writes that succeeded
}

// New returns a witness. Nothing is opened until Run.
func New(c Config) *Witness {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Probe == 0 {
		c.Probe = 5 * time.Second
	}
	return &Witness{config: c, ready: make(chan struct{})}
}

// Run is the process "hotpair witness".
func Run(ctx context.Context, c config.Witness, log *slog.Logger) error {
	debug.SetMemoryLimit(memory)
	var sealed *wires.Wires
	gate := keyring.NewGate(func() { sealed.Sweep() })
	sealed, err := wires.OpenWitness(c.TLS, wires.Environment{Admission: gate, Data: c.Data, Keep: true}, log)
	if err != nil {
		return err
	}
	settings := Config{Listen: c.WitnessListen, Data: c.Data, Secret: c.PairSecret.Reveal(), Network: sealed.Witness(), Log: log}
	if sealed.Sealed() {
		settings.Keys = gate
	}
	w := New(settings)
	unit := systemd.Open(os.Getenv, log)
	defer unit.Close()
	return sealed.During(ctx, func(ctx context.Context) error {
		return unit.During(ctx, w.Run, systemd.Service{
			Up: w.ready, Says: w.says, Lives: w.lives(), Log: log,
			Reread: func() string { return reread.All(ctx, sealed.Rereads(), c.Stale()) },
		})
	})
}

// says is what this witness does, in a line.
func (w *Witness) says() string {
	return fmt.Sprintf("listens at %s; its pair record is at revision %d", w.address, w.revision.Load())
}

// lives gives a question: has a test write succeeded since it was asked last? That is what a witness is for.
func (w *Witness) lives() func() bool {
	var last uint64
	return func() bool {
		before := last
		last = w.proved.Load()
		return last != before
	}
}

// Ready is closed when the witness answers; then Address and ID are known.
func (w *Witness) Ready() <-chan struct{} { return w.ready }

// Address is the host:port that it listens on. Valid after Ready.
func (w *Witness) Address() string { return w.address }

// ID is the identity made with the data directory. Valid after Ready.
func (w *Witness) ID() string { return w.id }

// Run serves until ctx ends, which is no error, or until it can't. Errors: ErrLocked, ErrForeign, ErrDamaged, ErrStore,
// bus.ErrListen, bus.ErrAddress. It can be called once.
func (w *Witness) Run(ctx context.Context) (err error) {
	d, err := openDirectory(w.config.Data)
	if err != nil {
		return fmt.Errorf("witness: %w", err)
	}
	defer func() { err = errors.Join(err, d.close()) }()
	if w.config.Keys != nil {
		if err := w.config.Keys.Open(filepath.Join(w.config.Data, keysFile)); err != nil {
			return fmt.Errorf("witness: %w: delete it, and the first host that connects writes it again: %w", ErrDamaged, err)
		}
		w.config.Log.Info("hosts are admitted by their keys", "keys", w.config.Keys.Ring().Sentence())
	}
	users := broker.NewUsers()
	password := rand.Text()
	users.Allow(administrator, broker.Grant{Password: password})
	// From the first moment, so that a host never takes a witness that starts for one with another secret. Until hello is
	// answered it finds nobody and writes nothing.
	users.Allow(arbiter.User, w.grant())
	srv, err := broker.NewServer(broker.ServerConfig{
		Name: "witness", Listen: w.config.Listen, Network: w.config.Network, Users: users, StoreDir: w.config.Data,
		MaxPayload: maxPayload, MaxConnections: maxConnections, PingInterval: 10 * time.Second,
		Logger: w.config.Log,
	})
	if err != nil {
		return fmt.Errorf("witness: %w", err)
	}
	starting, started := context.WithTimeout(ctx, startWithin)
	defer started()
	if err := srv.Start(starting); err != nil {
		return fmt.Errorf("witness: %w", w.explain(err))
	}
	defer srv.Stop()
	store, err := openStore(starting, srv, password, d, w.config.Log)
	if err != nil {
		return fmt.Errorf("witness: %w", err)
	}
	defer store.close()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	w.fail = fail
	if err := w.serve(ctx, store); err != nil {
		return fmt.Errorf("witness: %w", err)
	}
	w.address, w.id = srv.Address(), d.identity.ID
	close(w.ready)
	w.config.Log.Info("witness is ready", "address", w.address, "witness", w.id)
	if err := store.watch(ctx, w.config.Probe, &w.proved); err != nil {
		return fmt.Errorf("witness: %w", err)
	}
	if err := context.Cause(ctx); errors.Is(err, ErrStore) {
		return fmt.Errorf("witness: %w", err)
	}
	return nil
}

// serve answers hosts until ctx ends: who this is and what the register holds; and beside it, because a disk may take its
// time, one write after the other.
func (w *Witness) serve(ctx context.Context, s *store) error {
	questions, writes := bus.NewRouter(arbiter.Inbox), bus.NewRouter(arbiter.Inbox)
	arbiter.CallHello.Handle(questions, func(_ struct{}, answer func(arbiter.Hello, error)) {
		answer(arbiter.NewHello(s.dir.identity.ID), nil)
	})
	arbiter.CallRead.Handle(questions, func(_ struct{}, answer func(arbiter.Stored, error)) {
		ctx, cancel := context.WithTimeout(ctx, storeWithin)
		defer cancel()
		held, err := s.read(ctx)
		if err == nil {
			w.revision.Store(held.Revision)
		}
		answer(held, err)
	})
	arbiter.CallWrite.Handle(writes, func(c arbiter.Change, answer func(arbiter.Written, error)) {
		ctx, cancel := context.WithTimeout(ctx, storeWithin)
		defer cancel()
		revision, err := s.write(ctx, c)
		if errors.Is(err, record.ErrImpossible) {
			w.config.Log.Warn("refused a write that no host of this pair makes", "err", err)
		}
		answer(arbiter.Written{Revision: revision}, err)
	})
	subjects := map[string]*bus.Router{
		arbiter.CallWrite.Subject(): writes, arbiter.CallHello.Subject(): questions, arbiter.CallRead.Subject(): questions,
	}
	if w.config.Keys != nil {
		w.serveKeys(questions, writes)
		subjects[arbiter.CallKeys.Subject()], subjects[arbiter.CallReplaceKeys.Subject()] = questions, writes
	}
	for subject, router := range subjects {
		sub, err := s.conn.Subscribe(subject, router.Take)
		if err == nil {
			err = sub.SetPendingLimits(maxWaiting, maxWaiting*maxPayload)
		}
		if err != nil {
			return fmt.Errorf("answer hosts: %w", err)
		}
	}
	if err := s.conn.Flush(); err != nil {
		return fmt.Errorf("answer hosts: %w", err)
	}
	return nil
}

// serveKeys answers hosts about the keys that are let in. A list whose write failed is of no known content, so the process ends (R8).
func (w *Witness) serveKeys(questions, writes *bus.Router) {
	arbiter.CallKeys.Handle(questions, func(_ struct{}, answer func(keyring.Ring, error)) { answer(w.config.Keys.Ring(), nil) })
	arbiter.CallReplaceKeys.Handle(writes, func(c arbiter.KeysChange, answer func(struct{}, error)) {
		err := w.config.Keys.Replace(c.Ring, c.Expected)
		switch {
		case err == nil:
			w.config.Log.Info("the admitted keys have changed", "keys", c.Ring.Sentence())
		case errors.Is(err, keyring.ErrImpossible):
			w.config.Log.Warn("refused a list of keys that no host of this pair makes", "err", err)
		case !errors.Is(err, keyring.ErrChanged):
			w.fail(fmt.Errorf("%w: %w", ErrStore, err))
		}
		answer(struct{}{}, err)
	})
}

// grant is what a host may do: ask.
func (w *Witness) grant() broker.Grant {
	return broker.Grant{
		Password:    config.DeriveKey(w.config.Secret, config.PurposeWitness),
		Permissions: broker.Permit([]string{arbiter.Subjects}, []string{arbiter.Inbox + ".>"}),
	}
}

// explain tells a port that can't be had from a store that can't be opened, which the server reports alike.
func (w *Witness) explain(err error) error {
	if !errors.Is(err, bus.ErrListen) || errors.Is(err, syscall.EADDRINUSE) {
		return err
	}
	l, listenErr := net.Listen("tcp", w.config.Listen)
	if listenErr != nil {
		return fmt.Errorf("%w: %w", bus.ErrListen, listenErr)
	}
	_ = l.Close()
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}
