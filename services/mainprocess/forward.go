package mainprocess

import (
	"context"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/registry"
	"github.com/hotpair/hotpair/services/role"
)

// Peer implements registry.Main.
func (h *host) Peer() (bus.Asker, string) { return h.link.bulk(), h.peerHTTP() }

// Standby implements registry.Main.
func (h *host) Standby() (standby, activeElsewhere bool) {
	v := h.driver.View()
	standby = v.Role == role.Standby
	return standby, standby && v.HasPeer && v.Peer.Epoch != 0
}

// serveOperations answers what operators can ask for, here and at the other host.
func (h *host) serveOperations(r *registry.Registry) {
	h.operations = r
	registry.Answer(r, operator.CallStatus, registry.Plain(func(ctx context.Context) (operator.Status, error) {
		return operator.Whole(h.Status(ctx)), nil
	}))
	registry.Answer(r, operator.CallPeer, registry.Plain(func(ctx context.Context) (operator.Status, error) {
		look, err := h.PeerLook(ctx, time.Now())
		return operator.Whole(look.Status), err
	}))
	registry.Answer(r, operator.CallSeries, registry.Plain(func(context.Context) (operator.Series, error) { return h.Series(time.Time{}), nil }))
	registry.Answer(r, operator.CallHistory, h.history)
	registry.Answer(r, operator.CallDiverged, h.diverged)
	registry.Answer(r, operator.CallEvents, registry.Events(h))
	registry.Answer(r, operator.CallAlarms, h.listAlarms)
	registry.Answer(r, operator.CallAckAlarm, h.ackAlarm)

	registry.Answer(r, operator.CallSwitchover, h.switchover)
	registry.Answer(r, operator.CallSchedule, h.planSwitchover)
	registry.Answer(r, operator.CallCancelSchedule, h.cancelSwitchover)
	registry.Answer(r, operator.CallPause, h.pause)
	registry.Answer(r, operator.CallResume, h.resume)
	registry.Answer(r, operator.CallExplain, h.explain)
	registry.Answer(r, operator.CallDoctor, h.doctor)
	registry.Answer(r, operator.CallPromotePlan, h.promotePlan)
	registry.Answer(r, operator.CallPromote, h.promote)
	registry.Answer(r, operator.CallAdmit, h.admit)

	registry.Answer(r, operator.CallTerminals, h.terminals)
	registry.Answer(r, operator.CallAddTerminals, h.addTerminals)
	registry.Answer(r, operator.CallRemoveTerminals, h.removeTerminals)
	registry.Answer(r, operator.CallProbeTerminals, h.probeTerminals)
	registry.Answer(r, operator.CallVerify, h.beginVerify)
	registry.Answer(r, operator.CallVerifyState, h.verifyState)
	registry.Answer(r, operator.CallStopVerify, h.stopVerify)

	registry.AnswerPart(r, operator.PartLook, h.ownLook)
	registry.AnswerPart(r, operator.PartExplain, h.explainOwn)
	registry.AnswerPart(r, operator.PartExamine, h.examineOwn)
	registry.AnswerPart(r, operator.PartTerminals, h.listOwn)
	registry.AnswerPart(r, operator.PartProbe, h.probeOwn)
}
