package alarms

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/process/processtest"
)

// teller is a function that is told.
type teller func(bus.Alarm, string)

func (t teller) Tell(a bus.Alarm, state string) { t(a, state) }

// TestAlarms_OnlyChangesAreTold: raised again and again, an alarm is told once, and keeps its beginning.
func TestAlarms_OnlyChangesAreTold(t *testing.T) {
	var told []string
	a := NewSet("a", 1, teller(func(alarm bus.Alarm, state string) { told = append(told, alarm.ID+" "+state) }))
	a.Raise(NoWitness, "one")
	since := a.List()[0].Since
	a.Raise(NoWitness, "two")
	a.Raise(VerifyMismatch, "3 keys differ")
	list := a.List()
	if len(list) != 2 || list[0].ID != VerifyMismatch || list[1].Text != "two" || !list[1].Since.Equal(since) || list[1].Remedy == "" || list[1].Host != "a" {
		t.Errorf("raised: %+v", list)
	}
	a.Clear(NoWitness)
	a.Clear(NoWitness)
	a.Clear("never raised")
	a.forget(VerifyMismatch)
	if want := "no-witness raised,verify-mismatch raised,no-witness cleared"; strings.Join(told, ",") != want || len(a.List()) != 0 {
		t.Errorf("told %q", told)
	}
}

// TestAlarms_ThePairsAreNotThisHosts: an alarm that only an operator ends goes to the pair with the event that raised it, and
// ends on both hosts with the one that acknowledges it.
func TestAlarms_ThePairsAreNotThisHosts(t *testing.T) {
	for what, c := range map[string]struct {
		event bus.Event
		stays bool
	}{
		"raised by this main":    {bus.Event{Host: "a", Incarnation: 1, State: bus.AlarmRaised}, false},
		"raised by one before":   {bus.Event{Host: "a", Incarnation: 9, State: bus.AlarmRaised}, true},
		"raised by the other":    {bus.Event{Host: "b", Incarnation: 1, State: bus.AlarmRaised}, true},
		"acknowledged elsewhere": {bus.Event{Host: "b", Incarnation: 1, State: bus.AlarmAcknowledged}, false},
	} {
		a := NewSet("a", 1)
		a.Raise(UpdatesLost, "lost")
		a.Raise(NoWitness, "none")
		ends := a.List()[1]
		lost := a.List()[0]
		c.event.Alarm = &lost
		a.Heard([]bus.Event{{Host: "a", Incarnation: 1}, {Host: "a", Incarnation: 1, Alarm: &ends, State: bus.AlarmRaised}, c.event})
		if a.IsRaised(UpdatesLost) != c.stays || !a.IsRaised(NoWitness) {
			t.Errorf("%s: %+v", what, a.List())
		}
	}
}

// TestJoin: one that is the pair's already stands there once; the other host's can't flood this one's.
func TestJoin(t *testing.T) {
	lost := bus.Alarm{ID: UpdatesLost, Severity: bus.Critical, Host: "b", Acknowledge: true}
	own := bus.Alarm{ID: NoWitness, Severity: bus.Warning, Host: "a"}
	again := lost
	again.Host = "a"
	list := Join([]bus.Alarm{lost}, []bus.Alarm{own, again}, slices.Repeat([]bus.Alarm{{ID: TwoActives, Severity: bus.Critical, Host: "b"}}, 100))
	if len(list) != 2+fromOther || list[0] != lost || list[1].ID != TwoActives || list[len(list)-1] != own {
		t.Errorf("%+v", list)
	}
}

// TestAlarmTable: each alarm says how bad it is and what to do, under an id of its own.
func TestAlarmTable(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range Table() {
		if seen[k.ID] || !bus.ValidName(k.ID) || len(k.Remedy) < 20 || k.Severity != bus.Critical && k.Severity != bus.Warning {
			t.Errorf("%+v", k)
		}
		seen[k.ID] = true
	}
}

// TestWatch_DoesNotFlap: a cause must last before it is an alarm, and be gone for a while before it is none.
func TestWatch_DoesNotFlap(t *testing.T) {
	var now time.Duration
	causes := map[string]string{}
	a := NewSet("a", 1)
	w := NewWatch(a, nil)
	at := func(after time.Duration, cause, want bool) {
		t.Helper()
		now += after
		clear(causes)
		if cause {
			causes[SlowDisk] = "slow"
		}
		w.look(now, causes)
		if a.IsRaised(SlowDisk) != want {
			t.Errorf("at %s, cause %v: raised %v", now, cause, !want)
		}
	}
	k := KindOf(SlowDisk)
	at(0, true, false)
	at(k.After-1, true, false)
	at(1, false, false) // just in time
	at(time.Second, true, false)
	at(k.After, true, true)
	at(time.Second, false, true)
	at(k.Calm-1, false, true)
	at(1, true, true) // it is back
	at(time.Second, false, true)
	at(k.Calm, false, false)
}

