package mainprocess

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/alarms"
	"github.com/hotpair/hotpair/services/audit"
	"github.com/hotpair/hotpair/services/events"
	"github.com/hotpair/hotpair/services/fault"
	"github.com/hotpair/hotpair/services/lease"
	"github.com/hotpair/hotpair/services/link"
	"github.com/hotpair/hotpair/services/role"
)

// drainPair is a host whose terminal-if and updater a test plays: every order comes to the test, which answers when it likes.
type drainPair struct {
	*host
	t      *testing.T
	orders chan *nats.Msg
	rights chan *nats.Msg
	// questions are asked beside the orders.
	questions chan *nats.Msg
}

func newDrainPair(t *testing.T, hostLease time.Duration) *drainPair {
	t.Helper()
	mine, theirs := testBus(t)
	o, err := bus.NewPoster(bus.HostConns{Control: mine, Traffic: mine})
	if err != nil {
		t.Fatal(err)
	}
	p := &drainPair{t: t, orders: make(chan *nats.Msg, 64), rights: make(chan *nats.Msg, 64), questions: make(chan *nats.Msg, 64)}
	ctx, cancel := context.WithCancel(t.Context())
	p.host = &host{ctx: ctx, orders: o, clock: lease.BootClock, log: slog.New(slog.DiscardHandler)}
	p.config.Host, p.config.Lease = "a", hostLease
	// The machine itself is not stepped: the test says what role the host has, at the moment it chooses.
	p.driver = newDriver(role.New(role.Config{Host: "a", Lease: hostLease}, p.clock()), p.clock, time.Hour, p.log)
	p.reports = &reports{host: "a", ctx: ctx, log: p.log, driver: p.driver, events: events.NewMemory("a", 1)}
	p.terms = &terms{ctx: ctx, log: p.log, bus: mine}
	p.peer = &peer{config: p.config, log: p.log, driver: p.driver, link: &link.Link{}, heard: &p.heard, reports: p.reports}
	p.performer = newPerformer(p.host)
	p.makeOperations(ctx, bus.NewRouter(""), &p.driver.work, nil)
	ended := make(chan struct{})
	// Idle: the inputs that a drain gives shall move nothing.
	go func() { defer close(ended); _ = p.driver.Run(ctx, idle{}) }()
	t.Cleanup(func() { cancel(); <-ended; p.driver.work.Wait() })
	for _, s := range []struct {
		subject string
		to      chan *nats.Msg
	}{{"control.>", p.orders}, {"question.>", p.questions}, {bus.SubjectRight, p.rights}} {
		if _, err := theirs.Subscribe(s.subject, func(m *nats.Msg) { s.to <- m }); err != nil {
			t.Fatal(err)
		}
	}
	if err := theirs.Flush(); err != nil {
		t.Fatal(err)
	}
	return p
}

// on runs something on the driver's goroutine and waits for it.
func (p *drainPair) on(do func()) {
	p.t.Helper()
	done := make(chan struct{})
	p.driver.during(p.ctx, func() { do(); close(done) })
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		p.t.Fatal("the driver does not turn")
	}
}

// is makes the host have a role and, with it, a right.
func (p *drainPair) is(r role.Role, epoch uint64, right lease.Right) {
	p.on(func() {
		p.stepped(role.View{Role: r, Epoch: epoch}, right)
	})
}

// order awaits the next order, which must be this one.
func (p *drainPair) order(subject string) *nats.Msg {
	p.t.Helper()
	select {
	case m := <-p.orders:
		if m.Subject != subject {
			p.t.Fatalf("order %s, want %s", m.Subject, subject)
		}
		return m
	case <-time.After(10 * time.Second):
		p.t.Fatalf("no order %s", subject)
	}
	return nil
}

func (p *drainPair) answer(m *nats.Msg, v any) {
	p.t.Helper()
	if err := m.Respond(bus.EncodeJSON(v)); err != nil {
		p.t.Fatal(err)
	}
}

