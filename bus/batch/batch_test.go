package batch

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/broker"
)

func connect(t testing.TB, s *broker.Server, c bus.ConnConfig) *bus.Conn {
	t.Helper()
	c.URL = s.URL()
	conn, err := bus.Connect(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

func batchPair(t testing.TB) (asker, server *bus.Conn) {
	users := broker.NewUsers()
	users.Allow("u", broker.Grant{Password: "p"})
	s, err := broker.NewServer(broker.ServerConfig{Name: "test", Listen: "127.0.0.1:0", Users: users})
	if err == nil {
		err = s.Start(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return connect(t, s, bus.ConnConfig{User: "u", Password: "p"}), connect(t, s, bus.ConnConfig{User: "u", Password: "p"})
}

func size(s string) int { return len(s) }

func TestBatch_EveryRequestGetsItsOwnAnswer(t *testing.T) {
	asker, server := batchPair(t)
	r, err := NewResponder(server, "echo", "q", size, func(q, _ string, answer func(string)) { go answer(q + "!") }, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := server.Flush(); err != nil {
		t.Fatal(err)
	}
	c, err := NewCaller[string, string](CallerConfig[string]{Conn: asker, Subject: "echo", Size: size})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var wg sync.WaitGroup
	var wrong atomic.Int64
	for i := range 64 {
		wg.Go(func() {
			for j := range 100 {
				q := string(rune('a'+i%26)) + string(rune('A'+j%26))
				if a, err := c.Call(t.Context(), q); err != nil || a != q+"!" {
					wrong.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if wrong.Load() != 0 || c.InFlight() != 0 {
		t.Fatalf("%d wrong answers, %d left over", wrong.Load(), c.InFlight())
	}
}

func TestBatch_NobodyServes(t *testing.T) {
	asker, _ := batchPair(t)
	c, err := NewCaller[string, string](CallerConfig[string]{Conn: asker, Subject: "nobody", Size: size})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := c.Call(ctx, "x"); !errors.Is(err, bus.ErrNobody) {
		t.Fatalf("got %v, want ErrNobody", err)
	}
}

func TestBatch_BoundFailAndClose(t *testing.T) {
	asker, server := batchPair(t)
	r, err := NewResponder(server, "hole", "", size, func(string, string, func(string)) {}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := server.Flush(); err != nil {
		t.Fatal(err)
	}
	c, err := NewCaller[string, string](CallerConfig[string]{Conn: asker, Subject: "hole", Size: size, Bound: 2})
	if err != nil {
		t.Fatal(err)
	}
	errs := make(chan error, 4)
	for range 2 {
		c.Go("x", func(_ string, err error) { errs <- err })
	}
	if _, err := c.Call(t.Context(), "third"); !errors.Is(err, ErrOverloaded) {
		t.Fatalf("third: %v, want ErrBusy", err)
	}
	gone := errors.New("process is gone")
	c.Fail(gone)
	for range 2 {
		if err := <-errs; !errors.Is(err, gone) {
			t.Fatalf("got %v", err)
		}
	}
	c.Close()
	if _, err := c.Call(t.Context(), "x"); !errors.Is(err, bus.ErrDisconnected) {
		t.Fatalf("after Close: %v", err)
	}
}

func TestBatch_CallThatGivesUpLeavesNothingPending(t *testing.T) {
	asker, server := batchPair(t)
	r, err := NewResponder(server, "hole", "", size, func(string, string, func(string)) {}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := server.Flush(); err != nil {
		t.Fatal(err)
	}
	c, err := NewCaller[string, string](CallerConfig[string]{Conn: asker, Subject: "hole", Size: size})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := c.Call(ctx, "x"); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	if n := c.InFlight(); n != 0 {
		t.Fatalf("%d requests are still pending", n)
	}
}

func TestResponder_StrayMessageIsNoPanic(t *testing.T) {
	asker, server := batchPair(t)
	strays := make(chan error, 1)
	r, err := NewResponder(server, "echo", "", size, func(string, string, func(string)) {}, func(_ *nats.Msg, err error) { strays <- err })
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := server.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := asker.Publish("echo", []byte{1, 0xff, 0x00}); err != nil {
		t.Fatal(err)
	}
	if err := <-strays; !errors.Is(err, bus.ErrMalformed) {
		t.Fatalf("got %v, want ErrMalformed", err)
	}
}

func FuzzDecode(f *testing.F) {
	call, _ := bus.Encode(batch[bus.DatabaseCall]{Items: []numbered[bus.DatabaseCall]{{1, bus.DatabaseCall{Read: &bus.Read{Keys: [][]byte{{1}}}}}}})
	request, _ := bus.Encode(batch[bus.Request]{Items: []numbered[bus.Request]{{1, bus.Request{Service: "kv", Operation: "put", Body: []byte("{}")}}}})
	for _, seed := range [][]byte{call, request, {}, {1}, {2, 0}, {1, 0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var calls batch[bus.DatabaseCall]
		var requests batch[bus.Request]
		var replies batch[bus.Reply]
		for _, v := range []any{&calls, &requests, &replies} {
			if err := bus.Decode(data, v); err != nil && !errors.Is(err, bus.ErrMalformed) && !errors.Is(err, bus.ErrVersion) {
				t.Fatalf("an error of no kind: %v", err)
			}
		}
	})
}

func BenchmarkBatch(b *testing.B) {
	asker, server := batchPair(b)
	r, err := NewResponder(server, "echo", "", size, func(q, _ string, answer func(string)) { answer(q) }, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	if err := server.Flush(); err != nil {
		b.Fatal(err)
	}
	c, err := NewCaller[string, string](CallerConfig[string]{Conn: asker, Subject: "echo", Size: size})
	if err != nil {
		b.Fatal(err)
	}
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := c.Call(b.Context(), "x"); err != nil {
				b.Fatal(err)
			}
		}
	})
}
