package terminal

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/level"
	"github.com/hotpair/hotpair/services/membership"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/storage/position"
)

func TestAgent_RefusesMalformedRequests(t *testing.T) {
	a := start(t, t.TempDir(), nil)
	nc := app(t, a)
	for _, c := range []struct {
		subject, body string
		headers       []string
		code          int
	}{
		{"request.kv", `{}`, nil, 400},
		{"request.kv.put.more", `{}`, nil, 400},
		{"request.k$v.put", `{}`, nil, 400},
		{"request.kv." + strings.Repeat("x", 65), `{}`, nil, 400},
		{"request.kv.put", ``, nil, 400},
		{"request.kv.put", `{`, nil, 400},
		{"request.kv.put", `"` + strings.Repeat("x", maxBody) + `"`, nil, 413},
		{"request.kv.put", `{}`, []string{bus.HeaderRequestID, "order 17"}, 400},
		{"request.kv.put", `{}`, []string{bus.HeaderRequestID, "2026-01-02T03:04:05Z/"}, 400},
		{"request.kv.put", `{}`, []string{bus.HeaderRequestID, "2026-01-02T03:04:05+02:00/x"}, 400},
		{"request.kv.put", `{}`, []string{bus.HeaderRequestID, "2026-01-02T03:04:05Z/" + strings.Repeat("x", 108)}, 400},
		{"request.kv.put", `{}`, []string{bus.HeaderDeadline, "soon"}, 400},
		{"request.kv.put", `{}`, []string{bus.HeaderDeadline, "-1s"}, 400},
		{"request.kv.put", `{}`, []string{bus.HeaderDeadline, "301s"}, 400},
	} {
		m := request(t, nc, c.subject, c.body, c.headers...)
		if got := m.Header.Get(bus.HeaderErrorCode); got != strconv.Itoa(c.code) || m.Header.Get(bus.HeaderError) == "" {
			t.Errorf("%s %.30s %v: %s %q, want %d", c.subject, c.body, c.headers, got, m.Header.Get(bus.HeaderError), c.code)
		}
	}
	if a.Waiting() != 0 {
		t.Errorf("%d wait", a.Waiting())
	}
}

// V9 (e): 503 is only said of what was never relayed.
func TestAgent_DeadlineTellsWhetherTheRequestWasRelayed(t *testing.T) {
	a := start(t, t.TempDir(), nil)
	nc := app(t, a)
	wantCode(t, request(t, nc, "request.kv.put", `{}`, bus.HeaderDeadline, "20ms"), 503)

	h := newHost(t, a, "a")
	h.attach(1, 1, func(q bus.Request, answer func(bus.Reply)) {
		if q.Operation == "held" {
			answer(bus.Reply{Code: bus.CodeNobody})
		}
	})
	wantCode(t, request(t, nc, "request.kv.put", `{}`, bus.HeaderDeadline, "20ms"), 504)
	// Held, not executed, is not relayed. The answer of the host has to come before the deadline.
	wantCode(t, request(t, nc, "request.kv.held", `{}`, bus.HeaderDeadline, "2s"), 503)
	if a.Waiting() != 0 {
		t.Errorf("%d wait", a.Waiting())
	}
}

