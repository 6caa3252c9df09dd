package mainprocess

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/services/role"
)

const (
	// auditAfter is when the audit of an attach begins: what waited at the terminals is served first. It can wait,
	// because the agents keep the receipts of the time before the attach apart.
	auditAfter = 500 * time.Millisecond
	// auditTerminals is how many terminals' receipts are looked up at once. The pause after it is so many times what it
	// took, and at least auditPause, so that the audit has a small part of the machine however many terminals there are.
	auditTerminals = 8
	auditShare     = 4
	auditPause     = 20 * time.Millisecond
	// auditDeadline bounds one order. One that fails is given again after auditRetry, auditTries times in a row: its
	// process may have been restarted.
	auditDeadline = 5 * time.Second
	auditRetry    = time.Second
	auditTries    = 5
	// auditExamples bounds the missing updates that are named.
	auditExamples = 8
)

// auditor checks after each attach whether what terminals were told is stored is there. It runs beside everything else
// and ends with the term.
type auditor struct {
	mu     sync.Mutex
	ctx    context.Context // of the audit that runs or ran last
	cancel context.CancelFunc
	number uint64          // of that audit
	last   *operator.Audit // outcome of the last one
	lost   *operator.Audit // outcome that missed something and that no operator has acknowledged
}

// shown is the outcome that a status carries.
func (a *auditor) shown() *operator.Audit {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.lost != nil {
		return a.lost
	}
	return a.last
}

// begin replaces the audit that runs.
func (a *auditor) begin(ctx context.Context) context.Context {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cancel != nil {
		a.cancel()
	}
	a.ctx, a.cancel = context.WithCancel(ctx)
	a.number++
	return a.ctx
}

// present is the number of the audit that runs.
func (a *auditor) present() uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.number
}

// done gives the outcome of the audits of an epoch so far, when none runs.
func (a *auditor) done(epoch uint64) (operator.Audit, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ctx == nil || a.ctx.Err() == nil || a.last == nil || a.last.Epoch != epoch {
		return operator.Audit{}, false
	}
	return *a.last, true
}

func (a *auditor) note(outcome *operator.Audit) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last = outcome
	if outcome.Missing > 0 {
		a.lost = outcome
	}
}

// audit begins the audit of an attach. It ends with the term.
func (h *host) audit(term context.Context, epoch uint64) {
	ctx := h.auditor.begin(term)
	h.driver.work.Go(func() {
		if err := pace.Rest(ctx, auditAfter); err != nil {
			return
		}
		defer h.auditor.end(ctx)
		outcome := &operator.Audit{Epoch: epoch}
		err := h.look(ctx, outcome, false)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			outcome.Error = err.Error()
		}
		h.audited(outcome)
	})
}

// auditLate looks at terminals that attached after the audit of their term had asked. It adds to that outcome, and says so only
// when it misses something. It runs on the driver's goroutine.
func (h *host) auditLate() {
	if !h.driver.View().Serving {
		return
	}
	before, idle := h.auditor.done(h.tenure.epoch)
	if !idle {
		return // the one that runs is followed by another while there is somebody to ask
	}
	ctx := h.auditor.begin(h.tenure.ctx)
	h.driver.work.Go(func() {
		if err := pace.Rest(ctx, auditAfter); err != nil {
			return
		}
		defer h.auditor.end(ctx)
		outcome := before
		err := h.look(ctx, &outcome, true)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			outcome.Error = err.Error()
			h.audited(&outcome)
		case outcome.Missing > before.Missing:
			h.audited(&outcome)
		default:
			h.auditor.extend(&outcome)
		}
	})
}

// end says that an audit is through, unless another has replaced it.
func (a *auditor) end(ctx context.Context) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ctx == ctx {
		a.cancel()
	}
}

// extend replaces the last outcome by one that covers more terminals and misses nothing more.
func (a *auditor) extend(outcome *operator.Audit) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last = outcome
}

// audited publishes an outcome: with the takeover's events, in the status, in the log.
func (h *host) audited(outcome *operator.Audit) {
	h.auditor.note(outcome)
	h.measures.audited(outcome)
	h.auditEvent(outcome)
	h.auditAlarm(outcome)
	attributes := []any{"epoch", outcome.Epoch, "step", role.B9, "checked", outcome.Checked, "missing", outcome.Missing,
		"unprovable", outcome.Unprovable, "foreign", outcome.Foreign, "terminals", outcome.Terminals, "silent", outcome.Silent,
		"gap_worst_ms", outcome.GapWorstMS, "gap_median_ms", outcome.GapMedianMS}
	switch {
	case outcome.Missing > 0:
		h.log.Error("acknowledged updates are missing", append(attributes, "examples", outcome.Examples)...)
	case outcome.Error != "":
		h.log.Warn("the audit of the takeover could not be finished", append(attributes, "error", outcome.Error)...)
	default:
		h.log.Info("audit: "+outcome.Sentence(), attributes...)
	}
}

