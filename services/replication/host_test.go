package replication

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hotpair/hotpair/services/journal"
	"github.com/hotpair/hotpair/services/journal/journaltest"
	"github.com/hotpair/hotpair/services/link"
	"github.com/hotpair/hotpair/services/membership"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/facts"
	"github.com/hotpair/hotpair/storage/history"
)

// host is one host of a pair: real storage, real journal, real receiver, and a small updater that commits and applies.
type host struct {
	tb      testing.TB
	name    string
	dir     string
	options storage.Options
	journal journal.Config
	log     *slog.Logger

	facts    *facts.Facts
	store    *storage.Store
	j        *journal.Journal
	l        *journal.Log
	receiver *Receiver
	address  string // stays over restarts

	read uint64 // epoch up to which its main has read the pair record

	room  int64       // of its receiver
	stuck atomic.Bool // its database takes nothing

	mu        sync.Mutex
	allow     error
	divergent []Divergence
	stop      func()
	ended     error

	// As active.
	epoch    uint64
	remote   *link.Remote
	sender   *Sender
	required bool
	stopTerm func()
	states   []string
}

// newHost makes a host in a new directory.
func newHost(tb testing.TB, name string) *host {
	return &host{tb: tb, name: name, dir: tb.TempDir(), log: journaltest.Logger(tb, name), journal: journal.Config{Listen: processtest.Address(tb)}}
}

func other(name string) string {
	if name == "a" {
		return "b"
	}
	return "a"
}

// start opens everything and serves as standby.
func (h *host) start() {
	h.tb.Helper()
	check := func(err error) {
		h.tb.Helper()
		if err != nil {
			h.tb.Fatal(h.name, err)
		}
	}
	var err error
	h.facts, err = facts.Open(h.dir, h.name)
	check(err)
	if h.facts.Get().PairID == "" && h.name == "a" {
		check(h.facts.Update(func(d *facts.Data) error { d.PairID = "pair"; return nil }))
	}
	h.note()
	o := h.options
	o.Host, o.Identity = h.name, h.facts.Get().Identity
	h.store, err = storage.Open(filepath.Join(h.dir, "db"), o)
	check(err)
	c := h.journal
	c.Host, c.Dir, c.Password, c.Logger = h.name, filepath.Join(h.dir, "journal"), secret, h.log
	if h.address != "" {
		c.Listen = h.address
	}
	h.j = journal.New(c)
	check(h.j.Open(journaltest.Within(h.tb, 20*time.Second)))
	h.address = h.j.Address()
	h.l = journal.NewLog(h.j, h.store.Applied())
	ctx, cancel := context.WithCancel(context.Background())
	check(h.l.Read(ctx))
	h.receiver = NewReceiver(ReceiverConfig{
		Host: h.name, Peer: other(h.name), Log: h.l, Database: h.store, Snapshot: h.store, Facts: h.facts, Dir: h.dir, Logger: h.log, Room: h.room,
		Allow: func(uint64) error {
			h.mu.Lock()
			defer h.mu.Unlock()
			return h.allow
		},
		Divergent: func(a Divergence) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.divergent = append(h.divergent, a)
		},
	})
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return h.receiver.Run(ctx) })
	group.Go(func() error { return h.applier(ctx) })
	var once sync.Once
	h.stop = func() {
		once.Do(func() {
			if h.stopTerm != nil {
				h.stopTerm()
			}
			cancel()
			if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
				h.ended = err
				h.tb.Errorf("host %s ended: %v", h.name, err)
			}
			h.j.Close()
			h.store.Close()
		})
	}
	stop := h.stop
	h.tb.Cleanup(stop)
}

// reads has the host's main read in the pair record that an epoch was taken, now or when it starts.
func (h *host) reads(epoch uint64) {
	h.tb.Helper()
	h.read = max(h.read, epoch)
	if h.stop != nil {
		h.note()
		h.j.Revoke()
	}
}

// note is what main does with what it has read.
func (h *host) note() {
	h.tb.Helper()
	if f := h.facts.Get(); h.read == 0 || f.PairID == "pair" && h.read <= f.Epoch || f.PairID != "pair" && f.PairID != "" {
		return // nothing new, or of another pair
	}
	if err := h.facts.Update(func(d *facts.Data) error {
		d.PairID, d.Epoch = "pair", max(d.Epoch, h.read)
		return nil
	}); err != nil {
		h.tb.Fatal(err)
	}
}

// fence is what the host's journal is fenced for.
func (h *host) fence() (f journal.Fence) {
	h.l.View(func(t *journal.Tail) { f = t.Fence() })
	return f
}

// applier flushes every few milliseconds.
func (h *host) applier(ctx context.Context) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if h.store.Len() == 0 || h.stuck.Load() {
			continue
		}
		m, err := h.store.Flush(ctx)
		if err == nil {
			err = h.receiver.Applied(ctx, m)
		}
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("apply: %w", err)
		}
	}
}