func anAlarm(id string) bus.Alarm {
	return bus.Alarm{ID: id, Severity: bus.Critical, Host: "a", Since: time.Date(2026, 3, 1, 2, 3, 4, 0, time.UTC), Text: "60 of\n100", Remedy: "do"}
}

func runHooks(t *testing.T, h *Hooks) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
}

// TestHooks_Command runs a real program: it gets the alarm both ways and no secret, and one that hangs is killed.
func TestHooks_Command(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("HOTPAIR_PAIR_SECRET", "0123456789abcdef")
	out, script := filepath.Join(dir, "out"), filepath.Join(dir, "hook")
	body := "#!/bin/sh\nif [ $ALARM_ID = hangs ]; then echo before; exec sleep 600; fi\n" +
		"cat > " + out + ".new; env >> " + out + ".new; mv " + out + ".new " + out + "; echo paged\n"
	if err := os.WriteFile(script, []byte(body), 0o700); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	h := NewHooks(config.Hooks{AlarmCommand: script, AlarmTimeout: time.Minute}, slog.New(slog.NewTextHandler(&log, nil)))
	impatient := NewHooks(config.Hooks{AlarmCommand: script, AlarmTimeout: 200 * time.Millisecond}, slog.New(slog.DiscardHandler))
	runHooks(t, impatient)
	impatient.Tell(anAlarm("hangs"), bus.AlarmRaised)
	processtest.Await(t, "the command that hangs was killed", func() bool { return impatient.States()[0].Failed == 1 })
	if s := impatient.States()[0]; s.Problem != "killed after 200ms" {
		t.Errorf("a command that hangs: %+v", s)
	}
	runHooks(t, h)
	h.Tell(anAlarm("updates-lost"), bus.AlarmRaised)
	processtest.Await(t, "the command was told", func() bool { return h.States()[0].Told == 1 })
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	var got hookCall
	if err := json.NewDecoder(strings.NewReader(string(text))).Decode(&got); err != nil || got.ID != "updates-lost" || got.State != bus.AlarmRaised || got.Text != "60 of\n100" {
		t.Errorf("%+v, %v", got, err)
	}
	for _, want := range []string{"ALARM_ID=updates-lost\n", "ALARM_STATE=raised\n", "ALARM_SEVERITY=critical\n", "ALARM_SINCE=2026-03-01T02:03:04Z\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "0123456789abcdef") || !strings.Contains(log.String(), "paged") {
		t.Errorf("environment or log is not right:\n%s\n%s", text, log.String())
	}
}

// TestHooks_WebhookIsTriedAgain: a server that is not there, then refuses, then takes it.
func TestHooks_WebhookIsTriedAgain(t *testing.T) {
	var tries atomic.Int64
	got := make(chan hookCall, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var c hookCall
		if err := json.Unmarshal(body, &c); err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %v: %s", r.Method, r.Header, body)
		}
		if tries.Add(1) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		got <- c
	}))
	defer server.Close()
	post := newWebhook(server.URL + "/secret-path")
	post.pause = time.Millisecond
	h := &Hooks{hooks: []*hook{newHook("webhook", slog.New(slog.DiscardHandler), post.call)}}
	runHooks(t, h)
	h.Tell(anAlarm("one"), bus.AlarmRaised)
	h.Tell(anAlarm("one"), bus.AlarmCleared)
	for _, want := range []string{bus.AlarmRaised, bus.AlarmCleared} {
		select {
		case c := <-got:
			if c.State != want {
				t.Errorf("%+v came, %s was expected", c, want)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("nothing comes")
		}
	}
	server.Close()
	post.giveUp = 50 * time.Millisecond
	if err := post.call(t.Context(), hookCall{}); err == nil || strings.Contains(err.Error(), "secret-path") {
		t.Errorf("nobody there: %v", err)
	}
}

// TestHooks_NeverBlock: who raises alarms does not wait for a hook that hangs; the newest are kept, the others counted.
func TestHooks_NeverBlock(t *testing.T) {
	release := make(chan struct{})
	var last atomic.Pointer[string]
	k := newHook("command", slog.New(slog.DiscardHandler), func(ctx context.Context, c hookCall) error {
		last.Store(&c.ID)
		select {
		case <-release:
		case <-ctx.Done():
		}
		return nil
	})
	h := &Hooks{hooks: []*hook{k}}
	runHooks(t, h)
	for n := range 3 * hookQueue {
		h.Tell(anAlarm(fmt.Sprint("n", n)), bus.AlarmRaised)
	}
	if s := h.States()[0]; s.Waiting != hookQueue || s.Dropped < uint64(2*hookQueue-1) {
		t.Errorf("%+v", s)
	}
	close(release)
	processtest.Await(t, "the rest is told", func() bool { s := h.States()[0]; return s.Waiting == 0 && s.Told >= hookQueue })
	if *last.Load() != fmt.Sprint("n", 3*hookQueue-1) {
		t.Errorf("the last one told is %s", *last.Load())
	}
}
