// Package audit checks after each attach that no acknowledged update is missing: terminals show their receipts, and
// each is looked up in the history that now serves.
//
// It runs slowly in the background, and ends with the term. It has no goroutine of its own: the caller of Begin runs
// it.
package audit

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/alarms"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/services/role"
)

const (
	// after is when the audit of an attach begins: requests that waited at the terminals are served first. It can wait,
	// because the agents keep the receipts from before the attach separately.
	after = 500 * time.Millisecond
	// terminals is how many terminals' receipts are looked up at once. The pause after it is a multiple of the time it
	// took, and at least leastPause, so that the audit uses a small part of the machine however many terminals there
	// are.
	terminals  = 8
	share      = 4
	leastPause = 20 * time.Millisecond
	// Within bounds one call. A failed call is repeated after retry, up to tries times: the answering process may have
	// been restarted.
	Within = 5 * time.Second
	retry  = time.Second
	tries  = 5
	// mostExamples bounds the missing updates that are named.
	mostExamples = 8
)

// Keys of the event's details, as the fields of operator.Audit.
const (
	detailMissing = "missing"
	detailChecked = "checked"
	detailGap     = "gap_worst_ms"
	detailMedian  = "gap_median_ms"
	detailFelt    = "felt"
)

// Pair collects receipts and looks them up, each call within Within.
type Pair interface {
	// Collect returns the receipts of some terminals.
	Collect(ctx context.Context, q bus.CollectReceipts) (bus.CollectedReceipts, error)
	// LookUp says whether the updates of receipts are in the history that serves.
	LookUp(ctx context.Context, q bus.AuditReceipts) (bus.AuditedReceipts, error)
}

// Noter keeps events, without blocking.
type Noter interface {
	Note(e bus.Event) bus.Event
}

// Raiser raises alarms, without blocking.
type Raiser interface {
	Raise(id, text string)
}

// Counter counts outcomes, without blocking.
type Counter interface {
	Audited(outcome *operator.Audit)
}

// Config is what an auditor works with.
type Config struct {
	Pair   Pair
	Events Noter
	Alarms Raiser
	Counts Counter
	Log    *slog.Logger
}

// New makes an auditor.
func New(c Config) *Auditor { return &Auditor{config: c} }

// Auditor checks after each attach that no acknowledged update is missing. It runs in the background and ends with the
// term.
type Auditor struct {
	config Config

	mu     sync.Mutex
	ctx    context.Context // of the audit that runs or ran last
	cancel context.CancelFunc
	number uint64          // of that audit
	last   *operator.Audit // outcome of the last one
	lost   *operator.Audit // outcome with missing updates that no operator has acknowledged
}

// Shown returns the outcome for the status.
func (a *Auditor) Shown() *operator.Audit {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.lost != nil {
		return a.lost
	}
	return a.last
}

// begin replaces the audit that runs.
func (a *Auditor) begin(ctx context.Context) context.Context {
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
func (a *Auditor) present() uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.number
}

// done returns the outcome of the audits of an epoch so far, when none runs.
func (a *Auditor) done(epoch uint64) (operator.Audit, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ctx == nil || a.ctx.Err() == nil || a.last == nil || a.last.Epoch != epoch {
		return operator.Audit{}, false
	}
	return *a.last, true
}

func (a *Auditor) note(outcome *operator.Audit) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last = outcome
	if outcome.Missing > 0 {
		a.lost = outcome
	}
}

// Begin begins the audit of an attach, in place of a running one. The returned function does the work, in the
// background; it returns early when the term ends.
func (a *Auditor) Begin(term context.Context, epoch uint64) (work func()) {
	ctx := a.begin(term)
	return func() {
		if err := pace.Rest(ctx, after); err != nil {
			return
		}
		defer a.end(ctx)
		outcome := &operator.Audit{Epoch: epoch}
		err := a.look(ctx, outcome, false)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			outcome.Error = err.Error()
		}
		a.audited(outcome)
	}
}

// BeginLate audits terminals that attached after the audit of their term. It adds to that outcome, and reports only
// missing updates. It does nothing while an audit runs: another one follows while there are terminals to ask.
func (a *Auditor) BeginLate(term context.Context, epoch uint64) (work func(), any bool) {
	before, idle := a.done(epoch)
	if !idle {
		return nil, false
	}
	ctx := a.begin(term)
	return func() {
		if err := pace.Rest(ctx, after); err != nil {
			return
		}
		defer a.end(ctx)
		outcome := before
		err := a.look(ctx, &outcome, true)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			outcome.Error = err.Error()
			a.audited(&outcome)
		case outcome.Missing > before.Missing:
			a.audited(&outcome)
		default:
			a.extend(&outcome)
		}
	}, true
}

// end records the end of an audit, unless another has replaced it.
func (a *Auditor) end(ctx context.Context) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ctx == ctx {
		a.cancel()
	}
}

// extend replaces the last outcome by one with more terminals and no more missing updates.
func (a *Auditor) extend(outcome *operator.Audit) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last = outcome
}

