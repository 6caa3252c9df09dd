package business_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/business"
	"github.com/hotpair/hotpair/services/business/businesstest"
)

// counter is a service for tests: "add" counts under a key, and a test may stand in its way.
type counter struct {
	runs   atomic.Int64
	during func(tx *business.Tx, run int64) // called in each run between reading and writing
}

type add struct {
	Key   string `json:"key"`
	By    int    `json:"by"`
	Limit int    `json:"limit"` // 409 above it, unless 0
}

func (c *counter) service() business.Service {
	return business.Service{Name: "counter", Version: "1.0.0", Operations: map[string]business.Operation{
		"add":  {Handler: business.Handle(c.add), Revision: true},
		"show": {Handler: business.Handle(c.show), ReadOnly: true},
	}}
}

func (c *counter) add(_ context.Context, tx *business.Tx, in add) (any, error) {
	count, err := c.read(tx, in.Key)
	if err != nil {
		return nil, err
	}
	run := c.runs.Add(1) // runs that got past the read
	if c.during != nil {
		c.during(tx, run)
	}
	if in.Limit != 0 && count+in.By > in.Limit {
		return nil, business.Conflict("%d is the limit", in.Limit)
	}
	if in.By != 0 {
		tx.Put(in.Key, []byte(strconv.Itoa(count+in.By)))
	}
	return map[string]int{"count": count + in.By}, nil
}

func (c *counter) show(_ context.Context, tx *business.Tx, in add) (any, error) {
	count, err := c.read(tx, in.Key)
	if err != nil {
		return nil, err
	}
	if c.during != nil {
		c.during(tx, c.runs.Add(1))
	}
	return map[string]int{"count": count}, nil
}

func (c *counter) read(tx *business.Tx, key string) (int, error) {
	item, err := tx.Get(key)
	if err != nil || !item.Found {
		return 0, err
	}
	return strconv.Atoi(string(item.Value))
}

func addOne(counter uint64) bus.Request {
	return businesstest.Numbered(counter, "counter", "add", `{"key":"k","by":1}`)
}

func again(q bus.Request, attempt int) bus.Request {
	q.Attempt = attempt
	return q
}

func expect(t *testing.T, reply bus.Reply, code int, text string) {
	t.Helper()
	got := string(reply.Body)
	if reply.Code != 0 {
		got = reply.Message
	}
	if reply.Code != code || !strings.Contains(got, text) {
		t.Errorf("reply %d %s, want %d %s", reply.Code, got, code, text)
	}
}

func value(host *businesstest.Host, key string) string {
	v, _ := host.Database.Value("counter", key)
	return string(v)
}

// same fails unless two replies are equal to the byte.
func same(t *testing.T, a, b bus.Reply) {
	t.Helper()
	if x, y := fmt.Sprintf("%+v", a), fmt.Sprintf("%+v", b); x != y {
		t.Errorf("the repeated reply differs:\n%s\n%s", x, y)
	}
}

func TestR7_RepeatedRequestGetsTheRecordedAnswer(t *testing.T) {
	host := businesstest.NewHost(t)
	c := &counter{}
	host.Run(c.service())
	first := host.Call(addOne(1))
	expect(t, first, 0, `{"count":1,"revision":2}`)
	second := host.Call(again(addOne(1), 2))
	same(t, first, second)
	if c.runs.Load() != 1 {
		t.Errorf("the handler got past its read %d times; the repetition's read should have brought the answer", c.runs.Load())
	}
	if value(host, "k") != "1" {
		t.Errorf("count is %s", value(host, "k"))
	}
}

func TestR7_RepeatedWhileTheFirstStillRuns(t *testing.T) {
	host := businesstest.NewHost(t)
	reached, release := make(chan struct{}), make(chan struct{})
	c := &counter{during: func(_ *business.Tx, run int64) {
		if run == 1 {
			close(reached)
			<-release
		}
	}}
	host.Run(c.service())
	host.Caller("counter")
	first := make(chan bus.Reply, 1)
	go func() { first <- host.Call(addOne(1)) }()
	<-reached
	second := host.Call(again(addOne(1), 2))
	close(release)
	expect(t, second, 0, `{"count":1,"revision":2}`)
	same(t, <-first, second)
	if value(host, "k") != "1" {
		t.Errorf("count is %s", value(host, "k"))
	}
}

