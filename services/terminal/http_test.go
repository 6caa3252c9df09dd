package terminal

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/services/terminal/web"
	"github.com/hotpair/hotpair/storage/position"
)

// withHTTP starts an agent with a door for HTTP, and gives its URL.
func withHTTP(t testing.TB, change func(*Config)) (*running, string) {
	t.Helper()
	a := start(t, t.TempDir(), func(c *Config) {
		c.HTTP.Listen = processtest.Address(t)
		if change != nil {
			change(c)
		}
	})
	select {
	case <-a.HTTP().Ready():
	case <-time.After(patience):
		t.Fatal("HTTP is not available")
	}
	return a, "http://" + a.HTTP().Address()
}

// What is queued over HTTP is answered with 202, and asked for by its id and its key.
func TestHTTP_Queue(t *testing.T) {
	_, url := withHTTP(t, nil)
	a := post(t, url+"/v1/till/sell", "1", bus.HeaderQueue, "yes", bus.HeaderQueueKey, "order 17")
	var kept struct{ ID string }
	if err := json.Unmarshal([]byte(a.body), &kept); err != nil || a.status != http.StatusAccepted || kept.ID == "" {
		t.Fatalf("%+v, %v", a, err)
	}
	for _, path := range []string{"/v1/queue/" + kept.ID, "/v1/queue?key=order+17"} {
		r, err := http.Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r.Body)
		if err := errors.Join(err, r.Body.Close()); err != nil || r.StatusCode != http.StatusOK || !strings.Contains(string(body), `"state":"queued"`) {
			t.Errorf("%s: %d %s, %v", path, r.StatusCode, body, err)
		}
	}
	if a := post(t, url+"/v1/till/sell", "2", bus.HeaderQueue, "yes", bus.HeaderQueueKey, "order 17"); a.status != http.StatusConflict {
		t.Errorf("%+v", a)
	}
	if a := post(t, url+"/v1/till/sell", "2", bus.HeaderQueue, "maybe"); a.status != http.StatusBadRequest {
		t.Errorf("%+v", a)
	}
}

type httpAnswer struct {
	status int
	header http.Header
	body   string
}

func post(t testing.TB, url, body string, headers ...string) httpAnswer {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return do(t, ctx, http.MethodPost, url, body, headers...)
}

func do(t testing.TB, ctx context.Context, method, url, body string, headers ...string) httpAnswer {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		if ctx.Err() != nil {
			return httpAnswer{}
		}
		t.Error(err)
		return httpAnswer{}
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Error(err)
	}
	return httpAnswer{answer.StatusCode, answer.Header, string(text)}
}

// wantProblem checks that an answer is a problem that says what happened, what to do, and whether anything was done.
func wantProblem(t testing.TB, a httpAnswer, status int, done string) {
	t.Helper()
	var p struct {
		Type, Title, Detail, Done string
		Status, Code              int
	}
	if err := json.Unmarshal([]byte(a.body), &p); err != nil || a.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%d %q is no problem: %v", a.status, a.body, err)
		return
	}
	if a.status != status || p.Status != status || p.Detail == "" || p.Title == "" || p.Done != done || !strings.HasPrefix(p.Type, "urn:hotpair:terminal:") {
		t.Errorf("%d %+v, want %d, done %s", a.status, p, status, done)
	}
}

