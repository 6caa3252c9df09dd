package bus_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/services/fault"

	"github.com/hotpair/hotpair/bus/broker"

	"github.com/hotpair/hotpair/bus"
)

var errTestFull = fault.New("test-full", "no room")

type testQuestion struct {
	N    int    `json:"n" cbor:"1,keyasint"`
	Text string `json:"text" cbor:"2,keyasint"`
}

type testAnswer struct {
	Sum int `json:"sum" cbor:"1,keyasint"`
}

// callPair is a connection that asks and one that answers.
func callPair(t testing.TB) (asker, server *bus.Conn) {
	users := broker.NewUsers()
	users.Allow("u", broker.Grant{Password: "p"})
	s := startServer(t, users)
	return connect(t, s, bus.ConnConfig{User: "u", Password: "p"}), connect(t, s, bus.ConnConfig{User: "u", Password: "p"})
}

func listen(t testing.TB, r *bus.Router, conn *bus.Conn, subject string) {
	t.Helper()
	stop, err := r.Listen(conn, subject)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
}

func TestCall_AnswersAndErrorsCross(t *testing.T) {
	asker, server := callPair(t)
	router := bus.NewRouter("")
	for _, e := range []bus.Endpoint[testQuestion, testAnswer]{bus.Call[testQuestion, testAnswer]("x.text"), bus.BinaryCall[testQuestion, testAnswer]("x.binary")} {
		e.Handle(router, func(q testQuestion, answer func(testAnswer, error)) {
			switch {
			case q.Text == "full":
				go answer(testAnswer{Sum: q.N}, fmt.Errorf("append %d: %w", q.N, errTestFull))
			case q.Text == "lines":
				answer(testAnswer{}, fmt.Errorf("a\r\n%s: b", bus.HeaderErrorCode))
			default:
				answer(testAnswer{Sum: q.N + len(q.Text)}, nil)
			}
		})
	}
	listen(t, router, server, "x.>")
	for _, e := range []bus.Endpoint[testQuestion, testAnswer]{bus.Call[testQuestion, testAnswer]("x.text"), bus.BinaryCall[testQuestion, testAnswer]("x.binary")} {
		if a, err := e.Ask(t.Context(), asker, testQuestion{N: 3, Text: "four"}); err != nil || a.Sum != 7 {
			t.Errorf("%s: %+v, %v", e.Subject(), a, err)
		}
		a, err := e.Ask(t.Context(), asker, testQuestion{N: 9, Text: "full"})
		if !errors.Is(err, errTestFull) || err.Error() != "append 9: no room" || a.Sum != 9 {
			t.Errorf("%s: %+v, %v: want the sentinel with the answer beside it", e.Subject(), a, err)
		}
		if _, err := e.Ask(t.Context(), asker, testQuestion{Text: "lines"}); err == nil || errors.Is(err, errTestFull) || strings.ContainsAny(err.Error(), "\r\n") {
			t.Errorf("%s: %v", e.Subject(), err)
		}
	}
}

func TestCall_WhatCannotBeReadIsRefusedOnBothSides(t *testing.T) {
	asker, server := callPair(t)
	router := bus.NewRouter("")
	text, binary := bus.Call[testQuestion, testAnswer]("x.text"), bus.BinaryCall[testQuestion, testAnswer]("x.binary")
	taken := 0
	for _, e := range []bus.Endpoint[testQuestion, testAnswer]{text, binary} {
		e.Handle(router, func(_ testQuestion, answer func(testAnswer, error)) { taken++; answer(testAnswer{}, nil) })
	}
	bus.Call[testQuestion, string]("x.other").Handle(router, func(_ testQuestion, answer func(string, error)) { answer("no object", nil) })
	listen(t, router, server, "x.>")
	if _, err := bus.Call[string, testAnswer]("x.text").Ask(t.Context(), asker, "no object"); !errors.Is(err, bus.ErrMalformed) {
		t.Errorf("a malformed question: %v", err)
	}
	if _, err := bus.Call[testQuestion, testAnswer]("x.binary").Ask(t.Context(), asker, testQuestion{}); !errors.Is(err, bus.ErrVersion) {
		t.Errorf("a question of another version: %v", err)
	}
	if _, err := bus.Call[testQuestion, testAnswer]("x.other").Ask(t.Context(), asker, testQuestion{}); !errors.Is(err, bus.ErrMalformed) {
		t.Errorf("a malformed answer: %v", err)
	}
	if _, err := bus.Call[testQuestion, testAnswer]("x.absent").Ask(t.Context(), asker, testQuestion{}); !errors.Is(err, bus.ErrUnknownCall) {
		t.Errorf("an unknown call: %v", err)
	}
	if _, err := bus.Call[testQuestion, testAnswer]("y").Ask(t.Context(), asker, testQuestion{}); !errors.Is(err, bus.ErrNobody) {
		t.Errorf("nobody there: %v", err)
	}
	if taken != 0 {
		t.Errorf("%d malformed questions were taken", taken)
	}
}