// audited publishes an outcome: in the events of the takeover, in the status, in the log.
func (a *Auditor) audited(outcome *operator.Audit) {
	a.note(outcome)
	a.config.Counts.Audited(outcome)
	a.config.Events.Note(event(outcome))
	if outcome.Missing > 0 {
		a.config.Alarms.Raise(alarms.UpdatesLost, a.alarm())
	}
	attributes := []any{"epoch", outcome.Epoch, "step", role.B9, "checked", outcome.Checked, "missing", outcome.Missing,
		"unprovable", outcome.Unprovable, "foreign", outcome.Foreign, "terminals", outcome.Terminals, "silent", outcome.Silent,
		"gap_worst_ms", outcome.GapWorstMS, "gap_median_ms", outcome.GapMedianMS}
	switch {
	case outcome.Missing > 0:
		a.config.Log.Error("acknowledged updates are missing", append(attributes, "examples", outcome.Examples)...)
	case outcome.Error != "":
		a.config.Log.Warn("the audit of the takeover could not be finished", append(attributes, "error", outcome.Error)...)
	default:
		a.config.Log.Info("audit: "+outcome.Sentence(), attributes...)
	}
}

// event is the outcome of an audit as an event of the takeover that it follows.
func event(outcome *operator.Audit) bus.Event {
	return bus.Event{Kind: bus.EventAudit, Step: string(role.B9), Epoch: outcome.Epoch, Text: "audit: " + outcome.Sentence(),
		Details: map[string]string{
			detailChecked: fmt.Sprint(outcome.Checked), detailMissing: fmt.Sprint(outcome.Missing), detailFelt: fmt.Sprint(outcome.Felt),
			detailGap: fmt.Sprint(outcome.GapWorstMS), detailMedian: fmt.Sprint(outcome.GapMedianMS),
		}}
}

// look looks up receipts, of some terminals at a time, and adds the results to an outcome.
func (a *Auditor) look(ctx context.Context, outcome *operator.Audit, late bool) error {
	epoch, number := outcome.Epoch, a.present()
	defer func() { outcome.Time = time.Now() }()
	for from := 0; ; {
		began := time.Now()
		page, err := again(ctx, a.config.Pair.Collect,
			bus.CollectReceipts{Epoch: epoch, From: from, Terminals: terminals, Audit: number, Late: late})
		if err != nil {
			return fmt.Errorf("receipts of terminals: %w", err)
		}
		outcome.Foreign += page.Foreign
		outcome.Terminals += page.Asked
		outcome.Silent += page.Silent
		outcome.GapWorstMS, outcome.GapMedianMS, outcome.Felt = inMilliseconds(page.GapWorst), inMilliseconds(page.GapMedian), page.Felt
		if len(page.Receipts) > 0 {
			found, err := again(ctx, a.config.Pair.LookUp, bus.AuditReceipts{Epoch: epoch, Receipts: page.Receipts})
			if err != nil {
				return fmt.Errorf("look up receipts: %w", err)
			}
			outcome.Checked += found.Present + found.Missing + found.Unprovable
			outcome.Missing += found.Missing
			outcome.Unprovable += found.Unprovable
			outcome.Examples = append(outcome.Examples, examples(found.Examples, mostExamples-len(outcome.Examples))...)
		}
		if page.Next <= from {
			return nil
		}
		from = page.Next
		if err := pace.Rest(ctx, max(leastPause, share*time.Since(began))); err != nil {
			return err
		}
	}
}

// again makes a call, and repeats it when it fails.
func again[Q, A any](ctx context.Context, ask func(context.Context, Q) (A, error), q Q) (answer A, err error) {
	for try := 1; ; try++ {
		answer, err = ask(ctx, q)
		if err == nil || try == tries {
			return answer, err
		}
		if stopped := pace.Rest(ctx, retry); stopped != nil {
			return answer, stopped
		}
	}
}

// examples names the first receipts, at most mostExamples.
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

// alarm returns the sentence about missing updates; "" when there are none. It comes before all others.
func (a *Auditor) alarm() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.lost == nil {
		return ""
	}
	return fmt.Sprintf("LOST: %d of %d acknowledged updates are missing since epoch %d: %s",
		a.lost.Missing, a.lost.Checked, a.lost.Epoch, strings.Join(a.lost.Examples[:min(3, len(a.lost.Examples))], ", "))
}

// Heard implements events.Listener. It forgets missing updates whose alarm an operator has acknowledged.
func (a *Auditor) Heard(events []bus.Event) {
	for _, e := range events {
		if e.Alarm != nil && e.Alarm.Acknowledge && e.State == bus.AlarmAcknowledged {
			a.accept()
		}
	}
}

// accept forgets an outcome with missing updates, which an operator has acknowledged.
func (a *Auditor) accept() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lost = nil
}

// Unfinished returns the sentence about an audit that could not be finished; "" when the last one was.
func (a *Auditor) Unfinished() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.last == nil || a.last.Error == "" {
		return ""
	}
	return fmt.Sprintf("the audit of acknowledged updates since epoch %d could not be finished: %s", a.last.Epoch, a.last.Error)
}

func inMilliseconds(d time.Duration) float64 {
	return float64(d.Round(100*time.Microsecond)) / float64(time.Millisecond)
}