// What comes over HTTP is asked as what comes over NATS is, and answered with the same.
func TestHTTP_AsksAsNATSDoes(t *testing.T) {
	a, url := withHTTP(t, nil)
	h := newHost(t, a, "a")
	h.services = []bus.AgentService{{Name: "kv", Version: "1.0.0", Operations: []string{"get", "put"}}}
	asked := make(chan bus.Request, 16)
	h.attach(7, 1, func(q bus.Request, answer func(bus.Reply)) {
		asked <- q
		switch q.Operation {
		case "put":
			answer(bus.Reply{Body: []byte(`{"revision":"7/3"}`), Position: position.Position{Epoch: 7, Sequence: 3}})
		case "own":
			answer(bus.Reply{Code: 7001, Message: "no seat\nleft"})
		default:
			code, _ := strconv.Atoi(strings.TrimPrefix(q.Operation, "c"))
			answer(bus.Reply{Code: code, Message: "because"})
		}
	})
	id := issued("order-17")
	got := post(t, url+"/v1/kv/put", `{"key":"a"}`, "Content-Type", "application/json", "hotpair-request-id", id, "Hotpair-Deadline", "5s")
	if got.status != 200 || got.body != `{"revision":"7/3"}` || got.header.Get("Content-Type") != "application/json" ||
		got.header.Get(bus.HeaderPosition) != "7/3" || got.header.Get(bus.HeaderRequestID) != id {
		t.Errorf("%+v", got)
	}
	q := <-asked
	if q.ID.App != id || q.Service != "kv" || q.Operation != "put" || string(q.Body) != `{"key":"a"}` || time.Duration(q.Remaining) > 5*time.Second {
		t.Errorf("the host is asked %+v", q)
	}
	// Numbers are of one series, whichever door a request comes by.
	post(t, url+"/v1/kv/put", `{}`)
	first := <-asked
	request(t, app(t, a), "request.kv.put", `{}`)
	second := <-asked
	post(t, url+"/v1/kv/put", `{}`)
	if third := <-asked; first.ID.Counter == 0 || second.ID.Counter != first.ID.Counter+1 || third.ID.Counter != second.ID.Counter+1 {
		t.Errorf("numbers %d, %d, %d", first.ID.Counter, second.ID.Counter, third.ID.Counter)
	}
	for code, done := range map[int]string{400: "nothing", 404: "nothing", 409: "nothing", 410: "unknown", 413: "nothing", 429: "nothing", 500: "unknown", 422: "nothing", 418: "nothing", 599: "nothing"} {
		got := post(t, url+"/v1/kv/c"+strconv.Itoa(code), `{}`)
		wantProblem(t, got, code, done)
		if !strings.Contains(got.body, `"because"`) {
			t.Errorf("%s", got.body)
		}
	}
	got = post(t, url+"/v1/kv/own", `{}`)
	wantProblem(t, got, 422, "nothing")
	if !strings.Contains(got.body, `"code":7001`) {
		t.Errorf("a code of a service is told as %s", got.body)
	}
	got = do(t, t.Context(), http.MethodGet, url+"/v1/services", "")
	if got.status != 200 || got.body != `{"services":[{"name":"kv","version":"1.0.0","operations":["get","put"]}]}` {
		t.Errorf("%+v", got)
	}
}

// Malformed requests are refused as over NATS, and none of them reaches a host.
func TestHTTP_RefusesAsNATSDoes(t *testing.T) {
	a, url := withHTTP(t, nil)
	newHost(t, a, "a").attach(1, 1, func(q bus.Request, _ func(bus.Reply)) { t.Errorf("asked: %+v", q) })
	for _, c := range []struct {
		path, body string
		headers    []string
		status     int
	}{
		{"/v1/kv/put", ``, nil, 400},
		{"/v1/kv/put", `{`, nil, 400},
		{"/v1/kv/put", `{"a":1,"a":2}`, nil, 400},
		{"/v1/kv/put", "\"\xff\"", nil, 400},
		{"/v1/kv/put", strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000), nil, 400},
		{"/v1/kv/put", `"` + strings.Repeat("x", maxBody) + `"`, nil, 413},
		{"/v1/kv/put", `{}`, []string{bus.HeaderRequestID, "order 17"}, 400},
		{"/v1/kv/put", `{}`, []string{bus.HeaderRequestID, ""}, 400},
		{"/v1/kv/put", `{}`, []string{bus.HeaderDeadline, "soon"}, 400},
		{"/v1/kv/put", `{}`, []string{bus.HeaderDeadline, "301s"}, 400},
		{"/v1/kv/put", `{}`, []string{"Hotpair-Terminal", "t2"}, 400},
		{"/v1/kv/put", `{}`, []string{"hotpair-requestid", "x"}, 400},
	} {
		wantProblem(t, post(t, url+c.path, c.body, c.headers...), c.status, "nothing")
	}
	if a.Waiting() != 0 {
		t.Errorf("%d wait", a.Waiting())
	}
}

