package operator

import (
	"context"
	"net/http"

	"github.com/hotpair/hotpair/bus"
)

// Paths of alarms.
const (
	PathAlarms   = "/api/v1/alarms"
	PathAckAlarm = "/api/v1/alarms/ack"
)

// CallAckAlarm is the call of Alarming.AckAlarm.
const CallAckAlarm = "alarms ack"

// Alarm is something that is wrong now.
type Alarm = bus.Alarm

// Alarming is what a main offers about alarms.
type Alarming interface {
	// Alarms gives what is raised, the worst first, and how the hooks do. It answers whatever else is down.
	Alarms(ctx context.Context) AlarmList
	// AckAlarm ends an alarm that only an operator ends, on both hosts and for good. Errors: ErrRefused, ErrForward,
	// ErrUnavailable, ErrUnfinished.
	AckAlarm(ctx context.Context, caller Caller, request AckRequest) (Acknowledged, error)
}

// AlarmList is what is wrong, as one host sees it.
type AlarmList struct {
	Host   string      `json:"host"`
	Alarms []Alarm     `json:"alarms"`
	Hooks  []HookState `json:"hooks"` // that are set
}

// HookState is how a hook on alarms of one host does, since its main started.
type HookState = bus.HookState

// AckRequest says which alarm is acknowledged.
type AckRequest struct {
	ID string `json:"id"`
}

// Acknowledged is what an acknowledgement did.
type Acknowledged struct {
	ID    string `json:"id"` // of the call
	Alarm Alarm  `json:"alarm"`
}

// Alarms asks for the alarms as the host sees them. Errors: ErrUnreachable.
func (c *Client) Alarms(ctx context.Context) (AlarmList, error) {
	var list AlarmList
	return list, c.call(ctx, http.MethodGet, PathAlarms, &list)
}

// AckAlarm acknowledges an alarm. Errors: ErrUnreachable, ErrUsage, those of Alarming.
func (c *Client) AckAlarm(ctx context.Context, id string) (Acknowledged, error) {
	var done Acknowledged
	return done, c.post(ctx, PathAckAlarm, AckRequest{ID: id}, &done)
}
