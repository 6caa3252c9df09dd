package terminal

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/services/terminal/queue"
	"github.com/hotpair/hotpair/storage/position"
)

// enqueue has the agent keep a request, and gives its id.
func enqueue(t testing.TB, nc *nats.Conn, body string, headers ...string) string {
	t.Helper()
	m := request(t, nc, "request.till.sell", body, append([]string{bus.HeaderQueue, "yes"}, headers...)...)
	wantCode(t, m, 0)
	var kept struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(m.Data, &kept); err != nil || kept.ID == "" {
		t.Fatalf("%s, %v", m.Data, err)
	}
	return kept.ID
}

// came is what the agent says came of it.
func came(t testing.TB, nc *nats.Conn, id string) (told queue.Told) {
	t.Helper()
	m := request(t, nc, bus.SubjectQueueGet, fmt.Sprintf(`{"id":%q}`, id))
	wantCode(t, m, 0)
	if err := json.Unmarshal(m.Data, &told); err != nil {
		t.Fatal(err)
	}
	return told
}

// takesQueue attaches a host that takes what is queued.
func (h *host) takesQueue(epoch, counter, base uint64, handle func(bus.Request, func(bus.Reply))) bus.AgentAttached {
	h.t.Helper()
	h.queueBase = base
	return h.attach(epoch, counter, handle)
}