// V9 (e): 503 is only said of what was never relayed.
func TestHTTP_DeadlineTellsWhetherTheRequestWasRelayed(t *testing.T) {
	a, url := withHTTP(t, nil)
	got := post(t, url+"/v1/kv/put", `{}`, bus.HeaderDeadline, "20ms")
	wantProblem(t, got, 503, "nothing")
	if got.header.Get("Retry-After") == "" {
		t.Error("nothing says when to ask again")
	}
	newHost(t, a, "a").attach(1, 1, func(bus.Request, func(bus.Reply)) {})
	wantProblem(t, post(t, url+"/v1/kv/put", `{}`, bus.HeaderDeadline, "20ms"), 504, "unknown")
}

// An application that goes away while it waits leaves its request to be executed, as one of NATS does; who sends the same again has its answer.
func TestHTTP_WhoGoesAwayIsExecutedAllTheSame(t *testing.T) {
	a, url := withHTTP(t, nil)
	h := newHost(t, a, "a")
	asked, answers := make(chan bus.Request, 1), make(chan func(bus.Reply), 1)
	h.attach(1, 1, func(q bus.Request, answer func(bus.Reply)) { asked <- q; answers <- answer })
	id := issued("order-18")
	ctx, away := context.WithCancel(t.Context())
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		do(t, ctx, http.MethodPost, url+"/v1/kv/put", `{}`, bus.HeaderRequestID, id)
	}()
	<-asked
	away()
	<-gone
	if a.Waiting() != 1 {
		t.Fatalf("%d wait", a.Waiting())
	}
	again := make(chan httpAnswer, 1)
	go func() { again <- post(t, url+"/v1/kv/put", `{}`, bus.HeaderRequestID, id) }()
	processtest.Await(t, "the repetition", func() bool {
		a.table.mu.Lock()
		defer a.table.mu.Unlock()
		return len(a.table.entries[bus.RequestID{App: id}].replies) == 2
	})
	(<-answers)(bus.Reply{Body: []byte(`{"n":1}`)})
	if got := <-again; got.status != 200 || got.body != `{"n":1}` {
		t.Errorf("%+v", got)
	}
	if len(asked) != 0 || a.Waiting() != 0 {
		t.Errorf("asked %d times more, %d wait", len(asked), a.Waiting())
	}
}

