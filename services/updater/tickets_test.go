package updater

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/ticket"
	"github.com/hotpair/hotpair/services/updater/draft/drafttest"
)

// TestFault_A8_AServiceSpeaksForItselfOnly: a service could commit under any id of any terminal. So it recorded an answer for
// another service's request, read another's answer, and with a floor of 2^64-1 had every request of a terminal refused.
func TestFault_A8_AServiceSpeaksForItselfOnly(t *testing.T) {
	a, _ := newHosts(t)
	a.start()
	a.lead(1, false)
	desk := ticket.NewDesk(testKey)
	honest := request{ID: drafttest.Counter(5), Oldest: 4, Body: "one", Epoch: 1, Operations: []bus.Operation{drafttest.Put("x", "1")}, Answer: bus.Answer{Body: []byte(`{"a":1}`)}}
	if r := receive(t, "the answer", a.begin(honest)); r.Code != bus.CodeOK || r.Position.IsZero() {
		t.Fatalf("%+v", r)
	}
	theirs := honest.Asked()
	theirs.Service, theirs.ID.Counter = "ledger", 6
	ahead := honest.Asked()
	ahead.ID.Counter, ahead.Floor = 7, math.MaxUint64
	later := honest.Asked()
	later.ID.Counter, later.Epoch = 8, 2
	for what, c := range map[string]struct {
		ticket string
		code   int
	}{
		"one made up":                     {"AAAA" + desk.Issue(honest.Asked())[4:], bus.CodeForbidden},
		"one of another service":          {desk.Issue(theirs), bus.CodeForbidden},
		"one with another key":            {ticket.NewDesk(ticket.NewKey()).Issue(honest.Asked()), bus.CodeForbidden},
		"a floor above the request's own": {desk.Issue(ahead), bus.CodeMalformed},
		"one of another term":             {desk.Issue(later), bus.CodeNobody},
	} {
		call := bus.Commit{Ticket: c.ticket, Epoch: 1, Operations: []bus.Operation{drafttest.Put("stolen", "1")}, Record: true}
		if r := a.call(bus.DatabaseCall{Commit: &call}); r.Code != c.code || r.Recorded != nil || r.Message == "" || r.Proof != "" {
			t.Errorf("commit with %s: %+v, want %d", what, r, c.code)
		}
		if c.code == bus.CodeMalformed {
			continue // a read says nothing of floors
		}
		for _, q := range []bus.DatabaseCall{{Read: &bus.Read{Ticket: c.ticket}}, {Scan: &bus.Scan{Ticket: c.ticket}}} {
			if r := a.call(q); r.Code != c.code || r.Recorded != nil || len(r.Items) > 0 {
				t.Errorf("read with %s: %+v, want %d", what, r, c.code)
			}
		}
	}
	if got := a.get("stolen"); got != "@0" {
		t.Errorf("it was written: %s", got)
	}
	// Nobody was locked out.
	next := honest
	next.ID, next.Body = drafttest.Counter(6), "two"
	if r := receive(t, "the answer", a.begin(next)); r.Code != bus.CodeOK || r.Position.IsZero() {
		t.Errorf("the terminal's next request: %+v", r)
	}
	// What belongs to no request records nothing.
	if r := receive(t, "the answer", a.begin(request{Epoch: 1, Record: true})); r.Code != bus.CodeMalformed {
		t.Errorf("recorded under no id: %+v", r)
	}
}

// TestFault_A9_AnIDNamesOneRequest: another request under a used id got the answer of the first, as if it had been done.
func TestFault_A9_AnIDNamesOneRequest(t *testing.T) {
	a, b := newHosts(t)
	a.start()
	b.start()
	a.lead(1, false)
	reused := uint64(0)
	for _, id := range []bus.RequestID{{Terminal: "t1", App: a.appID()}, drafttest.Counter(7), {Terminal: bus.QueueSeries("t1"), Counter: 7}} {
		first := request{ID: id, Body: "put", Epoch: 1, Operations: []bus.Operation{drafttest.Put("x", "1")}, Answer: bus.Answer{Body: []byte(`{"revision":6}`)}}
		done := receive(t, "the answer", a.begin(first))
		if done.Code != bus.CodeOK || done.Proof == "" {
			t.Fatalf("%+v", done)
		}
		other := request{ID: id, Body: "open", Epoch: 1, Operations: []bus.Operation{drafttest.Put("account", "1")}}
		refused := func(r bus.DatabaseReply) {
			t.Helper()
			if c := r.Recorded; c == nil || c.Code != bus.CodeConflict || c.Message == "" || c.Body != nil || !c.Position.IsZero() || c.Proof != "" {
				t.Errorf("another request under the id: %+v", r.Recorded)
			} else if said := strings.Contains(c.Message, "number reused"); said != (id.Counter != 0) {
				t.Errorf("%v: %s", id, c.Message)
			}
		}
		refused(receive(t, "the answer", a.begin(other)))
		text := ticket.NewDesk(testKey).Issue(other.Asked())
		refused(a.call(bus.DatabaseCall{Read: &bus.Read{Ticket: text}}))
		refused(a.call(bus.DatabaseCall{Scan: &bus.Scan{Ticket: text}}))
		if got := a.get("account"); got != "@0" {
			t.Errorf("it was done: %s", got)
		}
		again := receive(t, "the answer", a.begin(first))
		if again.Recorded == nil || string(again.Recorded.Body) != `{"revision":6}` || again.Recorded.Proof != done.Proof {
			t.Errorf("the request itself again: %+v", again.Recorded)
		}
		if id.Counter != 0 {
			reused += 3
		}
		a.await("that is counted", func(s bus.UpdaterState) bool {
			return s.Reused.Count == reused && (reused == 0 || s.Reused.Terminal == "t1" && time.Since(s.Reused.At) < time.Minute)
		})
	}
}

// TestFault_C8_OnlyUpdatesAreProved: the position at which a request was read is none that a receipt may be signed for.
func TestFault_C8_OnlyUpdatesAreProved(t *testing.T) {
	a, _ := newHosts(t)
	a.start()
	a.lead(1, false)
	a.put(1, "x", "1")
	desk := ticket.NewDesk(testKey)
	asked := request{ID: drafttest.Counter(1), Epoch: 1}.Asked()
	text := desk.Issue(asked)
	for _, q := range []bus.DatabaseCall{
		{Read: &bus.Read{Ticket: text, Keys: [][]byte{[]byte("x")}}}, {Scan: &bus.Scan{Ticket: text}},
		{Commit: &bus.Commit{Ticket: text, Conditions: []bus.Condition{drafttest.Present("x")}}},
	} {
		if r := a.call(q); r.Code != bus.CodeOK || r.Proof != "" {
			t.Errorf("%+v", r)
		}
	}
	r := a.call(bus.DatabaseCall{Commit: &bus.Commit{Ticket: text, Operations: []bus.Operation{drafttest.Put("x", "2")}}})
	if at, err := desk.Position(asked, r.Proof); err != nil || at != r.Position {
		t.Errorf("%v, %v", at, err)
	}
}
