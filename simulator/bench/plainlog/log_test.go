package plainlog

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/journal"
	"github.com/hotpair/hotpair/simulator/bench/proc"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/position"
)

var term = journal.Term{Epoch: 1, Session: 1}

// chain makes n updates that follow m; the first of all begins the epoch.
func chain(tb testing.TB, m storage.Mark, n int) []storage.Stored {
	tb.Helper()
	var entries []storage.Stored
	for range n {
		at := position.Position{Epoch: 1, Sequence: m.Position.Sequence + 1}
		e := storage.Entry{Position: at, Kind: storage.KindUpdate, Time: int64(at.Sequence), Space: "kv", Effects: []storage.Effect{{
			Key: fmt.Appendf(nil, "key-%d", at.Sequence%97), Value: []byte("a value of a usual length, as an account or a session would have it"),
		}}}
		if m.Position.Epoch == 0 {
			e = storage.Entry{Position: at, Kind: storage.KindBegan, Time: 1, Host: "a", Identity: "identity-a"}
		}
		s, err := storage.NewStored(m.Digest, e)
		if err != nil {
			tb.Fatal(err)
		}
		entries, m = append(entries, s), s.Mark()
	}
	return entries
}

// host is a log and a database, which is brought up behind.
type host struct {
	*Log
	store *storage.Store
}

func newHost(tb testing.TB, name string) *host {
	tb.Helper()
	dir := tb.TempDir()
	store, err := storage.Open(filepath.Join(dir, "db"), storage.Options{Host: name, Identity: "identity-" + name})
	if err != nil {
		tb.Fatal(err)
	}
	l, err := Open(filepath.Join(dir, "log"), store.Applied())
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var applying sync.WaitGroup
	applying.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			if store.Len() > 0 {
				if _, err := store.Flush(ctx); err != nil && ctx.Err() == nil {
					tb.Error(err)
				}
			}
		}
	})
	tb.Cleanup(func() {
		cancel()
		applying.Wait()
		if err := errors.Join(l.Close(), store.Close()); err != nil {
			tb.Error(err)
		}
	})
	return &host{l, store}
}

// pair is two hosts, of which a sends to b.
type pair struct {
	tb   testing.TB
	a, b *host
	peer *Peer
	end  storage.Mark
}

func newPair(tb testing.TB) *pair {
	tb.Helper()
	p := &pair{tb: tb, a: newHost(tb, "a"), b: newHost(tb, "b")}
	p.end = p.a.store.Committed()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		conn, err := listener.Accept()
		if err != nil {
			tb.Error(err)
			return
		}
		defer conn.Close()
		at := p.b.store.Committed().Position.Sequence
		_ = p.b.Serve(conn, term, func() { // ends with the connection
			if err := p.b.store.Commit(p.b.Tail().After(at, p.b.Tail().End().Position.Sequence)...); err != nil {
				tb.Error(err)
			}
			at = p.b.Tail().End().Position.Sequence
			if err := p.b.Tail().Advance(p.b.Tail().End()); err != nil {
				tb.Error(err)
			}
		})
	}()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close(); listener.Close(); <-served })
	p.peer = NewPeer(conn, 0)
	p.commit(chain(tb, p.end, 1))
	return p
}

// commit makes entries durable on both hosts at the same time, as the updater does.
func (p *pair) commit(entries []storage.Stored) {
	p.tb.Helper()
	f := journal.NewFrame(term, p.end.Digest, entries, p.end.Position)
	raw, err := journal.Encode(journal.Message{Frame: f})
	if err != nil {
		p.tb.Fatal(err)
	}
	sent := make(chan error, 1)
	go func() { sent <- p.peer.Send(raw) }()
	if err := errors.Join(p.a.Own(f, entries, raw), <-sent); err != nil {
		p.tb.Fatal(err)
	}
	p.end = entries[len(entries)-1].Mark()
	if err := errors.Join(p.a.store.Commit(entries...), p.a.Tail().Advance(p.end)); err != nil {
		p.tb.Fatal(err)
	}
}

func TestLog_DropsATornEndOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	var base storage.Mark
	l, err := Open(path, base)
	if err != nil {
		t.Fatal(err)
	}
	var ends []int64
	m := base
	for range 3 {
		entries := chain(t, m, 2)
		f := journal.NewFrame(term, m.Digest, entries, m.Position)
		raw, err := journal.Encode(journal.Message{Frame: f})
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Own(f, entries, raw); err != nil {
			t.Fatal(err)
		}
		if err := l.Append(l.Seq()-1, raw); !errors.Is(err, ErrExpected) {
			t.Errorf("appended where it is not expected: %v", err)
		}
		m = entries[len(entries)-1].Mark()
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, info.Size())
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for size := int64(len(whole)); size >= 0; size-- {
		if err := os.WriteFile(path, whole[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := Open(path, base)
		if err != nil {
			t.Fatal(err)
		}
		want := uint64(0)
		for _, end := range ends {
			if size >= end {
				want++
			}
		}
		if l.Seq() != want {
			t.Errorf("of %d bytes %d messages were read, not %d", size, l.Seq(), want)
		}
		l.Close()
	}
	whole[ends[0]+10] ^= 1
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, base); !errors.Is(err, ErrDamaged) {
		t.Errorf("damage in the middle: %v", err)
	}
}

func TestServe_BothHoldWhatIsAcknowledged(t *testing.T) {
	p := newPair(t)
	for range 20 {
		p.commit(chain(t, p.end, 3))
	}
	if a, b := p.a.store.Committed(), p.b.Seq(); a != p.end || b != p.a.Seq() {
		t.Errorf("a committed %v of %v; b holds %d messages, a %d", a, p.end, b, p.a.Seq())
	}
}

func BenchmarkPlainLog_Append(b *testing.B) {
	for _, size := range []int{300, 20 << 10, 1 << 20} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			l, err := Open(filepath.Join(b.TempDir(), "log"), storage.Mark{})
			if err != nil {
				b.Fatal(err)
			}
			defer l.Close()
			raw := make([]byte, size)
			b.SetBytes(int64(size))
			for b.Loop() {
				if err := l.Append(l.Seq(), raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkPlainPair_Commit(b *testing.B) {
	for _, n := range []int{1, 64} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			p := newPair(b)
			used := proc.Own()
			for b.Loop() {
				b.StopTimer()
				began := proc.Own()
				entries := chain(b, p.end, n)
				used += proc.Own() - began
				b.StartTimer()
				p.commit(entries)
			}
			b.ReportMetric(float64((proc.Own()-used).Microseconds())/float64(b.N), "cpu-µs/op")
		})
	}
}
