package mainprocess

import (
	"context"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/alarms"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/services/role"
)

// verifyPace is how often main looks whether a comparison that it began has ended.
const verifyPace = 500 * time.Millisecond

// beginVerify begins a comparison of both databases and returns at once. Only the active can.
func (h *host) beginVerify(ctx context.Context, caller operator.Caller, q operator.VerifyRequest) (bus.VerifyState, error) {
	order := bus.VerifyOrder{ID: caller.ID, By: caller.From, Repair: q.Repair}
	s, err := verifyOrder(ctx, h, bus.CallVerify, order)
	if err != nil {
		return s, err
	}
	if q.Repair {
		h.noteOutcome(caller, operator.CallVerify.Name, "the standby's database is compared and repaired, for "+caller.From)
	}
	h.driver.work.Go(func() { h.followVerify(caller) })
	return s, nil
}

// verifyState tells how far a comparison is, or what came of the last one, which both hosts know.
func (h *host) verifyState(ctx context.Context, _ operator.Caller, _ operator.None) (bus.VerifyState, error) {
	return verifyOrder(ctx, h, bus.CallVerifyState, bus.VerifyQuestion{})
}

// stopVerify ends the comparison that runs.
func (h *host) stopVerify(ctx context.Context, _ operator.Caller, _ operator.None) (bus.VerifyState, error) {
	return verifyOrder(ctx, h, bus.CallVerifyStop, bus.VerifyQuestion{})
}

func verifyOrder[Q any](ctx context.Context, h *host, e bus.Endpoint[Q, bus.VerifyState], q Q) (bus.VerifyState, error) {
	s, err := e.PostWait(ctx, h.orders, q, orderDeadline)
	return s, updaterSaid(err)
}

// followVerify waits until the comparison has ended and says what came of it: as event, and as alarm or its end.
func (h *host) followVerify(caller operator.Caller) {
	for {
		if err := pace.Rest(h.ctx, verifyPace); err != nil {
			return
		}
		s, err := verifyOrder(h.ctx, h, bus.CallVerifyState, bus.VerifyQuestion{})
		switch {
		case err != nil && !h.processes.isUp(bus.ProcessUpdater):
			h.noteOutcome(caller, operator.CallVerify.Name, "the comparison of both databases ended with the updater")
			return
		case err != nil || s.Running:
			continue
		}
		h.noteOutcome(caller, operator.CallVerify.Name, operator.VerifySentence(s))
		h.judgeVerify(s)
		return
	}
}

// judgeVerify raises or clears the alarm of a comparison that has ended.
func (h *host) judgeVerify(s bus.VerifyState) {
	switch {
	case s.Clean():
		h.alarms.Clear(alarms.VerifyMismatch)
	case s.Different > s.Repaired:
		h.alarms.Raise(alarms.VerifyMismatch, operator.VerifySentence(s))
	}
}

// recallVerify looks at what came of the last comparison: the alarm belongs to the pair, and its active raises it, also one
// that has just become active. A change of roles is an event, and so a change of the system's key space.
func (h *host) recallVerify() {
	if h.driver.View().Role != role.Active {
		h.alarms.Clear(alarms.VerifyMismatch)
		return
	}
	s, err := h.verifyState(h.ctx, operator.Caller{}, operator.None{})
	if err == nil && s.ID != "" && !s.Running {
		h.judgeVerify(s)
	}
}