// What is queued while the line is cut is kept through a restart of the agent, done once a host is there, and told.
func TestAgent_QueuesWhileTheLineIsCut(t *testing.T) {
	dir := t.TempDir()
	a := start(t, dir, nil)
	nc := app(t, a)
	var ids []string
	for i := range 5 {
		ids = append(ids, enqueue(t, nc, fmt.Sprint(i), bus.HeaderQueueKey, fmt.Sprint("order-", i)))
	}
	if again := enqueue(t, nc, "3", bus.HeaderQueueKey, "order-3"); again != ids[3] {
		t.Errorf("the same was queued twice, as %s and %s", ids[3], again)
	}
	if told := came(t, nc, ids[0]); told.State != "queued" || told.Service != "till" {
		t.Errorf("%+v", told)
	}
	a.stop()
	a = start(t, dir, nil)
	nc = app(t, a)
	results, err := nc.SubscribeSync("notice.hotpair.result")
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	h := newHost(t, a, "x")
	var mu sync.Mutex
	var asked []bus.Request
	handle := func(q bus.Request, answer func(bus.Reply)) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, q)
		answer(bus.Reply{Body: q.Body, Position: position.Position{Epoch: 1, Sequence: uint64(len(asked))}})
	}
	if got := h.attach(1, 1, handle); !got.OK { // a host of a program that knows no queue
		t.Fatalf("%+v", got)
	}
	wantCode(t, request(t, nc, "request.till.sell", "1"), 0)
	if told := came(t, nc, ids[0]); told.State != "queued" {
		t.Errorf("sent to a host that does not take it: %+v", told)
	}
	if got := h.takesQueue(1, 2, 1<<30, handle); !got.OK {
		t.Fatalf("%+v", got)
	}
	for i := range ids {
		m, err := results.NextMsg(patience)
		if err != nil {
			t.Fatal(err)
		}
		var told queue.Told
		if err := json.Unmarshal(m.Data, &told); err != nil || told.ID != ids[i] || told.State != "done" || string(told.Body) != fmt.Sprint(i) || told.Key != fmt.Sprint("order-", i) {
			t.Errorf("told %s, %v", m.Data, err)
		}
		if kept := came(t, nc, ids[i]); kept.State != "done" || string(kept.Body) != string(told.Body) || kept.Position == "" {
			t.Errorf("kept %+v", kept)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	for i, q := range asked[1:] {
		if !q.Queued || q.ID.Counter != 1<<30+uint64(i)+1 || q.ID.App != "" || string(q.Body) != fmt.Sprint(i) {
			t.Errorf("asked %+v", q)
		}
	}
	if asked[0].Queued || len(asked) != 6 {
		t.Errorf("asked %d times", len(asked))
	}
	wantCode(t, request(t, nc, bus.SubjectQueueForget, fmt.Sprintf(`{"id":%q}`, ids[0])), 0)
	wantCode(t, request(t, nc, bus.SubjectQueueGet, fmt.Sprintf(`{"id":%q}`, ids[0])), bus.CodeAbsent)
	wantCode(t, request(t, nc, bus.SubjectQueueGet, `{"key":"order-1"}`), 0)
}

// An application that was away asks for what has come of requests after the number that it has come to, over NATS and over HTTP; what it
// hears while it is there has numbers too.
func TestAgent_ResultsAfterANumber(t *testing.T) {
	a, url := withHTTP(t, nil)
	nc := app(t, a)
	results, err := nc.SubscribeSync("notice.hotpair.result")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		enqueue(t, nc, fmt.Sprint(i), bus.HeaderQueueKey, fmt.Sprint("order-", i))
	}
	h := newHost(t, a, "x")
	h.takesQueue(1, 1, 1<<30, func(q bus.Request, answer func(bus.Reply)) { answer(bus.Reply{Body: q.Body}) })
	heard := map[string]string{}
	for i := range 5 {
		m, err := results.NextMsg(patience)
		if err != nil {
			t.Fatal(err)
		}
		var told queue.Told
		if err := json.Unmarshal(m.Data, &told); err != nil || told.Number != uint64(i+1) {
			t.Errorf("%s, %v", m.Data, err)
		}
		heard[told.Key] = string(m.Data)
	}
	directories := map[string]bool{}
	for what, ask := range map[string]func(after, limit int) string{
		"NATS": func(after, limit int) string {
			m := request(t, nc, bus.SubjectQueueResults, fmt.Sprintf(`{"number":"%d","limit":%d}`, after, limit))
			wantCode(t, m, 0)
			return string(m.Data)
		},
		"HTTP": func(after, limit int) string {
			return do(t, t.Context(), "GET", fmt.Sprintf("%s/v1/queue?after=%d&limit=%d", url, after, limit), "").body
		},
	} {
		var all []string
		for last, more := 0, true; more; {
			var page struct {
				Results     []json.RawMessage
				First, Last string
				More        bool
				Directory   string
			}
			text := ask(last, 2)
			if err := json.Unmarshal([]byte(text), &page); err != nil || len(page.Results) == 0 || len(page.Results) > 2 || page.First != "1" || page.Last != "5" || page.Directory == "" {
				t.Fatalf("%s: %s, %v", what, text, err)
			}
			if directories[page.Directory] = true; len(directories) != 1 {
				t.Errorf("%s: another directory: %s", what, text)
			}
			for _, raw := range page.Results {
				var told queue.Told
				if err := json.Unmarshal(raw, &told); err != nil || told.Number != uint64(last+1) || heard[told.Key] != string(raw) {
					t.Errorf("%s: after %d: %s, and %s was heard (%v)", what, last, raw, heard[told.Key], err)
				}
				last, all = int(told.Number), append(all, told.Key)
			}
			more = page.More
		}
		if fmt.Sprint(all) != "[order-0 order-1 order-2 order-3 order-4]" {
			t.Errorf("%s: %v", what, all)
		}
	}
	if m := request(t, nc, bus.SubjectQueueResults, ""); !strings.Contains(string(m.Data), `"order-4"`) {
		t.Errorf("all of them: %s", m.Data)
	}
	for body, code := range map[string]int{`{"number":"6"}`: 409, `{"number":6}`: 400, `{"after":"1"}`: 400, `[]`: 400} {
		wantCode(t, request(t, nc, bus.SubjectQueueResults, body), code)
	}
	wantProblem(t, do(t, t.Context(), "GET", url+"/v1/queue?after=6", ""), 409, "nothing")
	other := start(t, t.TempDir(), nil) // where numbers begin anew, and may have come as far already
	var page queue.Results
	if m := request(t, app(t, other), bus.SubjectQueueResults, ""); json.Unmarshal(m.Data, &page) != nil || page.Directory == "" || directories[page.Directory] {
		t.Errorf("in another directory: %s", m.Data)
	}
}