func TestConflict_RunsTheHandlerAgain(t *testing.T) {
	host := businesstest.NewHost(t)
	c := &counter{}
	c.during = func(_ *business.Tx, run int64) {
		if run == 1 { // another request is faster
			expect(t, host.Call(addOne(2)), 0, `{"count":1,"revision":2}`)
		}
	}
	host.Run(c.service())
	host.Caller("counter")
	expect(t, host.Call(addOne(1)), 0, `{"count":2,"revision":3}`)
	if c.runs.Load() != 3 {
		t.Errorf("%d runs, want 1 of the other and 2 of this", c.runs.Load())
	}
}

func TestConflict_EndsAfterBoundedRuns(t *testing.T) {
	host := businesstest.NewHost(t)
	var runs atomic.Int64
	host.Run(business.Service{Name: "never", Version: "1.0.0", Operations: map[string]business.Operation{
		"try": {Handler: func(_ context.Context, tx *business.Tx, _ json.RawMessage) (any, error) {
			runs.Add(1)
			tx.RequireRevision("absent", 7)
			tx.Put("k", nil)
			return nil, nil
		}},
	}})
	q := businesstest.Numbered(1, "never", "try", "")
	expect(t, host.Call(q), bus.CodeOverloaded, "not executed")
	if _, recorded := host.Database.Recorded(q.ID); recorded || runs.Load() > 20 {
		t.Errorf("recorded %v after %d runs", recorded, runs.Load())
	}
	// After that nothing else may ever be answered to a repetition.
	reply := host.Call(again(q, 2))
	expect(t, reply, bus.CodeOverloaded, "not executed")
	same(t, host.Call(again(q, 3)), reply)
}

// TestR7_WhatIsRecorded: a first attempt that writes nothing is not; later attempts and apps' own ids always are; reads
// never are.
func TestR7_WhatIsRecorded(t *testing.T) {
	host := businesstest.NewHost(t)
	host.Run((&counter{}).service())
	own := bus.RequestID{Terminal: "t1", App: "2026-01-02T15:04:05Z/a"}
	for i, c := range []struct {
		name      string
		operation string
		body      string
		attempt   int
		app       bool
		code      int
		recorded  bool
	}{
		{"write", "add", `{"key":"a","by":1}`, 1, false, 0, true},
		{"no write", "add", `{"key":"a","by":0}`, 1, false, 0, false},
		{"business error", "add", `{"key":"a","by":5,"limit":2}`, 1, false, 409, false},
		{"malformed", "add", `{"x":1}`, 1, false, 400, false},
		{"write at attempt 2", "add", `{"key":"a","by":1}`, 2, false, 0, true},
		{"no write at attempt 2", "add", `{"key":"a","by":0}`, 2, false, 0, true},
		{"business error at attempt 2", "add", `{"key":"a","by":5,"limit":2}`, 2, false, 409, true},
		{"malformed at attempt 2", "add", `{"x":1}`, 2, false, 400, true},
		{"read at attempt 2", "show", `{"key":"a"}`, 2, false, 0, false},
		{"business error with an app's id", "add", `{"key":"a","by":5,"limit":2}`, 1, true, 409, true},
	} {
		q := businesstest.Numbered(uint64(i+1), "counter", c.operation, c.body)
		q.Attempt = c.attempt
		if c.app {
			q.ID = own
		}
		reply := host.Call(q)
		if reply.Code != c.code {
			t.Errorf("%s: %d %s, want %d", c.name, reply.Code, reply.Message, c.code)
		}
		recorded, ok := host.Database.Recorded(q.ID)
		if ok != c.recorded {
			t.Errorf("%s: recorded %v, want %v", c.name, ok, c.recorded)
		}
		if ok {
			same(t, reply, recorded)
		}
	}
}

