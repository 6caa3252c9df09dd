package operator

import (
	"fmt"
	"net/http"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/courier/waybill"
)

// Emissions of services to the outside, and their targets.
var (
	CallEmissions = Operation[waybill.ListEmissions, waybill.ListedEmissions]{Name: "emissions", Method: http.MethodGet, Path: "/api/v1/emissions", Where: Active, Role: View, Within: answerWithin, Costly: true,
		Says: "Emissions of services that are parked because their target refused them, or that wait.", Unless: waybill.ListEmissions{Limit: 100},
		Check: func(q *waybill.ListEmissions) error { return bounded("limit", q.Limit, waybill.MostListed) }}
	CallReleaseEmission = Operation[waybill.ChangeEmissions, waybill.EmissionsChanged]{Name: "release of emissions", Method: http.MethodPost, Path: "/api/v1/emissions/release", Where: Active, Role: Operate, Within: 30 * time.Second,
		Says: "Sends parked emissions again: one, or all of a lane.", Check: func(q *waybill.ChangeEmissions) error { return inLane(q, false) }}
	CallDropEmission = Operation[waybill.ChangeEmissions, waybill.EmissionsChanged]{Name: "drop of emissions", Method: http.MethodPost, Path: "/api/v1/emissions/drop", Where: Active, Role: Administer, Within: 30 * time.Second,
		Says: "Drops emissions, one or all that are parked in a lane: their target never gets them.", Check: func(q *waybill.ChangeEmissions) error { return inLane(q, true) }}
	CallReleaseDeferred = Operation[None, waybill.EmissionsChanged]{Name: "release of what is held", Method: http.MethodPost, Path: "/api/v1/emissions/release-held", Where: Active, Role: Administer, Within: answerWithin,
		Says: "Sends deferred emissions again after a forced promotion or a restore. Some may arrive a second time."}
	CallTargets = Operation[None, waybill.TargetList]{Name: "targets", Method: http.MethodGet, Path: "/api/v1/targets", Where: Active, Role: View, Within: answerWithin,
		Says: "The targets of emissions. Of a secret it says only whether there is one."}
	CallSetTarget = Operation[waybill.SetTarget, waybill.TargetChanged]{Name: "setting of a target", Method: http.MethodPost, Path: "/api/v1/targets/set", Where: Active, Role: Administer, Within: 15 * time.Second,
		Says: "Makes or changes a target of emissions.", Check: func(q *waybill.SetTarget) error { return usage(q.Check()) }, Detail: func(q waybill.SetTarget) string { return q.Name }}
	CallRemoveTarget = Operation[waybill.RemoveTarget, waybill.TargetChanged]{Name: "removal of a target", Method: http.MethodPost, Path: "/api/v1/targets/remove", Where: Active, Role: Administer, Within: time.Minute,
		Says: "Removes a target, with drop also the emissions that wait for it.", Check: func(q *waybill.RemoveTarget) error { return aTarget(q.Name) }, Detail: func(q waybill.RemoveTarget) string { return q.Name }}
)

// usage wraps an error as ErrUsage.
func usage(err error) error {
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUsage, err)
	}
	return nil
}

func aTarget(name string) error {
	if !bus.ValidName(name) {
		return fmt.Errorf("%w: name the target", ErrUsage)
	}
	return nil
}

// inLane refuses a request that names no lane, and sets whether it drops.
func inLane(q *waybill.ChangeEmissions, drop bool) error {
	q.Drop = drop
	if !bus.ValidName(q.Target) || !outbox.ValidLane(q.Lane) {
		return fmt.Errorf("%w: name the lane by target and lane", ErrUsage)
	}
	if q.Number == "" {
		return nil
	}
	_, err := waybill.Parse(q.Number)
	return usage(err)
}