func TestAgent_FollowsTheHighestEpoch(t *testing.T) {
	a := start(t, t.TempDir(), nil)
	x, y := newHost(t, a, "x"), newHost(t, a, "y")
	none := func(bus.Request, func(bus.Reply)) {}
	for _, c := range []struct {
		host           *host
		epoch, counter uint64
		ok             bool
		known          uint64
	}{
		{x, 0, 1, false, 0},
		{x, 3, 5, true, 3},
		{x, 3, 5, false, 3}, // a counter that was used
		{x, 3, 4, false, 3}, // an older process of the host
		{x, 3, 6, true, 3},
		{y, 3, 9, false, 3}, // an epoch belongs to one host
		{y, 2, 9, false, 3}, // lower
		{y, 5, 1, true, 5},
		{x, 4, 9, false, 5},
		{x, 6, 1, true, 6},
	} {
		got := c.host.attach(c.epoch, c.counter, none)
		if got.OK != c.ok || got.Epoch != c.known || (got.Error == "") != c.ok {
			t.Errorf("%s attaches in %d/%d: %+v, want %t", c.host.name, c.epoch, c.counter, got, c.ok)
		}
	}
	stranger := call[bus.AgentAttached](x, bus.SubjectAgentAttach, bus.AgentAttach{
		PairID: "other", Host: "x", Identity: "id-x", Epoch: 9, Counter: 1, Session: "x-6-1"})
	if stranger.OK {
		t.Error("another pair attached")
	}
	if w := call[bus.AgentWelcome](x, bus.SubjectAgentHello, bus.AgentHello{Levels: level.Own(), PairID: "other"}); w.Error == "" {
		t.Error("another pair is welcome")
	}
	if w := call[bus.AgentWelcome](x, bus.SubjectAgentHello, bus.AgentHello{Levels: level.Range{Oldest: 98, Newest: 99}, PairID: "pair"}); w.Error == "" {
		t.Error("a host with no level in common is welcome")
	}
	deaf := call[bus.AgentAttached](x, bus.SubjectAgentAttach, bus.AgentAttach{
		PairID: "pair", Host: "x", Identity: "id-x", Epoch: 9, Counter: 1, Session: "nobody-listens"})
	if deaf.OK || deaf.Epoch != 6 {
		t.Errorf("a session without a listener attached: %+v", deaf)
	}
}

// One attach with the last epoch there is shut out every host for good, whoever had a host's login. It is refused, and so is one that would
// leave few; a pair that was forced comes in.
func TestFault_C6_AnEpochOfNoPairShutsNobodyOut(t *testing.T) {
	a := start(t, t.TempDir(), nil)
	x, y := newHost(t, a, "x"), newHost(t, a, "y")
	none := func(bus.Request, func(bus.Reply)) {}
	if got := x.attach(7, 1, none); !got.OK {
		t.Fatalf("%+v", got)
	}
	for _, epoch := range []uint64{math.MaxUint64, math.MaxUint64 - 1, 1 << 62, 7 + 1<<32 + 1} {
		if got := y.attach(epoch, 1, none); got.OK || got.Epoch != 7 {
			t.Errorf("epoch %d: %+v", epoch, got)
		}
	}
	if got := y.attach(8+membership.LostStride, 1, none); !got.OK {
		t.Errorf("forced: %+v", got)
	}
}

