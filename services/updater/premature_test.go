package updater

import (
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/updater/pairtime"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

// TestDraft_IdsOfTheFutureAreRefused: an id may be a little ahead, not more; one that is recorded is repeated whatever
// its time, because another host, with another clock, may have taken it (R7).
func TestDraft_IdsOfTheFutureAreRefused(t *testing.T) {
	now := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	id := func(after time.Duration) bus.RequestID {
		return bus.RequestID{Terminal: "t1", App: now.Add(after).Format(time.RFC3339Nano) + "/x"}
	}
	known := id(time.Hour)
	state := fakeState{answers: map[history.RequestID]history.Answer{requestID(known): {Body: []byte(`{}`), Request: bytesOf(digestOf(""))}}}
	d := newDraft(7, history.Mark{Position: position.Position{Epoch: 7, Sequence: 100}}, now.UnixNano())
	d.latest = now.Add(pairtime.Slack).UnixNano()
	for i, s := range []step{
		{request{ID: id(-time.Hour), Operations: []bus.Operation{put("a", "1")}}, "+101 held"},
		{request{ID: id(pairtime.Slack), Operations: []bus.Operation{put("a", "1")}}, "+102 held"},
		{request{ID: id(pairtime.Slack + time.Nanosecond), Operations: []bus.Operation{put("a", "1")}}, "400"},
		{request{ID: id(1000 * time.Hour), Record: true, Answer: bus.Answer{Code: bus.CodeConflict}}, "400"},
		{request{ID: known, Operations: []bus.Operation{put("a", "1")}}, "recorded 6/50"},
		{request{ID: counter(9), Operations: []bus.Operation{put("a", "1")}}, "+103 held"},
	} {
		call, refused := s.commit.call()
		if refused != nil {
			t.Fatalf("step %d refused at admission: %+v", i, refused)
		}
		v := d.add(state, call)
		if got := describe(v); got != s.want {
			t.Errorf("step %d: got %q, want %q", i, got, s.want)
		}
		if v.reply.Code == bus.CodeMalformed && !strings.Contains(v.reply.Message, "2026-05-06T07:13:09Z") {
			t.Errorf("step %d: the refusal does not say up to when: %s", i, v.reply.Message)
		}
	}
}

// TestProcess_IdsOfTheFutureAreRefused: the term asks by its own clocks.
func TestProcess_IdsOfTheFutureAreRefused(t *testing.T) {
	a, _ := newHosts(t)
	a.start()
	a.lead(1, false)
	send := func(after time.Duration) int {
		id := bus.RequestID{Terminal: "t", App: time.Now().UTC().Add(after).Format(time.RFC3339Nano) + "/x"}
		return receive(t, "an answer", a.begin(request{Epoch: 1, ID: id, Operations: []bus.Operation{put("k", "v")}})).Code
	}
	if code := send(2 * pairtime.Slack); code != bus.CodeMalformed {
		t.Errorf("an id of the future: %d", code)
	}
	if code := send(pairtime.Slack / 2); code != bus.CodeOK {
		t.Errorf("an id a little ahead: %d", code)
	}
}