// serve makes the host the active of an epoch and sends to peer.
func (h *host) serve(epoch uint64, peer *host, backlog ...history.Stored) {
	h.tb.Helper()
	ctx := journaltest.Within(h.tb, 20*time.Second)
	h.mu.Lock()
	h.allow = errors.New("active itself")
	h.mu.Unlock()
	var session uint64
	if err := h.facts.Update(func(d *facts.Data) error {
		d.Epoch, d.Session = max(d.Epoch, epoch), d.Session+1
		session = d.Session
		return nil
	}); err != nil {
		h.tb.Fatal(err)
	}
	end, broken, err := h.receiver.Fence(ctx, journal.Fence{Term: journal.Term{Epoch: epoch, Session: session}, Host: h.name})
	if err != nil || broken != nil {
		h.tb.Fatal(err, broken)
	}
	h.epoch = epoch
	if len(backlog) == 0 {
		// Takeover: all in the journal is committed by the one who serves from here on.
		h.l.View(func(t *journal.Tail) { backlog = t.After(h.store.Committed().Position.Sequence, end.Position.Sequence) })
		if err := h.store.Commit(backlog...); err != nil {
			h.tb.Fatal(err)
		}
		backlog = nil
	}
	h.dial(peer)
	peer.reads(epoch)
	term, cancel := context.WithCancel(context.Background())
	h.sender = NewSender(h.senderConfig(epoch, backlog))
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		if err := h.sender.Run(term); err != nil && !errors.Is(err, context.Canceled) {
			h.tb.Error(h.name, "sender:", err)
		}
	}()
	var once sync.Once
	h.stopTerm = func() {
		once.Do(func() {
			cancel()
			wg.Wait()
		})
	}
	if h.store.Committed().Position.Epoch < epoch && len(backlog) == 0 {
		h.commit(journaltest.Chain(h.tb, h.store.Committed(), epoch, 1, "began")...)
	}
}

func (h *host) senderConfig(epoch uint64, backlog []history.Stored) SenderConfig {
	return SenderConfig{Remote: h.remote, Source: h.store, Facts: h.facts, Epoch: epoch, Level: h.store.Level, Backlog: backlog, Logger: h.log,
		State: func(p PeerState) {
			h.mu.Lock()
			defer h.mu.Unlock()
			if n := len(h.states); n == 0 || h.states[n-1] != p.State {
				h.states = append(h.states, p.State)
			}
		}}
}

// dial keeps a connection to peer until the test ends.
func (h *host) dial(peer *host) {
	if h.remote != nil {
		return
	}
	h.dialAs(link.RemoteConfig{Host: h.name, Peer: peer.name, Address: peer.address, Password: secret, Logger: h.log})
}

// dialAs is dial with a configuration of one's own.
func (h *host) dialAs(c link.RemoteConfig) {
	h.remote = NewPeer(c)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		_ = h.remote.Run(ctx)
	}()
	h.tb.Cleanup(func() { cancel(); wg.Wait() })
}

// commit makes entries durable where they must be, and visible.
func (h *host) commit(entries ...history.Stored) {
	h.tb.Helper()
	ctx := journaltest.Within(h.tb, 30*time.Second)
	known := h.store.Committed().Position
	var there <-chan struct{}
	if h.required {
		there = h.sender.Offer(entries, known)
	}
	if err := h.l.Append(ctx, entries, known); err != nil {
		h.tb.Fatal(err)
	}
	if there != nil {
		select {
		case <-there:
		case <-ctx.Done():
			h.tb.Fatal("the other host does not take the frame; it is ", h.sender.State())
		}
	}
	if err := h.store.Commit(entries...); err != nil {
		h.tb.Fatal(err)
	}
	h.sender.Committed()
}

// work commits n frames of some entries.
func (h *host) work(n int, text string) {
	h.tb.Helper()
	for i := range n {
		h.commit(journaltest.Chain(h.tb, h.store.Committed(), h.epoch, 1+i%3, text)...)
	}
}

func (h *host) awaitState(state string) {
	h.tb.Helper()
	processtest.Await(h.tb, h.name+" sees its peer "+state, func() bool { return h.sender.State().State == state })
}

// hold makes frames wait for the peer.
func (h *host) hold() {
	h.tb.Helper()
	h.required = true
	err := h.sender.Hold(journaltest.Within(h.tb, 20*time.Second), h.store.Committed().Position, membership.Note{Version: 3, Epoch: h.epoch})
	if err != nil {
		h.tb.Fatal("hold:", err, h.sender.State())
	}
}

// same waits until both databases have applied the same.
func same(tb testing.TB, a, b *host) {
	tb.Helper()
	want := a.store.Committed()
	for _, h := range []*host{a, b} {
		processtest.Await(tb, fmt.Sprintf("%s applies %v", h.name, want.Position), func() bool { return h.store.Applied() == want })
	}
	da, ma, err := a.store.DatabaseDigest()
	if err != nil {
		tb.Fatal(err)
	}
	db, mb, err := b.store.DatabaseDigest()
	if err != nil {
		tb.Fatal(err)
	}
	if da != db || ma != mb {
		tb.Fatalf("databases differ: %v at %v, %v at %v", da, ma.Position, db, mb.Position)
	}
}

func newPair(tb testing.TB) (a, b *host) {
	a, b = newHost(tb, "a"), newHost(tb, "b")
	a.start()
	b.start()
	return a, b
}

// noMembership notes nothing.
var noMembership membership.Note
