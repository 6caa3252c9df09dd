package draft_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/updater/draft"
	"github.com/hotpair/hotpair/services/updater/draft/drafttest"
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
	state := fakeState{answers: map[history.RequestID]history.Answer{draft.RequestID(known): {Body: []byte(`{}`), Request: recordedDigest()}}}
	d := draft.New(7, history.Mark{Position: position.Position{Epoch: 7, Sequence: 100}}, now.UnixNano())
	d.Latest = now.Add(pairtime.Slack).UnixNano()
	for i, s := range []step{
		{drafttest.Request{ID: id(-time.Hour), Operations: []bus.Operation{drafttest.Put("a", "1")}}, "+101 held"},
		{drafttest.Request{ID: id(pairtime.Slack), Operations: []bus.Operation{drafttest.Put("a", "1")}}, "+102 held"},
		{drafttest.Request{ID: id(pairtime.Slack + time.Nanosecond), Operations: []bus.Operation{drafttest.Put("a", "1")}}, "400"},
		{drafttest.Request{ID: id(1000 * time.Hour), Record: true, Answer: bus.Answer{Code: bus.CodeConflict}}, "400"},
		{drafttest.Request{ID: known, Operations: []bus.Operation{drafttest.Put("a", "1")}}, "recorded 6/50"},
		{drafttest.Request{ID: drafttest.Counter(9), Operations: []bus.Operation{drafttest.Put("a", "1")}}, "+103 held"},
	} {
		call, refused := s.commit.Admitted()
		if refused != nil {
			t.Fatalf("step %d refused at admission: %+v", i, refused)
		}
		v := d.Add(state, call)
		if got := describe(v); got != s.want {
			t.Errorf("step %d: got %q, want %q", i, got, s.want)
		}
		if v.Reply.Code == bus.CodeMalformed && !strings.Contains(v.Reply.Message, "2026-05-06T07:13:09Z") {
			t.Errorf("step %d: the refusal does not say up to when: %s", i, v.Reply.Message)
		}
	}
}
