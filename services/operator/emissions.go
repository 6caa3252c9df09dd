package operator

import (
	"fmt"
	"net/http"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/courier/waybill"
)

// What services emit to the outside, and where that goes.
var (
	CallEmissions = Operation[waybill.ListEmissions, waybill.ListedEmissions]{Name: "emissions", Method: http.MethodGet, Path: "/api/v1/emissions", Where: Active, Role: View, Within: answerWithin, Costly: true,
		Says: "What services have emitted that is parked because its target refused it, or that waits.", Unless: waybill.ListEmissions{Limit: 100},
		Check: func(q *waybill.ListEmissions) error { return bounded("limit", q.Limit, waybill.MostListed) }}
	CallReleaseEmission = Operation[waybill.ChangeEmissions, waybill.EmissionsChanged]{Name: "release of emissions", Method: http.MethodPost, Path: "/api/v1/emissions/release", Where: Active, Role: Operate, Within: 30 * time.Second,
		Says: "Has parked emissions sent again: one, or all of a lane.", Check: func(q *waybill.ChangeEmissions) error { return inLane(q, false) }}
	CallDropEmission = Operation[waybill.ChangeEmissions, waybill.EmissionsChanged]{Name: "drop of emissions", Method: http.MethodPost, Path: "/api/v1/emissions/drop", Where: Active, Role: Administer, Within: 30 * time.Second,
		Says: "Takes emissions away, one or all that are parked in a lane: their target never gets them.", Check: func(q *waybill.ChangeEmissions) error { return inLane(q, true) }}
	CallReleaseDeferred = Operation[None, waybill.EmissionsChanged]{Name: "release of what is held", Method: http.MethodPost, Path: "/api/v1/emissions/release-held", Where: Active, Role: Administer, Within: answerWithin,
		Says: "Lets emissions leave again after a promotion by force or a restore. Some may arrive a second time."}
	CallTargets = Operation[None, waybill.TargetList]{Name: "targets", Method: http.MethodGet, Path: "/api/v1/targets", Where: Active, Role: View, Within: answerWithin,
		Says: "Where emissions go. Of a secret it says only whether there is one."}
	CallSetTarget = Operation[waybill.SetTarget, waybill.TargetChanged]{Name: "setting of a target", Method: http.MethodPost, Path: "/api/v1/targets/set", Where: Active, Role: Administer, Within: 15 * time.Second,
		Says: "Makes a target that emissions go to, or changes one.", Check: func(q *waybill.SetTarget) error { return usage(q.Check()) }, Detail: func(q waybill.SetTarget) string { return q.Name }}
	CallRemoveTarget = Operation[waybill.RemoveTarget, waybill.TargetChanged]{Name: "removal of a target", Method: http.MethodPost, Path: "/api/v1/targets/remove", Where: Active, Role: Administer, Within: time.Minute,
		Says: "Takes a target away, with drop also what waits for it.", Check: func(q *waybill.RemoveTarget) error { return aTarget(q.Name) }, Detail: func(q waybill.RemoveTarget) string { return q.Name }}
)

// usage makes of an error one of the caller.
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

// inLane refuses what names no lane, and says what is to be done.
func inLane(q *waybill.ChangeEmissions, drop bool) error {
	q.Drop = drop
	if !bus.ValidName(q.Target) || !outbox.ValidLane(q.Lane) {
		return fmt.Errorf("%w: name the lane by its target and its name", ErrUsage)
	}
	if q.Number == "" {
		return nil
	}
	_, err := waybill.Parse(q.Number)
	return usage(err)
}