// An outcome as large as one is kept is told, and stands in a page, whatever it is made of.
func TestAgent_ResultsAreAsTheyCame(t *testing.T) {
	a, url := withHTTP(t, nil)
	nc := app(t, a)
	results, err := nc.SubscribeSync("notice.hotpair.result")
	if err != nil {
		t.Fatal(err)
	}
	body := `"` + strings.Repeat("<", 1<<20-2) + `"`
	id := enqueue(t, nc, "1", bus.HeaderQueueKey, "order-1")
	newHost(t, a, "x").takesQueue(1, 1, 1<<30, func(_ bus.Request, answer func(bus.Reply)) { answer(bus.Reply{Body: []byte(body)}) })
	m, err := results.NextMsg(patience)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(m.Data), body) {
		t.Errorf("%d bytes are told: %.300s", len(m.Data), m.Data)
	}
	for what, text := range map[string]string{
		"a page":           string(request(t, nc, bus.SubjectQueueResults, "").Data),
		"one":              string(request(t, nc, bus.SubjectQueueGet, fmt.Sprintf(`{"id":%q}`, id)).Data),
		"a page over HTTP": do(t, t.Context(), "GET", url+"/v1/queue?after=0", "").body,
		"one over HTTP":    do(t, t.Context(), "GET", url+"/v1/queue/"+id, "").body,
	} {
		if !strings.Contains(text, string(m.Data)) {
			t.Errorf("%s: %d bytes, and %d were told: %.300s", what, len(text), len(m.Data), text)
		}
	}
}

// What an application says wrongly is refused with what is right, and nothing is queued.
func TestAgent_RefusesWhatCannotBeQueued(t *testing.T) {
	a := start(t, t.TempDir(), nil)
	nc := app(t, a)
	long := strings.Repeat("x", queue.MaxName+1)
	for _, c := range []struct {
		subject, body string
		headers       []string
		code          int
		said          string
	}{
		{"request.till.sell", "1", []string{bus.HeaderQueue, "no"}, 400, "want yes or no header"},
		{"request.till.sell", "1", []string{bus.HeaderQueue, ""}, 400, "want yes or no header"},
		{"request.till.sell", "1", []string{bus.HeaderQueue, "yes", bus.HeaderRequestID, issued("x")}, 400, bus.HeaderQueueKey},
		{"request.till.sell", "1", []string{bus.HeaderQueue, "yes", bus.HeaderDeadline, "1s"}, 400, "until it has an outcome"},
		{"request.till.sell", "1", []string{bus.HeaderQueue, "yes", bus.HeaderQueueKey, long}, 400, bus.HeaderQueueKey},
		{"request.till.sell", "1", []string{bus.HeaderQueue, "yes", bus.HeaderLane, ""}, 400, bus.HeaderLane},
		{"request.till.sell", "1", []string{bus.HeaderQueue, "yes", "Hotpair-Epoch", "1"}, 400, "unknown header"},
		{"request.till.sell", "{", []string{bus.HeaderQueue, "yes"}, 400, "the body"},
		{"request.till", "1", []string{bus.HeaderQueue, "yes"}, 400, "request.<service>.<operation>"},
		{"request.till.sell", "1", []string{bus.HeaderQueueKey, "x"}, 400, bus.HeaderQueueKey + " is valid only with " + bus.HeaderQueue + ": yes"},
		{"request.till.sell", "1", []string{bus.HeaderLane, long}, 400, bus.HeaderLane},
		{"request.till.sell", "1", []string{bus.HeaderDeadline, "5"}, 400, `"5" is not a duration`},
		{bus.SubjectQueueGet, "{}", nil, 400, "either id or key"},
		{bus.SubjectQueueGet, `{"id":"a","key":"b"}`, nil, 400, "either id or key"},
		{bus.SubjectQueueGet, "", nil, 400, "the body"},
		{bus.SubjectQueueGet, `{"id":"a"}`, nil, 404, "no request with this id or key is known"},
		{bus.SubjectQueueForget, `{"id":"a"}`, nil, 404, "no request with this id or key is known"},
		{bus.SubjectQueueForget, `{"key":"a"}`, nil, 404, "no request with this id or key is known"},
	} {
		m := request(t, nc, c.subject, c.body, c.headers...)
		wantCode(t, m, c.code)
		if said := m.Header.Get(bus.HeaderError); !strings.Contains(said, c.said) {
			t.Errorf("%s %v: %q, want %q", c.subject, c.headers, said, c.said)
		}
	}
	id := enqueue(t, nc, "1", bus.HeaderQueueKey, "k")
	wantCode(t, request(t, nc, "request.till.sell", "2", bus.HeaderQueue, "yes", bus.HeaderQueueKey, "k"), bus.CodeConflict)
	wantCode(t, request(t, nc, bus.SubjectQueueForget, fmt.Sprintf(`{"id":%q}`, id)), bus.CodeConflict)
	if c := a.queue.Count(); c.Waiting != 1 {
		t.Errorf("%+v", c)
	}
}

