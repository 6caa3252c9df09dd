package updater

import (
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
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
	state := fakeState{answers: map[history.RequestID]history.Answer{requestID(known): {Body: []byte(`{}`)}}}
	d := newDraft(7, history.Mark{Position: position.Position{Epoch: 7, Sequence: 100}}, now.UnixNano())
	d.latest = now.Add(ahead).UnixNano()
	for i, s := range []step{
		{bus.Commit{ID: id(-time.Hour), Operations: []bus.Operation{put("a", "1")}}, "+101 held"},
		{bus.Commit{ID: id(ahead), Operations: []bus.Operation{put("a", "1")}}, "+102 held"},
		{bus.Commit{ID: id(ahead + time.Nanosecond), Operations: []bus.Operation{put("a", "1")}}, "400"},
		{bus.Commit{ID: id(1000 * time.Hour), Record: true, Answer: bus.Answer{Code: bus.CodeConflict}}, "400"},
		{bus.Commit{ID: known, Operations: []bus.Operation{put("a", "1")}}, "recorded 6/50"},
		{bus.Commit{ID: counter(9), Operations: []bus.Operation{put("a", "1")}}, "+103 held"},
	} {
		call, refused := newCommitCall("kv", &s.commit, nil)
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

// TestPairTime_LatestFollowsTheLaterClock: ids of now are taken after both hosts were down, which pair time does not
// see, and on a host whose own clock is behind.
func TestPairTime_LatestFollowsTheLaterClock(t *testing.T) {
	noon := time.Date(2026, 5, 6, 12, 0, 0, 0, time.UTC)
	for what, c := range map[string]struct{ pair, wall, want time.Time }{
		"both hosts were down over night": {noon.Add(-12 * time.Hour), noon, noon.Add(ahead)},
		"this host's clock is behind":     {noon, time.Unix(0, 0), noon.Add(ahead)},
	} {
		p := &pairTime{clock: func() time.Duration { return time.Hour }, wall: func() time.Time { return c.wall }}
		p.observe(c.pair.UnixNano())
		if got := time.Unix(0, p.latest()).UTC(); !got.Equal(c.want) {
			t.Errorf("%s: up to %v, want %v", what, got, c.want)
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
		return receive(t, "an answer", a.begin(bus.Commit{Epoch: 1, ID: id, Operations: []bus.Operation{put("k", "v")}})).Code
	}
	if code := send(2 * ahead); code != bus.CodeMalformed {
		t.Errorf("an id of the future: %d", code)
	}
	if code := send(ahead / 2); code != bus.CodeOK {
		t.Errorf("an id a little ahead: %d", code)
	}
}
