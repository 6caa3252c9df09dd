package updater

import (
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/updater/draft/drafttest"
	"github.com/hotpair/hotpair/storage/position"
)

// TestSteps_A1toA7 holds each step of a request that happens in the updater against a real pair of them, in
// the order in which they follow each other. A1, that a terminal's request reaches the active, is held by
// TestInterface_CarriesARequestFromAStockClientToAServiceAndBack of package terminalif.
func TestSteps_A1toA7(t *testing.T) {
	a, b := newHosts(t)
	a.start()
	b.start()
	a.lead(1, false)
	a.pairUp(1)
	var last position.Position // of the last update
	var waiting <-chan bus.DatabaseReply
	for _, step := range []struct {
		name  string
		quote string
		holds func(t *testing.T)
	}{
		{"A2", "does it change the database? If not, answer", func(t *testing.T) {
			before := a.await("the state", func(s bus.UpdaterState) bool { return s.FramesInFlight == 0 }).Position
			if got := a.get("x"); got == "" {
				t.Error("a read is not answered")
			}
			if r := a.call(bus.DatabaseCall{Commit: &bus.Commit{Epoch: 1}}); r.Code != bus.CodeOK {
				t.Errorf("a commit that changes nothing: %+v", r)
			}
			if after := a.await("the state", func(bus.UpdaterState) bool { return true }).Position; after != before {
				t.Errorf("what changes nothing is in the history: %v, before %v", after, before)
			}
		}},
		{"A3", "update the active's database", func(t *testing.T) {
			last = a.put(1, "x", "1").Position
			if got := a.get("x"); got != "1@"+sequence(last) {
				t.Errorf("read back: %s", got)
			}
		}},
		{"A4", "tell the standby's updater", func(t *testing.T) {
			b.await("the update", func(s bus.UpdaterState) bool { return s.Position == last })
		}},
		{"A5", "told: record the update in the history as notified", func(t *testing.T) {
			a.await("notified", func(s bus.UpdaterState) bool { return s.Notified == last })
			page := ordered(a, bus.CallHistory, bus.HistoryRequest{Limit: 1})
			if len(page.Updates) != 1 || page.Updates[0].Position != last || !page.Updates[0].Notified {
				t.Errorf("history: %+v", page)
			}
		}},
		{"A6", "could not be told: take the standby to be down", func(t *testing.T) {
			b.stop()
			waiting = a.begin(request{Epoch: 1, Operations: []bus.Operation{drafttest.Put("x", "2")}})
			a.await("the frame waits, and says for how long", func(s bus.UpdaterState) bool {
				return s.FramesInFlight == 1 && s.OldestFrame > 20*time.Millisecond && !s.OwnStuck
			})
			quiet(t, "an answer before anybody decided that the standby is down", waiting)
		}},
		{"A7", "record the update in the history as not notified", func(t *testing.T) {
			ordered(a, bus.CallRequire, bus.Require{Epoch: 1})
			r := receive(t, "the answer", waiting)
			if r.Code != bus.CodeOK {
				t.Fatalf("the answer: %+v", r)
			}
			page := ordered(a, bus.CallHistory, bus.HistoryRequest{Limit: 1})
			if len(page.Updates) != 1 || page.Updates[0].Position != r.Position || page.Updates[0].Notified {
				t.Errorf("history: %+v", page)
			}
			last = r.Position
		}},
		{"after A7", "the updates marked not notified are handed over to a standby that comes back", func(t *testing.T) {
			b.start()
			b.await("the update", func(s bus.UpdaterState) bool { return s.Position == last })
			a.await("notified", func(s bus.UpdaterState) bool { return s.Notified == last })
		}},
	} {
		if !t.Run(step.name+" "+step.quote, step.holds) {
			return // each step stands on the one before
		}
	}
}

func sequence(p position.Position) string {
	text := p.String()
	for i := range text {
		if text[i] == '/' {
			return text[i+1:]
		}
	}
	return text
}