// A request that is not queued and names a lane waits for what is queued there; others do not.
func TestAgent_ALaneIsInOrder(t *testing.T) {
	a := start(t, t.TempDir(), nil)
	nc := app(t, a)
	enqueue(t, nc, `"first"`, bus.HeaderLane, "order-17")
	h := newHost(t, a, "x")
	held := make(chan func(), 1)
	if got := h.takesQueue(1, 1, 1<<30, func(q bus.Request, answer func(bus.Reply)) {
		if q.Queued {
			held <- func() { answer(bus.Reply{Body: q.Body}) }
			return
		}
		answer(bus.Reply{Body: q.Body})
	}); !got.OK {
		t.Fatalf("%+v", got)
	}
	release := <-held
	behind, err := nc.SubscribeSync(nc.NewInbox())
	if err != nil {
		t.Fatal(err)
	}
	m := &nats.Msg{Subject: "request.till.sell", Reply: behind.Subject, Data: []byte(`"second"`), Header: nats.Header{bus.HeaderLane: {"order-17"}}}
	if err := nc.PublishMsg(m); err != nil {
		t.Fatal(err)
	}
	wantCode(t, request(t, nc, "request.till.sell", `"no lane"`), 0)
	wantCode(t, request(t, nc, "request.till.sell", `"other lane"`, bus.HeaderLane, "order-18"), 0)
	if n, _, err := behind.Pending(); err != nil || n != 0 || a.Waiting() != 1 {
		t.Errorf("it did not wait: %d answers, %v", n, err)
	}
	third := enqueue(t, nc, `"third"`, bus.HeaderLane, "order-17")
	release()
	if reply, err := behind.NextMsg(patience); err != nil || string(reply.Data) != `"second"` {
		t.Errorf("%v, %v", reply, err)
	}
	(<-held)()
	processtest.Await(t, "the third to be done", func() bool { return came(t, nc, third).State == "done" })
}

// A queue that can't be read ends no agent, and what is queued from then on gets no number that may have been given.
func TestAgent_LivesWithADamagedQueue(t *testing.T) {
	dir := t.TempDir()
	a := start(t, dir, nil)
	enqueue(t, app(t, a), "1")
	a.stop()
	path := filepath.Join(dir, queue.FileName)
	if err := os.WriteFile(path, []byte(strings.Repeat("no queue", 4000)), 0o600); err != nil {
		t.Fatal(err)
	}
	a = start(t, dir, nil)
	nc := app(t, a)
	id := enqueue(t, nc, "2")
	h := newHost(t, a, "x")
	numbers := make(chan uint64, 1)
	h.takesQueue(1, 1, 1<<30, func(q bus.Request, answer func(bus.Reply)) {
		numbers <- q.ID.Counter
		answer(bus.Reply{})
	})
	if n := <-numbers; n <= 1<<30+1 {
		t.Errorf("number %d is given again", n-1<<30)
	}
	processtest.Await(t, "it to be done", func() bool { return came(t, nc, id).State == "done" })
	if _, err := os.Stat(path + ".quarantined"); err != nil {
		t.Error(err)
	}
}
