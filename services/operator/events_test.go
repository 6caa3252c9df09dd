package operator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
)

// The table's part of Events and Alarming: what was called is kept, the log is what a test puts into it.

func (h *table) Events(ctx context.Context, q bus.EventsRequest) (bus.EventsPage, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	page := bus.EventsPage{Note: h.note, Next: max(q.From, 1)}
	if h.err != nil {
		return page, h.err
	}
	first := uint64(0)
	if q.From == 0 && q.Since.IsZero() {
		first = uint64(max(0, len(h.log)-q.Limit)) + 1
	}
	for _, e := range h.log {
		if e.ID == 0 && h.note == "" || e.ID != 0 && e.ID < max(q.From, first) || len(page.Events) == q.Limit {
			continue
		}
		page.Next = max(page.Next, e.ID+1)
		if (q.Kind == "" || e.Kind == q.Kind) && !e.Time.Before(q.Since) {
			page.Events = append(page.Events, e)
		}
	}
	page.First, page.Last = 1, uint64(len(h.log))
	return page, nil
}

func (h *table) Follow(ctx context.Context, from uint64) <-chan Event {
	out := make(chan Event)
	go func() {
		defer close(out)
		for {
			h.mu.Lock()
			i := slices.IndexFunc(h.log, func(e Event) bool { return e.ID >= from })
			var e Event
			if i >= 0 {
				e = h.log[i]
			}
			if h.more == nil {
				h.more = make(chan struct{})
			}
			more := h.more
			h.mu.Unlock()
			if i >= 0 {
				select {
				case out <- e:
					from = e.ID + 1
				case <-ctx.Done():
					return
				}
				continue
			}
			select {
			case <-more:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

// happens adds an event to the log.
func (h *table) happens(e Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e.ID = uint64(len(h.log)) + 1
	h.log = append(h.log, e)
	if h.more != nil {
		close(h.more)
		h.more = nil
	}
}

func (h *table) Called(c Caller, what string, failure error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.called = append(h.called, fmt.Sprintf("%s by %s: %v", what, c.From, failure))
}

func (h *table) Alarms(context.Context) AlarmList {
	h.mu.Lock()
	defer h.mu.Unlock()
	return AlarmList{Host: "a", Alarms: h.status.Alarms, Hooks: []HookState{{Name: "webhook", Told: 1, Failed: 2, Dropped: 3, Problem: "503"}}}
}

func (h *table) AckAlarm(_ context.Context, c Caller, q AckRequest) (Acknowledged, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.callers = append(h.callers, c)
	return Acknowledged{ID: c.ID, Alarm: Alarm{ID: q.ID, Text: "60 of 100"}}, h.err
}

// logTable is what a table has of events.
type logTable struct {
	log    []Event
	note   string
	more   chan struct{}
	called []string
}

func takeover() []Event {
	at := func(ms int) time.Time { return noon().Add(time.Duration(ms) * time.Millisecond) }
	return []Event{
		{ID: 1, Time: at(-7200_000), Host: "a", Incarnation: 5, Number: 1, Kind: bus.EventProcess, Text: "main started, pid 4711"},
		{ID: 2, Time: at(0), Host: "b", Incarnation: 9, Number: 7, Kind: bus.EventRole, Step: "B7", Epoch: 8, Text: "epoch 8 is taken, in sync: b", Took: 12 * time.Millisecond},
		{ID: 3, Time: at(9), Host: "b", Incarnation: 9, Number: 8, Kind: bus.EventRole, Step: "B9", Epoch: 8, Text: "takeover complete: 49 terminals attached, 1 refused", Took: 21 * time.Millisecond},
		{ID: 4, Time: at(-30), Host: "a", Incarnation: 5, Number: 2, Kind: bus.EventAlarm, Late: true, Text: "alarm disk-nearly-full raised: " + strings.Repeat("very ", 20) + "full \x1b[2J"},
	}
}

func TestEvents_HTTP(t *testing.T) {
	h := &table{}
	h.log = takeover()
	get := func(query string) (page bus.EventsPage, p Problem) {
		t.Helper()
		w := request(t, h, http.MethodGet, PathEvents+query, "", nil)
		into := any(&page)
		if w.Code != http.StatusOK {
			into = &p
		}
		if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
			t.Fatalf("%s: %v", w.Body, err)
		}
		return page, p
	}
	if page, _ := get("?limit=2"); len(page.Events) != 2 || page.Events[0].ID != 3 || page.Next != 5 || page.Last != 4 {
		t.Errorf("the last two: %+v", page)
	}
	if page, _ := get("?from=2&limit=1"); len(page.Events) != 1 || page.Events[0].Step != "B7" || page.Next != 3 {
		t.Errorf("from 2: %+v", page)
	}
	if page, _ := get("?since=" + noon().UTC().Format(time.RFC3339) + "&kind=role"); len(page.Events) != 2 {
		t.Errorf("since noon: %+v", page)
	}
	for _, wrong := range []string{"?limit=0", "?limit=501", "?from=-1", "?since=yesterday", "?kind=rolle", "?wait=1h", "?wait=x", "?what=1", "?from=1&from=2", "?since=-5m"} {
		if _, p := get(wrong); p.Status != http.StatusBadRequest || p.Detail == "" {
			t.Errorf("%s: %+v", wrong, p)
		}
	}
	h.err = fmt.Errorf("%w: x", ErrUnavailable)
	if _, p := get(""); p.Status != http.StatusServiceUnavailable {
		t.Errorf("unavailable: %+v", p)
	}
}

// TestEvents_WaitsForWhatComes: a call with wait is answered when something comes that it wants, or when the time is over.
func TestEvents_WaitsForWhatComes(t *testing.T) {
	h := &table{}
	h.log = takeover()
	client := NewClient("http://" + serve(t, h).Address())
	if page, err := client.Events(t.Context(), bus.EventsRequest{From: 5}, 50*time.Millisecond); err != nil || len(page.Events) != 0 || page.Next != 5 {
		t.Errorf("nothing came, got %+v, %v", page, err)
	}
	type result struct {
		page bus.EventsPage
		err  error
	}
	got := make(chan result, 1)
	go func() {
		page, err := client.Events(t.Context(), bus.EventsRequest{From: 5, Kind: bus.EventAudit}, waitMost)
		got <- result{page, err}
	}()
	h.happens(Event{Host: "b", Kind: bus.EventRole, Text: "not wanted"})
	h.happens(Event{Host: "b", Kind: bus.EventAudit, Text: "audit: 0 of 100 acknowledged updates missing"})
	select {
	case r := <-got:
		if r.err != nil || len(r.page.Events) != 1 || r.page.Events[0].ID != 6 || r.page.Next != 7 {
			t.Errorf("got %+v", r)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the call goes on waiting")
	}
}

func TestEvents_Command(t *testing.T) {
	h := &table{status: Status{Host: "b", Role: "active"}}
	h.log = takeover()
	url := "http://" + serve(t, h).Address()
	out, _, err := run(t, "events", "--http", url)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"TIME (UTC)", "main started", "B7    epoch 8 is taken, in sync: b (12.0 ms)", "[late]"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	for line := range strings.Lines(out) {
		if len([]rune(strings.TrimRight(line, "\n"))) > width || strings.ContainsRune(line, '\x1b') {
			t.Errorf("line %q", line)
		}
	}
	if out, _, err = run(t, "events", "--http", url, "--kind", "role", "--limit", "1", "--json"); err != nil {
		t.Fatal(err)
	}
	var page bus.EventsPage
	if err := json.Unmarshal([]byte(out), &page); err != nil || len(page.Events) != 0 {
		t.Errorf("%s: %v", out, err) // the last event is none of kind role
	}
	if out, _, err = run(t, "events", "--http", url, "--since", noon().Add(-time.Second).UTC().Format(time.RFC3339), "--kind", "role"); err != nil || strings.Count(out, "2026-03-04") != 2 {
		t.Errorf("since: %s, %v", out, err)
	}
	for _, wrong := range [][]string{{"--since", "soon"}, {"--kind", "x"}, {"--limit", "-1"}} {
		if _, _, err := run(t, append([]string{"events", "--http", url}, wrong...)...); !errors.Is(err, ErrUsage) {
			t.Errorf("%v: %v", wrong, err)
		}
	}
	h.mu.Lock()
	h.note = "the updater of b does not answer: this is what its main remembers"
	h.mu.Unlock()
	if _, errs, err := run(t, "events", "--http", url); err != nil || !strings.Contains(errs, "this is what its main remembers") {
		t.Errorf("with the updater down: %q, %v", errs, err)
	}
}

// TestEvents_CommandFollowsToTheOtherHost: what comes is shown, each event once, also when the host that was asked ends
// and the other one goes on with the same log.
func TestEvents_CommandFollowsToTheOtherHost(t *testing.T) {
	a, b := &table{status: Status{Host: "a", Role: "active", RightUntilMS: 100}}, &table{status: Status{Host: "b", Role: "standby"}}
	a.log, b.log = takeover(), takeover()
	local := Event{Host: "a", Incarnation: 5, Number: 3, Kind: bus.EventPair, Text: "only a has it"}
	a.log, a.note = append(a.log, local), "the updater of a does not answer" // no number yet
	doorA := &door{Host: a}
	dir := pair(t, doorA, b)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	reader, writer := io.Pipe()
	done := make(chan error, 1)
	go func() {
		command := eventsCommand()
		command.SetArgs([]string{"--dir", dir, "--follow", "--json"})
		command.SetOut(writer)
		command.SetErr(io.Discard)
		done <- command.ExecuteContext(ctx)
		_ = writer.Close()
	}()
	come := make(chan Event)
	go func() {
		defer close(come)
		for lines := json.NewDecoder(reader); ; {
			var e Event
			if lines.Decode(&e) != nil {
				return
			}
			come <- e
		}
	}()
	next := func() (e Event) {
		t.Helper()
		select {
		case e = <-come:
		case <-time.After(20 * time.Second):
			t.Fatal("nothing more comes")
		}
		return e
	}
	for n := 1; n <= 4; n++ {
		if e := next(); e.ID != uint64(n) {
			t.Fatalf("event %d is %+v", n, e)
		}
	}
	if e := next(); e.Text != local.Text {
		t.Fatalf("then %+v", e)
	}
	doorA.shut.Store(true)
	b.happens(local)
	b.happens(Event{Host: "b", Incarnation: 9, Number: 9, Kind: bus.EventRole, Text: "took over"})
	if e := next(); e.Text != "took over" || e.ID != 6 {
		t.Errorf("after the takeover: %+v", e)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("ended with %v", err)
	}
	for e := range come {
		t.Errorf("more: %+v", e)
	}
}

// door is a host that answers no more once it is shut: its server drops whoever calls.
type door struct {
	Host
	shut atomic.Bool
}

func (d *door) Status(ctx context.Context) Status {
	if d.shut.Load() {
		panic(http.ErrAbortHandler)
	}
	return d.Host.Status(ctx)
}

func (d *door) Events(ctx context.Context, q bus.EventsRequest) (bus.EventsPage, error) {
	if d.shut.Load() {
		panic(http.ErrAbortHandler)
	}
	return d.Host.Events(ctx, q)
}

// Follow of a host that is shut ends what waits there.
func (d *door) Follow(ctx context.Context, from uint64) <-chan Event {
	ctx, cancel := context.WithCancel(ctx)
	out := d.Host.Follow(ctx, from)
	go func() {
		defer cancel()
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for !d.shut.Load() {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

func TestAlarms_ShownAndAcknowledged(t *testing.T) {
	h := &table{status: Status{Host: "a", Role: "active"}}
	h.status.Alarms = []Alarm{
		{ID: "updates-lost", Severity: bus.Critical, Host: "b", Since: noon(), Text: "LOST: 60 of 100", Remedy: "Repeat those requests.", Acknowledge: true},
		{ID: "no-witness", Severity: bus.Warning, Host: "a", Since: noon(), Text: "no witness at w:1 " + strings.Repeat("long ", 40), Remedy: "Start it."},
	}
	url := "http://" + serve(t, h).Address()
	out, _, err := run(t, "alarms", "--http", url)
	for _, want := range []string{"2 alarms", "updates-lost, critical, on b since 2026-", "acknowledge", "do        Start it.", "3 dropped"} {
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s%v", want, out, err)
		}
	}
	for line := range strings.Lines(out) {
		if len([]rune(line)) > width+1 {
			t.Errorf("too wide: %q", line)
		}
	}
	if out, _, err = run(t, "alarms", "ack", "updates-lost", "--http", url); err != nil || !strings.Contains(out, "acknowledged: updates-lost") {
		t.Errorf("ack: %s, %v", out, err)
	}
	h.mu.Lock()
	called := slices.Clone(h.called)
	h.err = fmt.Errorf("%w: no-witness ends by itself", ErrRefused)
	h.mu.Unlock()
	if len(called) != 1 || !strings.HasPrefix(called[0], "alarms ack updates-lost by 127.0.0.1:") {
		t.Errorf("events of the call: %q", called)
	}
	if _, _, err = run(t, "alarms", "ack", "no-witness", "--http", url); !errors.Is(err, ErrRefused) {
		t.Errorf("refused: %v", err)
	}
	for _, wrong := range [][]string{{"alarms", "ack"}, {"alarms", "ack", "a b"}, {"alarms", "x"}} {
		if _, _, err := run(t, append(wrong, "--http", url)...); !errors.Is(err, ErrUsage) {
			t.Errorf("%v: %v", wrong, err)
		}
	}
	w := request(t, &table{}, http.MethodGet, PathAlarms, "", nil)
	if !strings.Contains(w.Body.String(), `"alarms":[]`) {
		t.Errorf("no alarms: %s", w.Body)
	}
	if w := request(t, &table{}, http.MethodPost, PathAckAlarm, `{"id":"x","force":true}`, nil); w.Code != http.StatusBadRequest {
		t.Errorf("a field there is not: %d %s", w.Code, w.Body)
	}
}