// question awaits the next question, which must be this one, and answers it.
func (p *drainPair) question(subject string, q, answer any) {
	p.t.Helper()
	select {
	case m := <-p.questions:
		if err := bus.DecodeJSON(m.Data, q); err != nil || m.Subject != subject {
			p.t.Fatalf("question %s, want %s: %v", m.Subject, subject, err)
		}
		p.answer(m, answer)
	case <-time.After(10 * time.Second):
		p.t.Fatalf("no question %s", subject)
	}
}

// refuse answers an order with an error.
func (p *drainPair) refuse(m *nats.Msg, why string) {
	p.t.Helper()
	if err := m.RespondMsg(&nats.Msg{Header: nats.Header{bus.HeaderErrorCode: {fault.Other}, bus.HeaderError: {why}}}); err != nil {
		p.t.Fatal(err)
	}
}

// quiet: all that the host had to do is done, and it ordered nothing.
func (p *drainPair) quiet(when string) {
	p.t.Helper()
	p.driver.work.Wait()
	p.on(func() {})
	const after = "control.after" // comes behind every order that was given
	if err := p.terms.bus.Publish(after, nil); err != nil {
		p.t.Fatal(err)
	}
	select {
	case m := <-p.orders:
		if m.Subject != after {
			p.t.Errorf("%s: the drain that was taken back ordered %s", when, m.Subject)
		}
	case <-time.After(10 * time.Second):
		p.t.Fatal("the bus is silent")
	}
}

func (p *drainPair) begin(serial uint64) {
	p.is(role.Handover, 7, lease.Right{Epoch: 7, Until: p.clock() + time.Minute})
	p.on(func() { p.perform(role.Drain{Serial: serial}) })
}

// takenBack is what T3 does after a hand-over that failed: the next epoch, served by this host.
func (p *drainPair) takenBack() lease.Right {
	p.is(role.Takeover, 0, lease.Right{})
	right := lease.Right{Epoch: 8, Until: p.clock() + time.Minute}
	p.is(role.Active, 8, right)
	return right
}

// hasRight demands that the new term has its right: another is that of the old one, none is a term that is muted.
func (p *drainPair) hasRight(when string, want lease.Right) {
	p.t.Helper()
	if got := p.Right(); got != want {
		p.t.Errorf("%s the right of the new term is %+v, want %+v", when, got, want)
	}
}

// TestDrain_TakenBackTouchesNoLaterTerm: the hand-over is taken back, the host serves the next epoch, and only then comes what the drain
// still waited for. The new term's terminals stay attached, its right stands, and its updater is not drained (T3).
func TestDrain_TakenBackTouchesNoLaterTerm(t *testing.T) {
	t.Run("while requests are finished", func(t *testing.T) {
		p := newDrainPair(t, time.Minute)
		p.begin(1)
		requests := p.order(bus.CallDrainRequests.Subject())
		right := p.takenBack()
		p.answer(requests, bus.Done{})
		p.quiet("requests were finished late")
		p.hasRight("after what came late", right)
		p.is(role.Active, 8, right)
		p.hasRight("when it is renewed", right)
	})
	t.Run("while terminal-if stops", func(t *testing.T) {
		p := newDrainPair(t, time.Minute)
		p.begin(1)
		p.answer(p.order(bus.CallDrainRequests.Subject()), bus.Done{})
		stop := p.order(bus.CallDetach.Subject())
		if got := p.Right(); got != (lease.Right{}) {
			t.Fatalf("a drained host has the right %+v", got)
		}
		right := p.takenBack()
		p.answer(stop, bus.Done{})
		p.quiet("terminal-if stopped late")
		p.hasRight("after what came late", right)
	})
	t.Run("while a right is waited out", func(t *testing.T) {
		p := newDrainPair(t, time.Minute)
		p.begin(1)
		p.answer(p.order(bus.CallDrainRequests.Subject()), bus.Done{})
		p.refuse(p.order(bus.CallDetach.Subject()), "it is frozen")
		p.takenBack()
		p.quiet("the right ran out late")
	})
}