// TestT2_PoisonousRequestIsNotRunAfterThreeCrashes: the answer is recorded, so no host runs it any more.
func TestT2_PoisonousRequestIsNotRunAfterThreeCrashes(t *testing.T) {
	host := businesstest.NewHost(t)
	c := &counter{}
	host.Run(c.service())
	q := again(addOne(1), 4)
	q.Crashes = 3
	reply := host.Call(q)
	expect(t, reply, bus.CodeFault, "crashed 3 times")
	q.Crashes = 0
	same(t, host.Call(q), reply)
	if c.runs.Load() != 0 {
		t.Error("the handler ran")
	}
	read := businesstest.Numbered(2, "counter", "show", `{"key":"k"}`)
	read.Crashes = 3
	expect(t, host.Call(read), bus.CodeFault, "crashed 3 times")
	if _, recorded := host.Database.Recorded(read.ID); recorded {
		t.Error("a read was recorded")
	}
	// It had been executed before it crashed the process: then that is the answer.
	done := host.Call(addOne(3))
	poison := again(addOne(3), 4)
	poison.Crashes = 3
	same(t, host.Call(poison), done)
}

// TestUpdaterRestart_RequestInDoubtTakesEffectOnce holds a frame while the updater goes and comes back: the commit was
// executed, but its answer is never heard.
func TestUpdaterRestart_RequestInDoubtTakesEffectOnce(t *testing.T) {
	held, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	host := businesstest.NewHost(t, func(d *businesstest.Database) {
		d.BeforeFrame = func() {
			once.Do(func() {
				close(held)
				<-release
			})
		}
	})
	c := &counter{}
	host.Run(c.service())
	host.Caller("counter")
	reply := make(chan bus.Reply, 1)
	go func() { reply <- host.Call(addOne(1)) }()
	<-held
	host.UpdaterDown()
	host.UpdaterUp()
	// The handler runs again and commits again behind the held frame, which then is executed first.
	businesstest.Await(t, "a second run", func() bool { return c.runs.Load() == 2 })
	close(release)
	expect(t, <-reply, 0, `{"count":1,"revision":2}`)
	if value(host, "k") != "1" {
		t.Errorf("count is %s", value(host, "k"))
	}
}

// TestUpdaterRestart_DoubtWithoutAnIDIsNotTriedAgain: nobody could tell the second execution from the first.
func TestUpdaterRestart_DoubtWithoutAnIDIsNotTriedAgain(t *testing.T) {
	held, release := make(chan struct{}), make(chan struct{})
	host := businesstest.NewHost(t, func(d *businesstest.Database) {
		d.BeforeFrame = func() { close(held); <-release }
	})
	c := &counter{}
	host.Run(c.service())
	host.Caller("counter")
	reply := make(chan bus.Reply, 1)
	go func() { reply <- host.Call(businesstest.Request("counter", "add", `{"key":"k","by":1}`)) }()
	<-held
	host.UpdaterDown()
	expect(t, <-reply, bus.CodeUnknown, "unknown")
	close(release)
	if c.runs.Load() != 1 {
		t.Errorf("%d runs", c.runs.Load())
	}
}

func TestUpdaterRestart_RequestsWaitForIt(t *testing.T) {
	host := businesstest.NewHost(t)
	host.Run((&counter{}).service())
	host.Caller("counter")
	host.UpdaterDown()
	const n = 20
	replies := make(chan bus.Reply, n)
	for i := range n {
		go func() { replies <- host.Call(addOne(uint64(i + 1))) }()
	}
	host.UpdaterUp()
	for range n {
		expect(t, <-replies, 0, `"count"`)
	}
	if value(host, "k") != strconv.Itoa(n) {
		t.Errorf("count is %s", value(host, "k"))
	}
}

func TestDeadline_SaysWhetherItIsKnown(t *testing.T) {
	host := businesstest.NewHost(t)
	host.Run((&counter{}).service())
	host.Caller("counter")
	host.UpdaterDown()
	brief := func(q bus.Request) bus.Request {
		q.Remaining = int64(30 * time.Millisecond)
		return q
	}
	expect(t, host.Call(brief(addOne(1))), bus.CodeNobody, "deadline")
	expect(t, host.Call(brief(again(addOne(2), 2))), bus.CodeUnknown, "repeat the request with the same id")
	show := businesstest.Numbered(3, "counter", "show", `{"key":"k"}`)
	expect(t, host.Call(brief(again(show, 2))), bus.CodeNobody, "deadline")
}

