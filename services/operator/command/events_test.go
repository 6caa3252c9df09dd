package command

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
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/operatortest"
	"github.com/hotpair/hotpair/services/operator/registry"
	"github.com/hotpair/hotpair/services/operator/screen"
)

func TestEvents_Command(t *testing.T) {
	h := &operatortest.Host{Now: operator.Status{Host: "b", Role: "active"}}
	h.Entries = operatortest.Takeover()
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
		if len([]rune(strings.TrimRight(line, "\n"))) > screen.Width || strings.ContainsRune(line, '\x1b') {
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
	if out, _, err = run(t, "events", "--http", url, "--since", operatortest.Noon().Add(-time.Second).UTC().Format(time.RFC3339), "--kind", "role"); err != nil || strings.Count(out, "2026-03-04") != 2 {
		t.Errorf("since: %s, %v", out, err)
	}
	for _, wrong := range [][]string{{"--since", "soon"}, {"--kind", "x"}, {"--limit", "-1"}} {
		if _, _, err := run(t, append([]string{"events", "--http", url}, wrong...)...); !errors.Is(err, operator.ErrUsage) {
			t.Errorf("%v: %v", wrong, err)
		}
	}
	h.Mu.Lock()
	h.Note = "the updater of b does not answer: these are the events that its main remembers"
	h.Mu.Unlock()
	if _, errs, err := run(t, "events", "--http", url); err != nil || !strings.Contains(errs, "these are the events that its main remembers") {
		t.Errorf("with the updater down: %q, %v", errs, err)
	}
}

// TestEvents_CommandFollowsToTheOtherHost: what comes is shown, each event once, also when the host that was asked ends
// and the other one goes on with the same log.
func TestEvents_CommandFollowsToTheOtherHost(t *testing.T) {
	a, b := &operatortest.Host{Now: operator.Status{Host: "a", Role: "active", RightUntilMS: 100}}, &operatortest.Host{Now: operator.Status{Host: "b", Role: "standby"}}
	a.Entries, b.Entries = operatortest.Takeover(), operatortest.Takeover()
	local := operator.Event{Host: "a", Incarnation: 5, Number: 3, Kind: bus.EventPair, Text: "only a has it"}
	a.Entries, a.Note = append(a.Entries, local), "the updater of a does not answer" // no number yet
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
	come := make(chan operator.Event)
	go func() {
		defer close(come)
		for lines := json.NewDecoder(reader); ; {
			var e operator.Event
			if lines.Decode(&e) != nil {
				return
			}
			come <- e
		}
	}()
	next := func() (e operator.Event) {
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
	b.Happens(local)
	b.Happens(operator.Event{Host: "b", Incarnation: 9, Number: 9, Kind: bus.EventRole, Text: "took over"})
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
	*operatortest.Host
	shut atomic.Bool
}

func (d *door) Registry() *registry.Registry {
	r := d.Host.Registry()
	registry.Answer(r, operator.CallStatus, registry.Plain(func(ctx context.Context) (operator.Status, error) { return d.Status(ctx), nil }))
	registry.Answer(r, operator.CallEvents, registry.Events(d))
	return r
}

func (d *door) Status(ctx context.Context) operator.Status {
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
func (d *door) Follow(ctx context.Context, from uint64) <-chan operator.Event {
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
	h := &operatortest.Host{Now: operator.Status{Host: "a", Role: "active"}}
	h.Now.Alarms = []operator.Alarm{
		{ID: "updates-lost", Severity: bus.Critical, Host: "b", Since: operatortest.Noon(), Text: "LOST: 60 of 100", Remedy: "Repeat those requests.", Acknowledge: true},
		{ID: "no-witness", Severity: bus.Warning, Host: "a", Since: operatortest.Noon(), Text: "no witness at w:1 " + strings.Repeat("long ", 40), Remedy: "Start it."},
	}
	url := "http://" + serve(t, h).Address()
	out, _, err := run(t, "alarms", "--http", url)
	for _, want := range []string{"2 alarms", "updates-lost, critical, on b since 2026-", "acknowledge", "do        Start it.", "3 dropped"} {
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s%v", want, out, err)
		}
	}
	for line := range strings.Lines(out) {
		if len([]rune(line)) > screen.Width+1 {
			t.Errorf("too wide: %q", line)
		}
	}
	if out, _, err = run(t, "alarms", "ack", "updates-lost", "--http", url); err != nil || !strings.Contains(out, "acknowledged: updates-lost") {
		t.Errorf("ack: %s, %v", out, err)
	}
	h.Mu.Lock()
	called := slices.Clone(h.Calls)
	h.Err = fmt.Errorf("%w: no-witness ends by itself", operator.ErrRefused)
	h.Mu.Unlock()
	if len(called) != 1 || !strings.HasPrefix(called[0], "alarms ack updates-lost by 127.0.0.1:") {
		t.Errorf("events of the call: %q", called)
	}
	if _, _, err = run(t, "alarms", "ack", "no-witness", "--http", url); !errors.Is(err, operator.ErrRefused) {
		t.Errorf("refused: %v", err)
	}
	for _, wrong := range [][]string{{"alarms", "ack"}, {"alarms", "ack", "a b"}, {"alarms", "x"}} {
		if _, _, err := run(t, append(wrong, "--http", url)...); !errors.Is(err, operator.ErrUsage) {
			t.Errorf("%v: %v", wrong, err)
		}
	}
	w := request(t, &operatortest.Host{}, http.MethodGet, operator.CallAlarms.Path, "", nil)
	if !strings.Contains(w.Body.String(), `"alarms":[]`) {
		t.Errorf("no alarms: %s", w.Body)
	}
	if w := request(t, &operatortest.Host{}, http.MethodPost, operator.CallAckAlarm.Path, `{"id":"x","force":true}`, nil); w.Code != http.StatusBadRequest {
		t.Errorf("a field there is not: %d %s", w.Code, w.Body)
	}
}