// look has receipts looked up, some terminals' at a time, and adds what comes of it to an outcome.
func (h *host) look(ctx context.Context, outcome *operator.Audit, late bool) error {
	epoch, number := outcome.Epoch, h.auditor.present()
	defer func() { outcome.Time = time.Now() }()
	for from := 0; ; {
		began := time.Now()
		page, err := auditOrder(ctx, h.orders, bus.CallReceipts,
			bus.CollectReceipts{Epoch: epoch, From: from, Terminals: auditTerminals, Audit: number, Late: late})
		if err != nil {
			return fmt.Errorf("receipts of terminals: %w", err)
		}
		outcome.Foreign += page.Foreign
		outcome.Terminals += page.Asked
		outcome.Silent += page.Silent
		outcome.GapWorstMS, outcome.GapMedianMS, outcome.Felt = inMilliseconds(page.GapWorst), inMilliseconds(page.GapMedian), page.Felt
		if len(page.Receipts) > 0 {
			found, err := auditOrder(ctx, h.orders, bus.CallAudit, bus.AuditReceipts{Epoch: epoch, Receipts: page.Receipts})
			if err != nil {
				return fmt.Errorf("look receipts up: %w", err)
			}
			outcome.Checked += found.Present + found.Missing + found.Unprovable
			outcome.Missing += found.Missing
			outcome.Unprovable += found.Unprovable
			outcome.Examples = append(outcome.Examples, examples(found.Examples, auditExamples-len(outcome.Examples))...)
		}
		if page.Next <= from {
			return nil
		}
		from = page.Next
		if err := pace.Rest(ctx, max(auditPause, auditShare*time.Since(began))); err != nil {
			return err
		}
	}
}

// auditOrder gives an order, again when it fails.
func auditOrder[Q, A any](ctx context.Context, p *bus.Poster, e bus.Endpoint[Q, A], q Q) (answer A, err error) {
	for try := 1; ; try++ {
		answer, err = e.PostWait(ctx, p, q, auditDeadline)
		if err == nil || try == auditTries {
			return answer, err
		}
		if stopped := pace.Rest(ctx, auditRetry); stopped != nil {
			return answer, stopped
		}
	}
}

// examples names receipts, at most so many.
func examples(receipts []bus.AuditReceipt, most int) (names []string) {
	for _, r := range receipts[:min(len(receipts), max(most, 0))] {
		id := r.App
		if id == "" {
			id = fmt.Sprint(r.Counter)
		}
		names = append(names, fmt.Sprintf("%s/%s at %v", r.Terminal, id, r.Position))
	}
	return names
}

// alarm is the sentence about missing updates; "" when there are none. It comes before all others.
func (a *auditor) alarm() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.lost == nil {
		return ""
	}
	return fmt.Sprintf("LOST: %d of %d updates that terminals were told are stored are missing since epoch %d: %s",
		a.lost.Missing, a.lost.Checked, a.lost.Epoch, strings.Join(a.lost.Examples[:min(3, len(a.lost.Examples))], ", "))
}

// Heard implements events.Listener. An alarm about missing updates that was acknowledged is one that an operator knows of.
func (a *auditor) Heard(events []bus.Event) {
	for _, e := range events {
		if e.Alarm != nil && e.Alarm.Acknowledge && e.State == bus.AlarmAcknowledged {
			a.accept()
		}
	}
}

// accept forgets an outcome that missed something: an operator knows.
func (a *auditor) accept() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lost = nil
}

// unfinished is the sentence about an audit that could not be finished; "" when the last one was.
func (a *auditor) unfinished() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.last == nil || a.last.Error == "" {
		return ""
	}
	return fmt.Sprintf("whether all acknowledged updates are there since epoch %d could not be audited: %s", a.last.Epoch, a.last.Error)
}

func inMilliseconds(d time.Duration) float64 {
	return float64(d.Round(100*time.Microsecond)) / float64(time.Millisecond)
}
