package journal

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/journal/journaltest"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/storage/history"
)

func TestJournal_AppendsAndReads(t *testing.T) {
	ctx := journaltest.Within(t, 30*time.Second)
	dir := t.TempDir()
	j := openJournal(t, Config{Dir: dir})
	const n = 1300
	for i := range n {
		seq, err := j.Append(ctx, fmt.Appendf(nil, "message %d", i+1))
		if err != nil || seq != uint64(i+1) {
			t.Fatalf("append %d: %d, %v", i, seq, err)
		}
	}
	check := func(j *Journal) {
		t.Helper()
		var all []Read
		for next := uint64(0); ; {
			read, n, err := j.Read(ctx, next, 1000)
			if err != nil {
				t.Fatal(err)
			}
			if len(read) == 0 {
				break
			}
			all, next = append(all, read...), n
		}
		if len(all) != n {
			t.Fatalf("read %d", len(all))
		}
		for i, r := range all {
			if r.Seq != uint64(i+1) || string(r.Raw) != fmt.Sprintf("message %d", i+1) {
				t.Fatalf("message %d: %d %s", i, r.Seq, r.Raw)
			}
		}
	}
	check(j)
	if other := New(Config{Host: "b", Dir: dir}); !errors.Is(other.Open(ctx), ErrLocked) {
		t.Fatal("two servers opened one directory")
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = openJournal(t, Config{Dir: dir})
	check(j)
	if err := j.Purge(ctx, n-100); err != nil {
		t.Fatal(err)
	}
	read, next, err := j.Read(ctx, 1, 1<<20)
	if err != nil || len(read) != 100 || read[0].Seq != n-99 || next != n+1 {
		t.Fatalf("after purge: %d, next %d, %v", len(read), next, err)
	}
	if seq, err := j.Append(ctx, []byte("x")); err != nil || seq != n+1 {
		t.Fatal(seq, err)
	}
}

// The session of before the fence is refused, whatever its client does: it connects again, re-reads nothing, and guesses
// sequences, for seconds.
func TestJournal_FenceRefusesOldSession(t *testing.T) {
	ctx := journaltest.Within(t, 60*time.Second)
	j := openJournal(t, Config{})
	old := Term{Epoch: 7, Session: 1}
	if _, err := j.Grant(old); !errors.Is(err, ErrFenced) {
		t.Fatal("granted without a fence:", err)
	}
	if _, err := j.Fence(ctx, Fence{Term: old, Host: "a"}); err != nil {
		t.Fatal(err)
	}
	c, err := j.Grant(old)
	if err != nil {
		t.Fatal(err)
	}
	base := journaltest.Chain(t, history.Mark{}, 7, 1, "base")
	var stop atomic.Bool
	var wg sync.WaitGroup
	var landed, tried atomic.Int64
	for range 4 { // four clients of the session, each hammering with guesses
		conn := dialSession(t, j, c)
		wg.Add(1)
		go func() {
			defer wg.Done()
			for !stop.Load() {
				for guess := uint64(1); guess < 200 && !stop.Load(); guess++ {
					ctx, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
					_, err := publish(ctx, conn, bus.ReplicationSubject("b"), guess, encoded(t, frameOf(old, history.Mark{}, base)))
					cancel()
					tried.Add(1)
					if err == nil {
						landed.Add(1)
					}
					if errors.Is(err, bus.ErrDisconnected) || conn.IsClosed() {
						conn.Close()
						var again *bus.Conn
						for again == nil && !stop.Load() {
							again, _ = bus.Connect(ctx, bus.ConnConfig{Name: "old", URL: "nats://" + j.Address(), User: c.User, Password: c.Password, Inbox: c.Inbox, Once: true})
							if ctx.Err() != nil {
								break
							}
						}
						if again == nil {
							continue
						}
						conn = again
						defer conn.Close()
					}
				}
			}
		}()
	}
	processtest.Await(t, "the old session writes", func() bool { return landed.Load() > 20 })
	seq, err := j.Fence(ctx, Fence{Term: Term{Epoch: 8, Session: 1}, Host: "b"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Grant(old); !errors.Is(err, ErrFenced) {
		t.Fatal("granted a lower epoch:", err)
	}
	before := tried.Load()
	end := time.Now().Add(3 * time.Second)
	for time.Now().Before(end) {
		if _, err := j.Append(ctx, []byte("own")); err != nil {
			t.Fatal(err)
		}
	}
	stop.Store(true)
	wg.Wait()
	read, _, err := j.Read(ctx, seq, 64<<20)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range read[1:] {
		if string(r.Raw) != "own" {
			t.Fatalf("stream sequence %d behind the fence %d is of the old session", r.Seq, seq)
		}
	}
	t.Logf("landed before the fence: %d; tried after it: %d", landed.Load(), tried.Load()-before)
}

// The users of the port may do what they need and nothing else.
func TestJournal_UsersAreConfined(t *testing.T) {
	ctx := journaltest.Within(t, 30*time.Second)
	j := openJournal(t, Config{})
	if _, err := j.Fence(ctx, Fence{Term: Term{1, 1}, Host: "a"}); err != nil {
		t.Fatal(err)
	}
	c, err := j.Grant(Term{1, 1})
	if err != nil {
		t.Fatal(err)
	}
	session := dialSession(t, j, c)
	peer := dialSession(t, j, Credentials{User: PeerUser, Password: secret, Inbox: PeerInbox})
	short := func() context.Context { return journaltest.Within(t, 200*time.Millisecond) }
	for _, subject := range []string{"$JS.API.STREAM.INFO.journal-b", "$JS.API.STREAM.PURGE.journal-b", "$JS.API.DIRECT.GET.journal-b", "$JS.API.STREAM.DELETE.journal-b", bus.ReplicationCall("b", "hello")} {
		if m, err := session.Request(short(), subject, []byte(`{"seq":1}`)); err == nil {
			t.Errorf("a session may %s: %s", subject, m.Data)
		}
	}
	for _, subject := range []string{"$JS.API.STREAM.INFO.journal-b", "$JS.API.STREAM.PURGE.journal-b", bus.ReplicationSubject("b")} {
		if m, err := peer.Request(short(), subject, nil); err == nil {
			t.Errorf("the peer may %s: %s", subject, m.Data)
		}
	}
	if _, err := bus.Connect(ctx, bus.ConnConfig{Name: "x", URL: "nats://" + j.Address(), User: PeerUser, Password: "wrong", Once: true}); err == nil {
		t.Error("a wrong password is accepted")
	}
	if _, err := bus.Connect(ctx, bus.ConnConfig{Name: "x", URL: "nats://" + j.Address(), Once: true}); err == nil {
		t.Error("no password is accepted")
	}
	if seq, err := publish(ctx, session, bus.ReplicationSubject("b"), c.Last, []byte("frame")); err != nil || seq != 2 {
		t.Error(seq, err)
	}
}

// A refused append looks at the tail: the same bytes there are success, anything else is ErrMoved.
func TestJournal_RefusalLooksAtTail(t *testing.T) {
	ctx := journaltest.Within(t, 30*time.Second)
	j := openJournal(t, Config{})
	if _, err := j.Append(ctx, []byte("one")); err != nil {
		t.Fatal(err)
	}
	// The answer of an attempt was lost: the stream has it, the owner does not know.
	if _, err := j.appender.Append(ctx, 1, []byte("two")); err != nil {
		t.Fatal(err)
	}
	if seq, err := j.Append(ctx, []byte("two")); err != nil || seq != 2 {
		t.Fatal(seq, err)
	}
	if _, err := j.appender.Append(ctx, 2, []byte("foreign")); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Append(ctx, []byte("three")); !errors.Is(err, ErrMoved) {
		t.Fatal(err)
	}
}

// A full journal refuses frames and takes the owner's fence all the same.
func TestJournal_Full(t *testing.T) {
	ctx := journaltest.Within(t, 30*time.Second)
	j := openJournal(t, Config{MaxBytes: 1 << 20})
	big := make([]byte, 200<<10)
	var err error
	n := 0
	for ; err == nil && n < 100; n++ {
		_, err = j.Append(ctx, big)
	}
	if !errors.Is(err, ErrFull) {
		t.Fatal(n, err)
	}
	if _, err := j.Append(ctx, big); !errors.Is(err, ErrFull) {
		t.Fatal(err)
	}
	for err := error(nil); !errors.Is(err, ErrFull); { // to the last byte
		_, err = j.Append(ctx, make([]byte, 64))
		if err != nil && !errors.Is(err, ErrFull) {
			t.Fatal(err)
		}
	}
	seq, err := j.Fence(ctx, Fence{Term: Term{2, 1}, Host: "b"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Fence(ctx, Fence{Term: Term{2, 2}, Host: "b"}); err != nil {
		t.Fatal(err)
	}
	if err := j.stream.Purge(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Append(ctx, big); err != nil {
		t.Fatal(seq, err)
	}
	if j.Err() != nil {
		t.Fatal(j.Err())
	}
}

// Somebody else's append is told to the watching owner.
func TestJournal_Watch(t *testing.T) {
	ctx := journaltest.Within(t, 30*time.Second)
	j := openJournal(t, Config{})
	stored, stop, err := j.Watch()
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if _, err := j.appender.Append(ctx, 0, []byte("one")); err != nil {
		t.Fatal(err)
	}
	select {
	case r := <-stored:
		if r.Seq != 1 || string(r.Raw) != "one" {
			t.Errorf("told %d %q", r.Seq, r.Raw)
		}
	case <-ctx.Done():
		t.Fatal("not told")
	}
}

// When JetStream is gone, as it is after the disk is full, the journal is dead and says so.
func TestJournal_StuckWithoutJetStream(t *testing.T) {
	ctx := journaltest.Within(t, 30*time.Second)
	j := openJournal(t, Config{Patience: 2 * time.Second})
	if err := j.server.DisableJetStream(); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Append(ctx, []byte("x")); !errors.Is(err, ErrStuck) {
		t.Fatal(err)
	}
	select {
	case <-j.Dead():
	default:
		t.Fatal("not dead")
	}
	if _, err := j.Append(ctx, []byte("x")); !errors.Is(err, ErrStuck) {
		t.Fatal(err)
	}
}

func BenchmarkJournal_Append(b *testing.B) {
	for _, size := range []int{300, 20 << 10, 1 << 20} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			ctx := journaltest.Within(b, 10*time.Minute)
			j := openJournal(b, Config{MaxBytes: 8 << 30})
			raw := make([]byte, size)
			b.SetBytes(int64(size))
			for b.Loop() {
				seq, err := j.Append(ctx, raw)
				if err != nil {
					b.Fatal(err)
				}
				if seq%2048 == 0 {
					if err := j.Purge(ctx, seq-100); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// A takeover reads some hundred frames.
func BenchmarkJournal_Read200(b *testing.B) {
	ctx := journaltest.Within(b, 10*time.Minute)
	j := openJournal(b, Config{})
	for range 200 {
		if _, err := j.Append(ctx, make([]byte, 20<<10)); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		read, _, err := j.Read(ctx, 1, 64<<20)
		if err != nil || len(read) != 200 {
			b.Fatal(len(read), err)
		}
	}
}
