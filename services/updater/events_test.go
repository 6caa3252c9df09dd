package updater

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hotpair/hotpair/bus"
)

func happened(host string, incarnation, number uint64, text string) bus.Event {
	return bus.Event{Time: time.Date(2026, 3, 1, 2, 3, 4, 0, time.UTC).Add(time.Duration(number) * time.Minute), Host: host,
		Incarnation: incarnation, Number: number, Kind: bus.EventRole, Text: text}
}

// TestEvents_TheSameOnBothHosts: recorded once by the active, held by both, over a takeover and restarts; what nobody has
// acknowledged stays an alarm.
func TestEvents_TheSameOnBothHosts(t *testing.T) {
	a, b := newHosts(t)
	a.start()
	b.start()
	refused(b, bus.CallRecord, bus.RecordEvents{Events: []bus.Event{happened("b", 9, 1, "b")}})
	a.lead(1, false)
	a.pairUp(1)
	lost := happened("a", 5, 2, "updates are lost")
	lost.Kind, lost.State = bus.EventAlarm, bus.AlarmRaised
	lost.Alarm = &bus.Alarm{ID: "updates-lost", Severity: bus.Critical, Host: "a", Since: lost.Time, Text: "60 of 100", Acknowledge: true}
	record(t, a, 3, happened("a", 5, 1, "one"), lost, happened("b", 9, 1, "b"))
	record(t, a, 4, happened("a", 5, 1, "one"), lost, happened("a", 5, 3, "three"))
	before := ordered(a, bus.CallFacts, bus.FactsRequest{})
	record(t, a, 4, happened("a", 5, 3, "three"))
	if now := ordered(a, bus.CallFacts, bus.FactsRequest{}); now.Position != before.Position {
		t.Errorf("what is in the log made an update: %v, then %v", before.Position, now.Position)
	}
	again := lost
	again.Number, again.Time = 4, lost.Time.Add(time.Hour)
	again.Alarm = &bus.Alarm{ID: "updates-lost", Severity: bus.Critical, Host: "a", Since: again.Time, Text: "61 of 100", Acknowledge: true}
	record(t, a, 5, again)
	b.await("the log is here too", func(s bus.UpdaterState) bool {
		return len(ordered(b, bus.CallEvents, bus.EventsRequest{}).Events) == 5
	})
	page := ordered(a, bus.CallEvents, bus.EventsRequest{})
	if len(page.Alarms) != 1 || page.Alarms[0].Text != "61 of 100" || !page.Alarms[0].Since.Equal(lost.Time) {
		t.Errorf("alarms that wait: %+v", page.Alarms)
	}
	if diff := cmp.Diff(page, ordered(b, bus.CallEvents, bus.EventsRequest{})); diff != "" {
		t.Errorf("b's log is another:\n%s", diff)
	}

	a.stop()
	b.lead(2, false)
	// a's main sends what it did not hear the answer of, through b.
	record(t, b, 6, happened("a", 5, 3, "three"), happened("b", 9, 2, "took over"))
	b.stop()
	a.start()
	b.start()
	b.lead(3, false)
	b.pairUp(3)
	if got := ordered(b, bus.CallEvents, bus.EventsRequest{From: 6}); len(got.Events) != 1 || got.Events[0].Text != "took over" {
		t.Errorf("after restarts: %+v", got)
	}
	accepted := happened("b", 9, 3, "accepted")
	accepted.Kind, accepted.State, accepted.Alarm = bus.EventAlarm, bus.AlarmAcknowledged, &page.Alarms[0]
	record(t, b, 7, accepted)
	if page := ordered(b, bus.CallEvents, bus.EventsRequest{}); len(page.Alarms) != 0 {
		t.Errorf("an acknowledged alarm waits still: %+v", page.Alarms)
	}
	a.await("the same on a", func(bus.UpdaterState) bool {
		return cmp.Diff(ordered(b, bus.CallEvents, bus.EventsRequest{}), ordered(a, bus.CallEvents, bus.EventsRequest{})) == ""
	})
}

func record(t *testing.T, h *host, last uint64, events ...bus.Event) {
	t.Helper()
	if r := ordered(h, bus.CallRecord, bus.RecordEvents{Events: events}); r.Last != last {
		t.Fatalf("%s: recorded %+v, the log should end with %d", h.name, r, last)
	}
}
