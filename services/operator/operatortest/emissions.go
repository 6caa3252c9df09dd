package operatortest

import (
	"context"
	"time"

	"github.com/hotpair/hotpair/services/courier/waybill"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/registry"
)

// answerEmissions answers as the active of a pair with two targets, of which one has something parked.
func (h *Host) answerEmissions(r *registry.Registry) {
	registry.Answer(r, operator.CallEmissions, func(_ context.Context, _ operator.Caller, q waybill.ListEmissions) (waybill.ListedEmissions, error) {
		list := waybill.ListedEmissions{Emissions: []waybill.ShownEmission{}, Waiting: 1, Parked: 1, Deferred: h.Deferred}
		for _, one := range shownEmissions() {
			if (q.Target == "" || q.Target == one.Target) && q.Waiting != one.Parked {
				list.Emissions = append(list.Emissions, one)
			}
		}
		return list, h.Err
	})
	for _, o := range []operator.Operation[waybill.ChangeEmissions, waybill.EmissionsChanged]{operator.CallReleaseEmission, operator.CallDropEmission} {
		registry.Answer(r, o, func(_ context.Context, c operator.Caller, _ waybill.ChangeEmissions) (waybill.EmissionsChanged, error) {
			return waybill.EmissionsChanged{ID: c.ID, Count: 1}, h.Err
		})
	}
	registry.Answer(r, operator.CallReleaseDeferred, func(_ context.Context, c operator.Caller, _ operator.None) (waybill.EmissionsChanged, error) {
		return waybill.EmissionsChanged{ID: c.ID}, h.Err
	})
	registry.Answer(r, operator.CallTargets, registry.Plain(func(context.Context) (waybill.TargetList, error) {
		return waybill.TargetList{Targets: []waybill.ShownTarget{
			{Name: "billing", URL: "https://billing.example.com/hotpair", Signed: true, Waiting: 1, Parked: 1, Bytes: 28},
			{Name: "stock", URL: "https://10.0.7.3:8443/in", OwnCA: true, Skip: true, AgeMS: (72 * time.Hour).Milliseconds(), Closing: true},
		}}, h.Err
	}))
	registry.Answer(r, operator.CallSetTarget, func(_ context.Context, c operator.Caller, q waybill.SetTarget) (waybill.TargetChanged, error) {
		t := waybill.ShownTarget{Name: q.Name, URL: q.URL, Signed: q.Secret != "", OwnCA: q.Roots != "", Skip: q.Skip != nil && *q.Skip}
		if q.AgeMS != nil {
			t.AgeMS = *q.AgeMS
		}
		return waybill.TargetChanged{ID: c.ID, Target: t}, h.Err
	})
	registry.Answer(r, operator.CallRemoveTarget, func(_ context.Context, c operator.Caller, q waybill.RemoveTarget) (waybill.TargetChanged, error) {
		done := waybill.TargetChanged{ID: c.ID, Target: waybill.ShownTarget{Name: q.Name}}
		if q.Drop {
			done.Dropped = 2
		}
		return done, h.Err
	})
}

func shownEmissions() []waybill.ShownEmission {
	at := time.Date(2026, 3, 1, 2, 3, 4, 0, time.UTC)
	return []waybill.ShownEmission{
		{Target: "billing", Lane: "seat-12A", Number: "7/41/0", First: "7/41/0", Service: "tickets", Emitted: at, Bytes: 14, Parked: true, Blocks: true, Why: "it answered 409 Conflict: sold twice"},
		{Target: "billing", Lane: "seat-12A", Number: "7/42/0", First: "7/42/0", Service: "tickets", Emitted: at, Bytes: 14},
	}
}