func TestAgent_RestartKeepsEpochCountersAndReceipts(t *testing.T) {
	dir := t.TempDir()
	a := start(t, dir, nil)
	h := newHost(t, a, "x")
	var last uint64
	handle := func(q bus.Request, answer func(bus.Reply)) {
		last = q.ID.Counter
		answer(bus.Reply{Body: []byte(`1`), Position: position.Position{Epoch: 4, Sequence: q.ID.Counter}, Receipt: []byte("code")})
	}
	h.attach(4, 2, handle)
	nc := app(t, a)
	for range 5 {
		request(t, nc, "request.kv.put", `{}`)
	}
	before := last
	// As if killed: the store is opened from a copy of the file as it is now.
	killed := t.TempDir()
	data, err := os.ReadFile(filepath.Join(dir, factsFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(killed, factsFile), data, 0o600); err != nil {
		t.Fatal(err)
	}
	a.stop()
	for _, dir := range []string{dir, killed} {
		again := start(t, dir, nil)
		h := newHost(t, again, "x")
		if got := h.attach(4, 2, handle); got.OK {
			t.Errorf("restarted agent forgot the attach counter: %+v", got)
		}
		if got := newHost(t, again, "y").attach(3, 1, handle); got.OK || got.Epoch != 4 {
			t.Errorf("restarted agent forgot the epoch: %+v", got)
		}
		if got := h.attach(4, 3, handle); !got.OK {
			t.Errorf("attach after restart: %+v", got)
		}
		request(t, app(t, again), "request.kv.put", `{}`)
		if last <= before {
			t.Errorf("counter %d was given again (%d before)", last, before)
		}
		if dir != killed {
			got := call[bus.Receipts](h, bus.SubjectAgentReceipts, bus.ReceiptsRequest{Limit: 2}).Receipts
			if len(got) != 2 || got[0].Counter != before || got[1].Counter != last || string(got[1].Code) != "code" ||
				got[1].Position != (position.Position{Epoch: 4, Sequence: last}) {
				t.Errorf("receipts %+v", got)
			}
		}
		again.stop()
	}
}

func TestAgent_MovesToAnotherPairOnlyByItsOperator(t *testing.T) {
	dir := t.TempDir()
	a := start(t, dir, nil)
	none := func(bus.Request, func(bus.Reply)) {}
	newHost(t, a, "x").attach(9, 1, none)
	a.stop()
	moved := start(t, dir, func(c *Config) { c.PairID = "new" })
	h := newHost(t, moved, "z")
	if got := h.attach(10, 1, none); got.OK {
		t.Errorf("the old pair attached: %+v", got)
	}
	got := call[bus.AgentAttached](h, bus.SubjectAgentAttach, bus.AgentAttach{
		PairID: "new", Host: "z", Identity: "id-z", Epoch: 1, Counter: 1, Session: "z-10-1", Base: 1})
	if !got.OK {
		t.Errorf("the new pair: %+v", got)
	}
}

func TestAgent_OneDirectoryForOneAgent(t *testing.T) {
	dir := t.TempDir()
	start(t, dir, nil)
	if err := New(Config{ID: "t2", Listen: "127.0.0.1:0", Apps: "127.0.0.1:0", Data: dir}).Run(t.Context()); !errors.Is(err, ErrInUse) {
		t.Errorf("second agent: %v", err)
	}
}

func TestAgent_JoinsRequestsOfOneID(t *testing.T) {
	a := start(t, t.TempDir(), nil)
	h := newHost(t, a, "x")
	got := make(chan func(bus.Reply), 2)
	h.attach(1, 1, func(q bus.Request, answer func(bus.Reply)) { got <- answer })
	id := issued("order 17")
	answers := make(chan string, 2)
	for range 2 {
		nc := app(t, a)
		go func() { answers <- string(request(t, nc, "request.kv.put", `{"a":1}`, bus.HeaderRequestID, id).Data) }()
	}
	answer := <-got
	processtest.Await(t, "both wait", func() bool {
		a.table.mu.Lock()
		defer a.table.mu.Unlock()
		return len(a.table.entries[bus.RequestID{App: id}].replies) == 2
	})
	wantCode(t, request(t, app(t, a), "request.kv.put", `{"a":2}`, bus.HeaderRequestID, id), 409)
	answer(bus.Reply{Body: []byte(`"once"`)})
	if x, y := <-answers, <-answers; x != `"once"` || y != `"once"` {
		t.Errorf("answers %s, %s", x, y)
	}
	if len(got) != 0 {
		t.Error("the request was sent twice")
	}
}

func TestAgent_BoundsWhatWaits(t *testing.T) {
	a := start(t, t.TempDir(), func(c *Config) { c.Bound = 2 })
	nc := app(t, a)
	for _, asks := range []*nats.Conn{app(t, a), app(t, a)} { // each may have half of it
		if err := asks.PublishRequest("request.kv.put", asks.NewRespInbox(), []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
	}
	processtest.Await(t, "two wait", func() bool { return a.Waiting() == 2 })
	wantCode(t, request(t, nc, "request.kv.put", `{}`), 429)
}

// "Busy" says "not executed", so it is passed on only while that is true.
func TestAgent_PassesOverloadOnlyForAFirstAttempt(t *testing.T) {
	a := start(t, t.TempDir(), nil)
	nc := app(t, a)
	x := newHost(t, a, "x")
	x.attach(1, 1, func(_ bus.Request, answer func(bus.Reply)) {
		answer(bus.Reply{Code: bus.CodeOverloaded, Message: "busy"})
	})
	wantCode(t, request(t, nc, "request.kv.put", `{}`), 429)

	got := make(chan bus.Request, 1)
	x.attach(1, 2, func(q bus.Request, _ func(bus.Reply)) { got <- q })
	answers := make(chan *nats.Msg, 1)
	go func() { answers <- request(t, nc, "request.kv.put", `{}`) }()
	<-got
	calls := 0
	newHost(t, a, "y").attach(2, 1, func(q bus.Request, answer func(bus.Reply)) {
		if calls++; calls < 3 {
			answer(bus.Reply{Code: bus.CodeOverloaded})
			return
		}
		answer(bus.Reply{Body: []byte(`"done"`)})
	})
	if m := <-answers; string(m.Data) != `"done"` {
		t.Errorf("answer %v %s", m.Header, m.Data)
	}
}

// TestAgent_ThatLostItsDirectoryRepeatsNoCounter: otherwise its requests would be taken for older ones (R7). Where its numbers begin
// the pair says, and it says so until then; what waits meanwhile is numbered then.
func TestAgent_ThatLostItsDirectoryRepeatsNoCounter(t *testing.T) {
	highest := uint64(0)
	for life := range 3 {
		dir := t.TempDir()
		a := start(t, dir, nil)
		h, nc := newHost(t, a, "x"), app(t, a)
		if w := call[bus.AgentWelcome](h, bus.SubjectAgentHello, bus.AgentHello{Levels: level.Own()}); !w.Unnumbered {
			t.Errorf("life %d: %+v", life, w)
		}
		for _, nowhere := range []uint64{0, 1<<63 + 1} {
			h.base = nowhere
			if got := h.attach(uint64(life+1), 1, nil); got.OK || !strings.Contains(got.Error, "can't begin at") {
				t.Errorf("life %d: attached with base %d: %+v", life, nowhere, got)
			}
		}
		early := nats.NewInbox()
		answered, err := nc.SubscribeSync(early)
		if err != nil {
			t.Fatal(err)
		}
		if err := nc.PublishRequest("request.kv.put", early, []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
		processtest.Await(t, "a request waits", func() bool { return a.Waiting() == 1 })
		h.base = highest + 1<<17
		serve := func(q bus.Request, answer func(bus.Reply)) {
			if q.ID.Counter <= highest || q.Oldest <= highest {
				t.Errorf("life %d: counter %d, oldest %d; %d was given before", life, q.ID.Counter, q.Oldest, highest)
			}
			highest = q.ID.Counter
			answer(bus.Reply{Body: []byte(`1`), Position: position.Position{Epoch: 1, Sequence: 1}})
		}
		h.attach(uint64(life+1), 2, serve)
		if _, err := answered.NextMsg(patience); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			request(t, nc, "request.kv.put", `{}`)
		}
		if got := call[bus.Receipts](h, bus.SubjectAgentReceipts, bus.ReceiptsRequest{Limit: 1}).Receipts; len(got) != 1 || got[0].Counter != highest {
			t.Errorf("the last receipt is %+v, of %d", got, highest)
		}
		a.stop()
		// Started again, it goes on where it was, whatever a host says.
		again := start(t, dir, nil)
		h, nc = newHost(t, again, "x"), app(t, again)
		if w := call[bus.AgentWelcome](h, bus.SubjectAgentHello, bus.AgentHello{Levels: level.Own()}); w.Unnumbered {
			t.Errorf("life %d, again: %+v", life, w)
		}
		h.base = 1
		h.attach(uint64(life+1), 3, serve)
		request(t, nc, "request.kv.put", `{}`)
		again.stop()
	}
}

func TestAgent_TellsTheLowestUnansweredCounter(t *testing.T) {
	a := start(t, t.TempDir(), nil)
	h, nc := newHost(t, a, "x"), app(t, a)
	type asked struct {
		q      bus.Request
		answer func(bus.Reply)
	}
	got := make(chan asked, 4)
	h.attach(1, 1, func(q bus.Request, answer func(bus.Reply)) { got <- asked{q, answer} })
	send := func() asked {
		if err := nc.PublishRequest("request.kv.put", nats.NewInbox(), []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
		return <-got
	}
	one, two := send(), send()
	begin := one.q.ID.Counter
	if one.q.Oldest != begin || two.q.Oldest != begin || two.q.ID.Counter != begin+1 {
		t.Errorf("%+v, %+v", one.q, two.q)
	}
	two.answer(bus.Reply{Body: []byte(`1`)})
	processtest.Await(t, "one is answered", func() bool { return a.Waiting() == 1 })
	if three := send(); three.q.Oldest != begin {
		t.Errorf("%+v", three.q)
	}
	one.answer(bus.Reply{Body: []byte(`1`)})
	processtest.Await(t, "two are answered", func() bool { return a.Waiting() == 1 })
	if four := send(); four.q.Oldest != begin+2 {
		t.Errorf("%+v", four.q)
	}
}

func TestAgent_TellsTheGapAndPushesChanges(t *testing.T) {
	a := start(t, t.TempDir(), nil)
	x, y, nc := newHost(t, a, "x"), newHost(t, a, "y"), app(t, a)
	pushed, err := y.conn.SubscribeSync(bus.SubjectAgentChanged)
	if err != nil {
		t.Fatal(err)
	}
	if err := y.conn.Flush(); err != nil { // what another connection does next comes after it
		t.Fatal(err)
	}
	next := func() (c bus.AgentChange) {
		m, err := pushed.NextMsg(patience)
		if err != nil {
			t.Fatal(err)
		}
		_ = bus.DecodeJSON(m.Data, &c)
		return c
	}
	none := func(bus.Request, func(bus.Reply)) {}
	x.attach(1, 1, none)
	if c := next(); !c.Fresh || c.Host != "x" || c.Epoch != 1 {
		t.Errorf("pushed %+v", c)
	}
	if f := call[bus.AgentFresh](y, bus.SubjectAgentFresh, bus.AgentFreshRequest{Identity: "id-y"}); !f.Fresh || f.Host != "x" {
		t.Errorf("to y: %+v", f)
	}
	if f := call[bus.AgentFresh](x, bus.SubjectAgentFresh, bus.AgentFreshRequest{Identity: "id-x"}); f.Fresh {
		t.Errorf("to x: %+v", f)
	}
	arrived := time.Now()
	if err := nc.PublishRequest("request.kv.put", nats.NewInbox(), []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	processtest.Await(t, "it waits", func() bool { return a.Waiting() == 1 })
	x.conn.Close() // as the kernel does for a killed process
	if c := next(); c.Fresh || c.Epoch != 1 {
		t.Errorf("pushed %+v", c)
	}
	time.Sleep(30 * time.Millisecond) // the gap that the agent is to tell
	got := y.attach(2, 1, none)
	if most := time.Since(arrived); got.Waiting != 1 || got.Gap < 30*time.Millisecond || got.Gap > most {
		t.Errorf("attached %+v, gap must be in 30ms…%s", got, most)
	}
	if c := next(); !c.Fresh || c.Host != "y" || c.Epoch != 2 {
		t.Errorf("pushed %+v", c)
	}
	if done := call[bus.AgentDetached](y, bus.SubjectAgentDetach, bus.AgentDetach{Session: "y-2-1"}); done.Error != "" {
		t.Error(done.Error)
	}
	if c := next(); c.Fresh {
		t.Errorf("pushed %+v", c)
	}
}