// TestDrain_OutlastsARightThatIsNotGivenBack: a terminal-if that does not confirm may answer until its right has run out, so the
// other host hears nothing before.
func TestDrain_OutlastsARightThatIsNotGivenBack(t *testing.T) {
	p := newDrainPair(t, 400*time.Millisecond)
	until := p.clock() + 300*time.Millisecond
	p.is(role.Handover, 7, lease.Right{Epoch: 7, Until: until})
	p.on(func() { p.perform(role.Drain{Serial: 1}) })
	p.refuse(p.order(bus.CallDrainRequests.Subject()), "2 requests are still in progress")
	p.refuse(p.order(bus.CallDetach.Subject()), "it is frozen")
	p.order(bus.CallDrain.Subject())
	if now := p.clock(); now < until {
		t.Errorf("the updater was drained %v before the right ended", until-now)
	}
}

// TestTerms_LateAuditEndsNoLaterOne: the answer to an attach of a term that is over begins no audit, and ends none of the new term.
func TestTerms_LateAuditEndsNoLaterOne(t *testing.T) {
	p := newDrainPair(t, time.Minute)
	p.is(role.Active, 7, lease.Right{})
	p.on(func() { p.attach(7) })
	late := p.order(bus.CallAttach.Subject())
	p.is(role.Takeover, 0, lease.Right{})
	p.is(role.Active, 8, lease.Right{})
	p.makeAuditor()
	p.on(func() { p.driver.work.Go(p.auditor.Begin(p.current.ctx, 8)) })
	p.answer(late, bus.Attached{Attached: 1})
	// The answer came when an order given after it is answered.
	done := make(chan struct{})
	p.on(func() { p.detach(func(error) { close(done) }) })
	p.answer(p.order(bus.CallDetach.Subject()), bus.Done{})
	<-done
	p.on(func() {})
	var collect bus.CollectReceipts
	p.question(bus.CallReceipts.Subject(), &collect, bus.CollectedReceipts{Asked: 1, Receipts: []bus.AuditReceipt{{Terminal: "t1", Counter: 1}}})
	var lookUp bus.AuditReceipts
	p.question(bus.CallAudit.Subject(), &lookUp, bus.AuditedReceipts{Present: 1})
	p.driver.work.Wait()
	if o := p.auditor.Shown(); collect.Epoch != 8 || lookUp.Epoch != 8 || o == nil || o.Epoch != 8 || o.Checked != 1 {
		t.Errorf("an attach of an older term ended the audit of this one: %+v, %+v, %+v", collect, lookUp, o)
	}
}

func (p *drainPair) makeAuditor() {
	p.auditor = audit.New(audit.Config{Pair: auditCalls{p.host}, Events: p.events, Alarms: alarms.NewSet("a", 1), Counts: &p.measures, Log: p.log})
}

// TestTerms_AuditsWhoAttachesLater: terminals that attach when the audit of their term is through are asked, while the host serves.
func TestTerms_AuditsWhoAttachesLater(t *testing.T) {
	p := newDrainPair(t, time.Minute)
	p.makeAuditor()
	p.is(role.Active, 7, lease.Right{})
	p.on(func() { p.driver.work.Go(p.auditor.Begin(p.current.ctx, 7)) })
	var first, late bus.CollectReceipts
	p.question(bus.CallReceipts.Subject(), &first, bus.CollectedReceipts{Asked: 1})
	p.driver.work.Wait()
	p.on(p.auditLate) // it does not serve
	p.driver.view.Store(&role.View{Role: role.Active, Epoch: 7, Serving: true})
	p.on(p.auditLate)
	p.question(bus.CallReceipts.Subject(), &late, bus.CollectedReceipts{Asked: 1})
	p.driver.work.Wait()
	if o := p.auditor.Shown(); first.Late || !late.Late || o.Terminals != 2 || len(p.questions) != 0 {
		t.Errorf("%+v, then %+v: %+v, and %d more questions", first, late, o, len(p.questions))
	}
}
