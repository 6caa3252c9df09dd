package mainprocess

import (
	"context"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/audit"
)

// auditCalls are the calls of an audit to this host's processes.
type auditCalls struct{ h *host }

// Collect implements audit.Pair: terminal-if collects receipts.
func (c auditCalls) Collect(ctx context.Context, q bus.CollectReceipts) (bus.CollectedReceipts, error) {
	return bus.CallReceipts.PostWait(ctx, c.h.orders, q, audit.Within)
}

// LookUp implements audit.Pair: the updater looks receipts up.
func (c auditCalls) LookUp(ctx context.Context, q bus.AuditReceipts) (bus.AuditedReceipts, error) {
	return bus.CallAudit.PostWait(ctx, c.h.orders, q, audit.Within)
}

// auditLate audits terminals that attached after the audit of their term. It runs on the driver's goroutine.
func (h *host) auditLate() {
	if !h.driver.View().Serving {
		return
	}
	if work, any := h.auditor.BeginLate(h.current.ctx, h.current.epoch); any {
		h.driver.work.Go(work)
	}
}