// Orders to different endpoints of one process must not overtake each other: what they say depends on what was said before.
func TestRouter_KeepsTheOrderAcrossEndpoints(t *testing.T) {
	asker, server := callPair(t)
	poster, err := bus.NewPoster(bus.HostConns{Control: asker, Traffic: asker})
	if err != nil {
		t.Fatal(err)
	}
	endpoints := []bus.Endpoint[int, struct{}]{bus.Order[int, struct{}]("updater", "a"), bus.Order[int, struct{}]("updater", "b"), bus.Order[int, struct{}]("updater", "c")}
	router := bus.NewRouter("")
	var got []int
	for _, e := range endpoints {
		e.Handle(router, func(n int, answer func(struct{}, error)) { got = append(got, n); answer(struct{}{}, nil) })
	}
	listen(t, router, server, bus.Control("updater"))
	var all sync.WaitGroup
	var want []int
	for n := range 300 {
		want = append(want, n)
		all.Add(1)
		endpoints[n%3].Post(poster, n, time.Minute, func(_ struct{}, err error) {
			defer all.Done()
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if !slices.Equal(got, want) {
		t.Errorf("orders came as %v", got)
	}
}

func TestRouter_AnswersOnlyWhereItMay(t *testing.T) {
	asker, server := callPair(t)
	router := bus.NewRouter("inbox.main")
	call := bus.Call[testQuestion, testAnswer]("x")
	call.Handle(router, func(_ testQuestion, answer func(testAnswer, error)) { answer(testAnswer{Sum: 1}, nil) })
	listen(t, router, server, "x")
	for reply, may := range map[string]bool{"inbox.main.1": true, "inbox.mainly.1": false, "elsewhere": false} {
		sub, err := asker.SubscribeSync(reply)
		if err != nil {
			t.Fatal(err)
		}
		if err := asker.PublishMsg(&nats.Msg{Subject: "x", Reply: reply, Data: bus.EncodeJSON(testQuestion{})}); err != nil {
			t.Fatal(err)
		}
		// What follows the call on both connections shows that it has been dealt with.
		if err := errors.Join(asker.Flush(), server.Flush()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), map[bool]time.Duration{true: time.Minute, false: 50 * time.Millisecond}[may])
		_, err = sub.NextMsgWithContext(ctx)
		cancel()
		if (err == nil) != may {
			t.Errorf("answer to %s: %v", reply, err)
		}
	}
}

func TestPoster_OrdersArriveInOrderAndFailOnce(t *testing.T) {
	mine, theirs := callPair(t)
	poster, err := bus.NewPoster(bus.HostConns{Control: mine, Traffic: mine})
	if err != nil {
		t.Fatal(err)
	}
	silent, answered := bus.Order[int, struct{}]("updater", "silent"), bus.Order[int, struct{}]("updater", "answered")
	got := make(chan int, 300)
	router := bus.NewRouter("")
	silent.Handle(router, func(n int, _ func(struct{}, error)) { got <- n })
	answered.Handle(router, func(_ int, answer func(struct{}, error)) { answer(struct{}{}, errTestFull) })
	listen(t, router, theirs, bus.Control("updater"))
	results := make(chan error, 300)
	for i := range 100 {
		silent.Post(poster, i, time.Minute, func(_ struct{}, err error) { results <- err })
	}
	for i := range 100 {
		if n := <-got; n != i {
			t.Fatalf("order %d came as %d", i, n)
		}
	}
	poster.Lost("terminal-if")
	select {
	case err := <-results:
		t.Fatalf("another process's end ended an order: %v", err)
	default:
	}
	poster.Lost("updater")
	for range 100 {
		if err := <-results; !errors.Is(err, bus.ErrDisconnected) {
			t.Fatalf("got %v", err)
		}
	}
	if _, err := answered.PostWait(t.Context(), poster, 0, time.Minute); !errors.Is(err, errTestFull) {
		t.Fatalf("got %v, want the sentinel", err)
	}
	if _, err := silent.PostWait(t.Context(), poster, 0, time.Millisecond); !errors.Is(err, bus.ErrNoAnswer) {
		t.Fatalf("got %v, want ErrNoAnswer", err)
	}
	if _, err := bus.Order[int, struct{}]("nobody", "x").PostWait(t.Context(), poster, 0, time.Minute); !errors.Is(err, bus.ErrNobody) {
		t.Fatalf("got %v, want ErrNobody", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := silent.PostWait(ended, poster, 0, time.Minute); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want the context's error", err)
	}
}

func TestCondition_Holds(t *testing.T) {
	for _, c := range []struct {
		want     bus.Condition
		revision uint64
		holds    bool
	}{
		{bus.Condition{}, 0, true}, {bus.Condition{}, 7, false},
		{bus.Condition{Revision: 7}, 7, true}, {bus.Condition{Revision: 7}, 8, false}, {bus.Condition{Revision: 7}, 0, false},
		{bus.Condition{Present: true}, 0, false}, {bus.Condition{Present: true}, 7, true},
	} {
		if got := c.want.Holds(c.revision); got != c.holds {
			t.Errorf("%+v at %d: %t", c.want, c.revision, got)
		}
	}
}