// A request that waits through a takeover is one slow request, and the status says how long it was felt.
func TestHTTP_StatusTellsOfATakeover(t *testing.T) {
	a, url := withHTTP(t, nil)
	status := func() (s web.Status) {
		t.Helper()
		got := do(t, t.Context(), http.MethodGet, url+"/v1/status", "")
		if err := json.Unmarshal([]byte(got.body), &s); err != nil || got.status != 200 {
			t.Fatalf("%+v: %v", got, err)
		}
		return s
	}
	if s := status(); s.Serves || s.Terminal != "t1" || s.Since.IsZero() || !strings.Contains(s.Words, "No host has attached to this terminal yet") {
		t.Errorf("%+v", s)
	}
	x := newHost(t, a, "x")
	asked := make(chan struct{}, 1)
	x.attach(1, 1, func(bus.Request, func(bus.Reply)) { asked <- struct{}{} })
	if s := status(); !s.Serves || s.Host != "x" || s.Epoch != 1 || !strings.Contains(s.Words, "Host x serves since") || s.LastTakeover != nil {
		t.Errorf("%+v", s)
	}
	answer := make(chan httpAnswer, 1)
	go func() { answer <- post(t, url+"/v1/kv/put", `{}`) }()
	<-asked
	x.conn.Close()
	processtest.Await(t, "that nobody serves, for a millisecond", func() bool { s := status(); return !s.Serves && s.OldestMS > 0 })
	if s := status(); s.Waiting != 1 || !strings.Contains(s.Words, "No host has served since") || !strings.Contains(s.Words, "1 request without an answer yet") {
		t.Errorf("%+v", s)
	}
	const least = 50 * time.Millisecond
	lost := status().Since
	processtest.Await(t, "a while", func() bool { return time.Since(lost) > least })
	newHost(t, a, "y").attach(2, 1, func(_ bus.Request, answer func(bus.Reply)) { answer(bus.Reply{Body: []byte("{}")}) })
	if got := <-answer; got.status != 200 {
		t.Errorf("%+v", got)
	}
	s := status()
	i := s.LastTakeover
	if i == nil || i.From != "x" || i.To != "y" || i.Waiting != 1 || i.FeltMS < least.Milliseconds() || i.AwayMS < least.Milliseconds() || i.FeltMS < i.AwayMS || i.FeltMS > patience.Milliseconds() {
		t.Errorf("%+v", i)
	}
	if !strings.Contains(s.Words, "Host y took over from x at ") || !strings.Contains(s.Words, "requests waited for") || s.LastOutage != nil {
		t.Errorf("%+v", s)
	}
	// The same host that comes back is an outage, and the takeover is still told.
	newHost(t, a, "y").attach(2, 2, func(bus.Request, func(bus.Reply)) {})
	if s := status(); s.LastOutage == nil || s.LastOutage.FeltMS != 0 || s.LastOutage.AwayMS != 0 || s.LastTakeover == nil {
		t.Errorf("%+v", s)
	}
}

// Requests that are given up while nobody serves are not forgotten by what says how an interruption was felt.
func TestHTTP_StatusTellsOfWhatWasGivenUp(t *testing.T) {
	a, url := withHTTP(t, func(c *Config) { c.Deadline = time.Second })
	answers := func(_ bus.Request, answer func(bus.Reply)) { answer(bus.Reply{Body: []byte("{}")}) }
	x := newHost(t, a, "x")
	x.attach(1, 1, answers)
	x.conn.Close()
	processtest.Await(t, "that nobody serves", func() bool { return !behind{a.Agent}.Status().Serves })
	for range 2 {
		if got := post(t, url+"/v1/kv/put", `{}`, bus.HeaderDeadline, "20ms"); got.status != bus.CodeNobody {
			t.Fatalf("%+v", got)
		}
	}
	own := make(chan bus.Reply, 1)
	a.askOwn("take", []byte("{}"), func(r bus.Reply) { own <- r }) // which is not theirs
	if r := <-own; r.Code != bus.CodeNobody {
		t.Errorf("%+v", r)
	}
	newHost(t, a, "y").attach(2, 1, answers)
	s := behind{a.Agent}.Status()
	if i := s.LastTakeover; i == nil || i.GivenUp != 2 || i.FeltMS != 0 || i.Waiting != 0 {
		t.Errorf("%+v", i)
	}
	if !strings.Contains(s.Words, ", 2 requests that timed out.") || strings.Contains(s.Words, "without effect on requests") {
		t.Error(s.Words)
	}
	newHost(t, a, "y").attach(2, 2, answers) // in place of the one before: nobody was without a host
	if s := (behind{a.Agent}).Status(); s.LastOutage == nil || s.LastOutage.GivenUp != 0 {
		t.Errorf("%+v", s.LastOutage)
	}
}

// hearing reads server-sent events.
type hearing struct {
	*testing.T
	lines *bufio.Scanner
	end   func()
}

type heard struct{ kind, id, data string }

