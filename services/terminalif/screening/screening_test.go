package screening

import (
	"testing"

	"github.com/hotpair/hotpair/bus"
)

func TestSeries(t *testing.T) {
	q := bus.Request{ID: bus.RequestID{Counter: 7}, Service: "kv", Operation: "put", Body: []byte("{}")}
	if s := Series("t1", &q); s != "t1" || bus.IsQueueSeries(s) {
		t.Errorf("%q", s)
	}
	q.Queued = true
	if s := Series("t1", &q); bus.ValidName(s) || !bus.IsQueueSeries(s) || bus.TerminalOf(s) != "t1" || Check(&q) != "" {
		t.Errorf("%q", s)
	}
	if q.ID = (bus.RequestID{App: "2026-01-02T03:04:05Z/x"}); Check(&q) == "" {
		t.Error("an id of an application is not one of a queue")
	}
}

// FuzzCheck: a request of a terminal is refused with a sentence, or can go to a service.
func FuzzCheck(f *testing.F) {
	f.Add("kv", "put", `{}`, "2026-01-02T03:04:05Z/x", uint64(0), uint64(9), -1, int64(-1))
	f.Add(">", "", `{"a":1,"a":2}`, "", uint64(7), ^uint64(0), 1<<40, int64(1)<<62)
	f.Fuzz(func(t *testing.T, service, operation, body, app string, counter, oldest uint64, attempt int, remaining int64) {
		q := bus.Request{ID: bus.RequestID{App: app, Counter: counter}, Oldest: oldest, Attempt: attempt, Service: service, Operation: operation,
			Body: []byte(body), Remaining: remaining}
		if Check(&q) != "" {
			return
		}
		if (q.ID.App == "") == (q.ID.Counter == 0) || q.Oldest > q.ID.Counter || q.Attempt < 1 || q.Remaining < 1 || q.Remaining > int64(Longest) || !bus.ValidName(q.Service) {
			t.Errorf("taken: %+v", q)
		}
	})
}
