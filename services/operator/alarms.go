package operator

import (
	"fmt"

	"github.com/hotpair/hotpair/bus"
)

// Alarm is something that is wrong now.
type Alarm = bus.Alarm

// AlarmList is the list of raised alarms, as one host sees it.
type AlarmList struct {
	Host   string      `json:"host"`
	Alarms []Alarm     `json:"alarms"`
	Hooks  []HookState `json:"hooks"` // the configured hooks
}

// HookState is the state of an alarm hook of one host, since its main started.
type HookState = bus.HookState

// AckRequest names the alarm to acknowledge.
type AckRequest struct {
	ID string `json:"id"`
}

func (q *AckRequest) check() error {
	if bus.ValidName(q.ID) {
		return nil
	}
	return fmt.Errorf("%w: %q is not the id of an alarm; %s lists them", ErrUsage, q.ID, CallAlarms.Path)
}

// Acknowledged is the result of an acknowledgement.
type Acknowledged struct {
	ID    string `json:"id"` // of the call
	Alarm Alarm  `json:"alarm"`
}