func hear(t *testing.T, url string, headers ...string) *hearing {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	if kind := answer.Header.Get("Content-Type"); answer.StatusCode != 200 || kind != "text/event-stream" {
		t.Fatalf("%d %s", answer.StatusCode, kind)
	}
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 4<<20)
	return &hearing{t, lines, cancel}
}

// next returns the next event.
func (h *hearing) next() (e heard) {
	h.Helper()
	for h.lines.Scan() {
		line := h.lines.Text()
		switch name, value, _ := strings.Cut(line, ": "); name {
		case "event":
			e.kind = value
		case "id":
			e.id = value
		case "data":
			e.data = value
		case "":
			if e.data != "" {
				return e
			}
		}
	}
	h.Fatalf("the stream ended: %v", h.lines.Err())
	return e
}

// message returns the next event of a kind.
func (h *hearing) of(kind string) heard {
	h.Helper()
	for {
		if e := h.next(); e.kind == kind {
			return e
		}
	}
}

// Notices are heard from the last one on, or from wherever the reader is, each once and in order; and who serves, as it changes.
func TestHTTP_HearsNotices(t *testing.T) {
	a, url := withHTTP(t, nil)
	h := tells(t, a, "a", 1)
	h.tell(`{"n":1}`, `{"n":2}`, `{"n":3}`)
	from := func(after string) *hearing { return hear(t, url+"/v1/notices?after="+after) }
	now := hear(t, url+"/v1/notices")
	if e := now.next(); e.kind != "status" || !strings.Contains(e.data, `"serves":true`) || e.id != "3" { // from where it begins
		t.Errorf("%+v", e)
	}
	all, two := from("0"), hear(t, url+"/v1/notices", "Last-Event-ID", "2")
	h.tell("{\"n\":\n4}")
	for _, c := range []struct {
		h    *hearing
		from uint64
	}{{all, 1}, {two, 3}, {now, 4}} {
		for n := c.from; n <= 4; n++ {
			e := c.h.of("")
			var told notice.Told
			if err := json.Unmarshal([]byte(e.data), &told); err != nil || told.Number != n || e.id != strconv.FormatUint(n, 10) || told.Service != "shop" {
				t.Errorf("%+v: %v, want %d", e, err, n)
			}
		}
	}
	h.conn.Close()
	if e := now.of("status"); !strings.Contains(e.data, `"serves":false`) {
		t.Errorf("%+v", e)
	}
	// A number of another directory.
	other := from("99")
	if e := other.of("reset"); !strings.Contains(e.data, `"last":"4"`) {
		t.Errorf("%+v", e)
	}
	if e := other.of(""); e.id != "1" {
		t.Errorf("%+v", e)
	}
	for _, query := range []string{"?after=x", "?after=-1", "?after=1&after=2", "?from=1", "?after=99999999999999999999"} {
		wantProblem(t, do(t, t.Context(), http.MethodGet, url+"/v1/notices"+query, ""), 400, "nothing")
	}
	a.stop()
	if e := all.of("end"); !strings.Contains(e.data, "stopping") {
		t.Errorf("%+v", e)
	}
}

