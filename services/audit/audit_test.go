package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/alarms"
	"github.com/hotpair/hotpair/services/events"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/role"
	"github.com/hotpair/hotpair/storage/position"
)

// auditPair is an auditor with a terminal-if and an updater that a test plays: pages of receipts, and what is looked up.
type auditPair struct {
	*Auditor
	events *events.Memory
	log    bytes.Buffer

	mu      sync.Mutex
	pages   []bus.CollectedReceipts
	lookups []int // receipts of each
	refuse  int   // so many look-ups are refused
	missing map[string]bool
	asked   chan bool // a page was asked for
	counted int       // outcomes
}

func newAuditPair(t *testing.T, pages ...bus.CollectedReceipts) *auditPair {
	t.Helper()
	p := &auditPair{pages: pages, events: events.NewMemory("a", 1), missing: map[string]bool{}, asked: make(chan bool, 64)}
	log := slog.New(slog.NewTextHandler(&p.log, nil))
	set := alarms.NewSet("a", 1, alarms.Announce(p.events, log))
	p.Auditor = New(Config{Pair: p, Events: p.events, Alarms: set, Counts: p, Log: log})
	return p
}

func (p *auditPair) Audited(*operator.Audit) { p.counted++ }

func (p *auditPair) Collect(_ context.Context, q bus.CollectReceipts) (bus.CollectedReceipts, error) {
	if q.Epoch != 7 || q.Terminals != terminals {
		return bus.CollectedReceipts{}, errors.New("a wrong order")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked <- true
	page := p.pages[q.From]
	if page.Next = q.From + 1; page.Next == len(p.pages) {
		page.Next = 0
	}
	return page, nil
}

func (p *auditPair) LookUp(_ context.Context, q bus.AuditReceipts) (bus.AuditedReceipts, error) {
	if q.Epoch != 7 {
		return bus.AuditedReceipts{}, errors.New("a wrong order")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse > 0 {
		p.refuse--
		return bus.AuditedReceipts{}, errors.New("epoch 7 is not served")
	}
	p.lookups = append(p.lookups, len(q.Receipts))
	var a bus.AuditedReceipts
	for _, r := range q.Receipts {
		if p.missing[r.Terminal] {
			a.Missing++
			a.Examples = append(a.Examples, r)
		} else {
			a.Present++
		}
	}
	return a, nil
}

// lookAll is a first audit of epoch 7.
func (p *auditPair) lookAll(ctx context.Context) (*operator.Audit, error) {
	outcome := &operator.Audit{Epoch: 7}
	err := p.look(ctx, outcome, false)
	return outcome, err
}

func receiptsOf(terminal string, n int) (list []bus.AuditReceipt) {
	for i := range n {
		list = append(list, bus.AuditReceipt{Terminal: terminal, Counter: uint64(i + 1), Position: position.Position{Epoch: 6, Sequence: uint64(i + 1)}})
	}
	return list
}

// TestAudit_SumsUpAndTellsEverywhere: pages are summed up; what is missing is an alarm that stays, whatever is found
// later, an error in the log, and an event.
func TestAudit_SumsUpAndTellsEverywhere(t *testing.T) {
	p := newAuditPair(t,
		bus.CollectedReceipts{Asked: 8, Receipts: receiptsOf("t1", 100), Foreign: 2},
		bus.CollectedReceipts{Asked: 8, Silent: 8},
		bus.CollectedReceipts{Asked: 1, Receipts: receiptsOf("t2", 20), Felt: 9, GapWorst: 41 * time.Millisecond, GapMedian: 12 * time.Millisecond},
	)
	p.missing["t2"] = true
	outcome, err := p.lookAll(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if o := outcome; o.Checked != 120 || o.Missing != 20 || o.Foreign != 2 || o.Terminals != 17 || o.Silent != 8 || o.GapWorstMS != 41 ||
		o.GapMedianMS != 12 || o.Felt != 9 || len(o.Examples) != mostExamples || o.Examples[0] != "t2/1 at 6/1" || o.Time.IsZero() {
		t.Errorf("outcome %+v", o)
	}
	p.audited(outcome)
	p.missing["t2"] = false
	clean, err := p.lookAll(t.Context())
	if err != nil || clean.Missing != 0 {
		t.Fatalf("%v %+v", err, clean)
	}
	p.audited(clean)
	if p.counted != 2 {
		t.Errorf("%d outcomes were counted", p.counted)
	}
	if p.Shown() != outcome {
		t.Errorf("a later audit hides the loss: %+v", p.Shown())
	}
	if alarm := p.alarm(); !strings.HasPrefix(alarm, "LOST: 20 of 120 ") {
		t.Errorf("alarm %q", alarm)
	}
	if e := p.events.Last(3); len(e) != 3 || e[1].Alarm == nil || e[1].Alarm.ID != alarms.UpdatesLost || !e[1].Alarm.Acknowledge || e[0].Kind != bus.EventAudit ||
		e[0].Details[detailMissing] != "20" || e[0].Details[detailGap] != "41" || e[0].Step != string(role.B9) || e[0].Epoch != 7 || !strings.Contains(e[0].Text, "20 of 120 acknowledged updates missing") {
		t.Errorf("events %+v", e)
	}
	if !strings.Contains(p.log.String(), "level=ERROR") || !strings.Contains(p.log.String(), "missing=20") {
		t.Errorf("log %s", p.log.String())
	}
}

// TestAudit_ForeignReceiptsRaiseNothing: whatever a terminal shows that is not the pair's, it is a number.
func TestAudit_ForeignReceiptsRaiseNothing(t *testing.T) {
	p := newAuditPair(t, bus.CollectedReceipts{Asked: 1, Foreign: 256})
	outcome, err := p.lookAll(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p.audited(outcome)
	if p.alarm() != "" || p.Unfinished() != "" || p.Shown().Foreign != 256 || strings.Contains(p.log.String(), "ERROR") || len(p.lookups) != 0 {
		t.Errorf("%+v, alarm %q, log %s", outcome, p.alarm(), p.log.String())
	}
}

// TestAudit_GoesOnAfterARestart: an updater that was restarted within the term is asked again.
func TestAudit_GoesOnAfterARestart(t *testing.T) {
	p := newAuditPair(t, bus.CollectedReceipts{Asked: 1, Receipts: receiptsOf("t1", 5)})
	p.refuse = 1
	if outcome, err := p.lookAll(t.Context()); err != nil || outcome.Checked != 5 {
		t.Errorf("%v %+v", err, outcome)
	}
}

// TestAudit_EndsWithTheTerm: an audit that runs ends at the next change, and so does one that is replaced.
func TestAudit_EndsWithTheTerm(t *testing.T) {
	var pages []bus.CollectedReceipts
	for n := range 50 {
		pages = append(pages, bus.CollectedReceipts{Asked: 1, Receipts: receiptsOf(fmt.Sprint("t", n), 1)})
	}
	p := newAuditPair(t, pages...)
	term, endTerm := context.WithCancel(t.Context())
	defer endTerm()
	for _, c := range []struct {
		what string
		end  func()
	}{
		{"another attach", func() { p.begin(t.Context()) }},
		{"the term is over", endTerm},
	} {
		what, end := c.what, c.end
		ctx := p.begin(term)
		ended := make(chan error, 1)
		go func() {
			_, err := p.lookAll(ctx)
			ended <- err
		}()
		<-p.asked
		end()
		select {
		case err := <-ended:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", what, err)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: the audit goes on", what)
		}
	}
	if p.Shown() != nil {
		t.Errorf("an audit that was cut short is shown: %+v", p.Shown())
	}
}

// TestAudit_LooksAtThoseWhoAttachLater: terminals that attach when the audit of their term is through are audited too. What they
// show adds to its outcome; what they miss is an alarm, though the audit had found nothing.
func TestAudit_LooksAtThoseWhoAttachLater(t *testing.T) {
	p := newAuditPair(t, bus.CollectedReceipts{Asked: 1, Receipts: receiptsOf("t1", 100)})
	term, end := context.WithCancel(t.Context())
	defer end()
	late := func() {
		if work, any := p.BeginLate(term, 7); any {
			work()
		}
	}
	late()
	if p.Shown() != nil {
		t.Fatal("the audit of the attach itself was not waited for")
	}
	p.Begin(term, 7)()
	p.pages = []bus.CollectedReceipts{{Asked: 1, Receipts: receiptsOf("t2", 20)}}
	late()
	if o := p.Shown(); o == nil || o.Checked != 120 || o.Terminals != 2 || o.Missing != 0 {
		t.Fatalf("after the late one: %+v", o)
	}
	p.pages = []bus.CollectedReceipts{{Asked: 1, Receipts: receiptsOf("t3", 5)}}
	p.missing["t3"] = true
	late()
	if o := p.Shown(); o.Checked != 125 || o.Missing != 5 || !strings.Contains(p.log.String(), "missing=5") {
		t.Errorf("after one that misses some: %+v", o)
	}
}
