package events

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotpair/hotpair/bus"
)

func nothing(context.Context, []bus.Event) (uint64, error) { return 0, ErrNobodyRecords }

type sender func(context.Context, []bus.Event) (uint64, error)

func (s sender) Record(ctx context.Context, batch []bus.Event) (uint64, error) { return s(ctx, batch) }

// folding runs a recorder whose events stay where they are.
func folding(t *testing.T) *Memory {
	t.Helper()
	m := NewMemory("b", 1)
	r := NewRecorder(m, t.TempDir(), sender(nothing), slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	synctest.Wait()
	return m
}

// TestFault_D3_TheSameEventIsToldOnceForMany: a standby that could not take over told so eight times a second, and the pair's log had
// nothing else after twenty minutes.
func TestFault_D3_TheSameEventIsToldOnceForMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := folding(t)
		told := 0
		for range 8 * 3600 {
			for _, text := range []string{"taking over as epoch 2: a is silent", "not taking over: the witness could not be reached"} {
				if _, now := m.Add(bus.Event{Kind: bus.EventRole, Epoch: 1, Text: text}, false); now {
					told++
				}
			}
			time.Sleep(125 * time.Millisecond)
		}
		if all := m.known(); told != 2*foldAfter || len(all) > 2*(foldAfter+8) {
			t.Errorf("%d of %d events were told at once, the log has %d", told, 2*8*3600, len(all))
		}
		m.Add(bus.Event{Kind: bus.EventRole, Epoch: 2, Text: "taking over as epoch 3: a is silent"}, false)
		if last := m.Last(1)[0]; last.Epoch != 2 || strings.Contains(last.Text, "times") {
			t.Errorf("what is new: %q", last.Text)
		}
		time.Sleep(foldMost)
		sum, all := 0, m.known()
		for _, e := range all {
			var n int
			if i := strings.Index(e.Text, "could not be reached ("); i > 0 {
				if _, err := fmt.Sscanf(e.Text[i+len("could not be reached ("):], "%d times since", &n); err != nil {
					t.Errorf("%q: %v", e.Text, err)
				}
				sum += n
			}
		}
		if sum+foldAfter != 8*3600 {
			t.Errorf("the log speaks of %d, there were %d", sum+foldAfter, 8*3600)
		}
		if e := all[foldAfter*2]; !strings.Contains(e.Text, "(4") || !strings.HasSuffix(e.Text, " UTC)") {
			t.Errorf("the first that stands for many: %q", e.Text)
		}
		// After a while it is news again.
		time.Sleep(foldMost + foldQuiet)
		if _, now := m.Add(bus.Event{Kind: bus.EventRole, Epoch: 1, Text: "taking over as epoch 2: a is silent"}, false); !now {
			t.Error("an old event is held back")
		}
	})
}

// TestFault_D3_EachKindHasABound: events that differ in their words, as refused calls do by who called, had no bound at all.
func TestFault_D3_EachKindHasABound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := folding(t)
		const calls = 20_000
		for n := range calls {
			m.Note(bus.Event{Kind: bus.EventOperator, Text: fmt.Sprintf("switchover refused for 10.0.0.9:%d", n)})
			time.Sleep(10 * time.Millisecond)
		}
		a := allowanceOf(bus.EventOperator)
		if got, most := len(m.known()), a.burst+int(calls*10*time.Millisecond/a.each)+10; got > most {
			t.Errorf("%d events of %d calls, at most %d are allowed", got, calls, most)
		}
		if n := len(m.folds.told); n > foldKeys {
			t.Errorf("%d different events are remembered", n)
		}
		m.Note(bus.Event{Kind: bus.EventRole, Text: "another kind"})
		if m.Last(1)[0].Text != "another kind" {
			t.Error("another kind is held back, too")
		}
		time.Sleep(foldMost)
		found := false
		for _, e := range m.known() {
			found = found || strings.Contains(e.Text, "more events of kind operator since")
		}
		if !found {
			t.Error("nothing is said of what was left out")
		}
	})
}

// TestFault_D3_WhatThePairMustKnowIsNeverFolded: audits and alarms that an operator acknowledges are kept by their events.
func TestFault_D3_WhatThePairMustKnowIsNeverFolded(t *testing.T) {
	m := NewMemory("b", 1)
	const each = 700
	for range each {
		m.Note(bus.Event{Kind: bus.EventAudit, Text: "audit"})
		m.Note(bus.Event{Kind: bus.EventAlarm, Text: "x", Alarm: &bus.Alarm{ID: "updates-lost", Acknowledge: true}, State: bus.AlarmRaised})
		m.Note(bus.Event{Kind: bus.EventAlarm, Text: "x", Alarm: &bus.Alarm{ID: "y"}, State: bus.AlarmAcknowledged})
		m.Note(bus.Event{Kind: bus.EventAlarm, Text: "z", Alarm: &bus.Alarm{ID: "z"}, State: bus.AlarmRaised})
	}
	if n := len(m.known()); n != 3*each+foldAfter {
		t.Errorf("%d events", n)
	}
}

// TestFault_D3_WhatIsFoldedIsToldAtTheEnd: main stops, and the next one finds it in the spool.
func TestFault_D3_WhatIsFoldedIsToldAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, dir := NewMemory("b", 1), t.TempDir()
		r := NewRecorder(m, dir, sender(nothing), slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.Run(ctx) }()
		for range foldAfter + 3 {
			m.Note(bus.Event{Kind: bus.EventPair, Text: "again"})
		}
		synctest.Wait()
		cancel()
		<-ended
		s, left, _, err := openSpool(dir, "b")
		if err != nil {
			t.Fatal(err)
		}
		defer s.close()
		if len(left) != foldAfter+1 || !strings.Contains(left[len(left)-1].Text, "again (3 times since") {
			t.Errorf("%d events: %+v", len(left), left)
		}
	})
}

// TestFault_A13_EventsWithoutALogAreBounded: no test had come to the bound of events that can't reach the log. The oldest go, and are counted.
func TestFault_A13_EventsWithoutALogAreBounded(t *testing.T) {
	m := NewMemory("a", 1)
	const over = 100
	for i := range pendingEvents + over {
		m.mu.Lock()
		m.keep(bus.Event{Text: fmt.Sprint("event ", i)})
		m.mu.Unlock()
	}
	batch, dropped := m.waiting(2 * pendingEvents)
	if len(batch) != pendingEvents || dropped != over || batch[0].Text != fmt.Sprint("event ", over) {
		t.Errorf("%d wait from %q on, %d are counted as dropped", len(batch), batch[0].Text, dropped)
	}
}