// A token is required over HTTP and over NATS alike.
func TestHTTP_RequiresTheTokenAtBothDoors(t *testing.T) {
	const token = "3f9ab1c2d4e5f60718293a4b5c6d7e8f"
	a, url := withHTTP(t, func(c *Config) { c.Token = token })
	newHost(t, a, "a").attach(1, 1, func(_ bus.Request, answer func(bus.Reply)) { answer(bus.Reply{Body: []byte(`{}`)}) })
	for _, path := range []string{"/v1/status", "/v1/notices", "/v1/services"} {
		wantProblem(t, do(t, t.Context(), http.MethodGet, url+path, ""), 401, "nothing")
	}
	for _, header := range []string{"", "Bearer", "Bearer " + token[1:], "Basic " + token, token} {
		got := post(t, url+"/v1/kv/put", `{}`, "Authorization", header)
		wantProblem(t, got, 401, "nothing")
		if !strings.Contains(got.header.Get("WWW-Authenticate"), "Bearer") || strings.Contains(got.body, token[1:]) {
			t.Errorf("%+v", got)
		}
	}
	if got := post(t, url+"/v1/kv/put", `{}`, "Authorization", "Bearer "+token); got.status != 200 {
		t.Errorf("%+v", got)
	}
	if e := hear(t, url+"/v1/notices", "Authorization", "bearer "+token).next(); e.kind != "status" {
		t.Errorf("%+v", e)
	}
	for _, c := range []struct {
		options []nats.Option
		admits  bool
	}{
		{nil, false}, {[]nats.Option{nats.Token(token[1:])}, false}, {[]nats.Option{nats.UserInfo("app", token)}, false}, {[]nats.Option{nats.Token(token)}, true},
	} {
		nc, err := nats.Connect(a.AppURL(), c.options...)
		if (err == nil) != c.admits {
			t.Errorf("%d options: %v", len(c.options), err)
		}
		if err == nil {
			wantCode(t, request(t, nc, "request.kv.put", `{}`), 0)
			nc.Close()
		}
	}
}

// Applications over HTTP can fill their own part of what may wait, and no other's.
func TestHTTP_HasAPartOfTheBounds(t *testing.T) {
	a, url := withHTTP(t, func(c *Config) { c.Bound = 8 })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan struct{}, 4)
	for range 4 {
		go func() {
			do(t, ctx, http.MethodPost, url+"/v1/kv/put", `{}`)
			done <- struct{}{}
		}()
	}
	processtest.Await(t, "half of the bound", func() bool { return a.Waiting() == 4 })
	wantProblem(t, post(t, url+"/v1/kv/put", `{}`), 429, "nothing")
	nc := app(t, a)
	if err := nc.PublishRequest("request.kv.put", "_INBOX.other.1", []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	processtest.Await(t, "one of NATS", func() bool { return a.Waiting() == 5 })
	cancel()
	for range 4 {
		<-done
	}
}

// A port that is taken keeps applications of NATS from nothing, and is had as soon as it is free.
func TestHTTP_WaitsForItsPort(t *testing.T) {
	taken := processtest.Address(t)
	l, err := net.Listen("tcp", taken)
	if err != nil {
		t.Fatal(err)
	}
	a := start(t, t.TempDir(), func(c *Config) { c.HTTP.Listen = taken })
	newHost(t, a, "a").attach(1, 1, func(_ bus.Request, answer func(bus.Reply)) { answer(bus.Reply{Body: []byte(`{}`)}) })
	wantCode(t, request(t, app(t, a), "request.kv.put", `{}`), 0)
	processtest.Await(t, "the trouble", func() bool { return a.HTTP().Trouble() != nil })
	if !strings.Contains(a.says(), "HTTP is not available") {
		t.Errorf("it says %q", a.says())
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	<-a.HTTP().Ready()
	if got := post(t, "http://"+taken+"/v1/kv/put", `{}`); got.status != 200 {
		t.Errorf("%+v", got)
	}
	if strings.Contains(a.says(), "HTTP") {
		t.Errorf("it says %q", a.says())
	}
}

// Both doors refuse a body of 8 MiB in words, whether its length is said or not.
func TestHTTP_RefusesALargeBodyInWords(t *testing.T) {
	_, url := withHTTP(t, nil)
	body := bytes.Repeat([]byte("x"), 8<<20)
	for _, said := range []bool{true, false} {
		var from io.Reader = bytes.NewReader(body)
		if !said {
			from = io.MultiReader(from) // whose length nobody knows
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/v1/kv/put", from)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatalf("its length said %t: %v", said, err)
		}
		text, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		wantProblem(t, httpAnswer{answer.StatusCode, answer.Header, string(text)}, 413, "nothing")
	}
}