// TestEpoch_OfAnOlderTermIsNotExecuted: the updater of the request's own term may be on its way back, so the request
// waits; once requests of a later term come, it can't be served any more.
func TestEpoch_OfAnOlderTermIsNotExecuted(t *testing.T) {
	host := businesstest.NewHost(t)
	host.Run((&counter{}).service())
	host.Caller("counter")
	host.Database.SetEpoch(7)
	old := make(chan bus.Reply, 1)
	go func() { old <- host.Call(addOne(1)) }()
	select {
	case reply := <-old:
		t.Fatalf("did not wait: %+v", reply)
	case <-time.After(20 * time.Millisecond):
	}
	q := addOne(2)
	q.Epoch = 7
	expect(t, host.Call(q), 0, `{"count":1,"revision":3}`)
	expect(t, <-old, bus.CodeNobody, "no longer active")
	// And one that waits for its term is executed when the updater says so.
	next := addOne(3)
	next.Epoch = 8
	go func() { old <- host.Call(next) }()
	host.Database.SetEpoch(8)
	expect(t, <-old, 0, `{"count":2,"revision":5}`)
}

func TestTooOld_IsRefused(t *testing.T) {
	host := businesstest.NewHost(t)
	host.Run((&counter{}).service())
	q := addOne(10)
	q.Oldest = 10
	expect(t, host.Call(q), 0, `"count":1`)
	expect(t, host.Call(again(addOne(9), 2)), bus.CodeTooOld, "older")
	if value(host, "k") != "1" {
		t.Errorf("count is %s", value(host, "k"))
	}
}

// TestRefusedID_IsSaidAsItIs: an app's id that the updater refuses, because it is of the future, is a mistake to be told
// of, not an outcome that is unknown.
func TestRefusedID_IsSaidAsItIs(t *testing.T) {
	host := businesstest.NewHost(t)
	host.Run((&counter{}).service())
	host.Database.Refuse(bus.CodeMalformed)
	q := addOne(1)
	q.ID.Counter, q.ID.App = 0, "2126-01-01T00:00:00Z/x"
	expect(t, host.Call(q), bus.CodeMalformed, "the test refuses with 400")
	host.Database.Refuse(0)
	if value(host, "k") != "" {
		t.Errorf("count is %s", value(host, "k"))
	}
}

func TestOverloadedUpdater_IsWaitedFor(t *testing.T) {
	host := businesstest.NewHost(t)
	host.Run((&counter{}).service())
	host.Caller("counter")
	host.Database.Refuse(bus.CodeOverloaded)
	reply := make(chan bus.Reply, 1)
	go func() { reply <- host.Call(addOne(1)) }()
	select {
	case r := <-reply:
		t.Fatalf("did not wait: %+v", r)
	case <-time.After(20 * time.Millisecond):
	}
	host.Database.Refuse(0)
	expect(t, <-reply, 0, `"count":1`)
}

func TestFaultOfUpdater_LeavesDoubtOnlyOfCommits(t *testing.T) {
	host := businesstest.NewHost(t)
	host.Run((&counter{}).service())
	host.Database.Refuse(bus.CodeFault)
	expect(t, host.Call(addOne(1)), bus.CodeFault, "internal fault") // it reads first
	host.Database.Refuse(0)
	expect(t, host.Call(again(addOne(1), 2)), 0, `"count":1`)
}

// TestFaultOfUpdater_OfEachCommitIsNotRepeatedForEver: a commit that is always answered with a fault, or with an unknown outcome, is made a
// bounded number of times, long before the deadline of its request.
func TestFaultOfUpdater_OfEachCommitIsNotRepeatedForEver(t *testing.T) {
	for _, code := range []int{bus.CodeFault, bus.CodeUnknown} {
		host := businesstest.NewHost(t)
		var runs atomic.Int64
		service := (&counter{}).service()
		add := service.Operations["add"]
		handler := add.Handler
		add.Handler = func(ctx context.Context, tx *business.Tx, body json.RawMessage) (any, error) {
			host.Database.Refuse(0) // it may read
			runs.Add(1)
			answer, err := handler(ctx, tx, body)
			host.Database.Refuse(code)
			return answer, err
		}
		service.Operations["add"] = add
		host.Run(service)
		expect(t, host.Call(addOne(1)), bus.CodeUnknown, "repeat the request with the same id")
		if n := runs.Load(); n != 20 {
			t.Errorf("code %d: %d runs, want 20", code, n)
		}
		host.Database.Refuse(0)
	}
}
