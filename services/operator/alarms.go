package operator

import (
	"fmt"

	"github.com/hotpair/hotpair/bus"
)

// Alarm is something that is wrong now.
type Alarm = bus.Alarm

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

func (q *AckRequest) check() error {
	if bus.ValidName(q.ID) {
		return nil
	}
	return fmt.Errorf("%w: id %q is no alarm's; %s lists them", ErrUsage, q.ID, CallAlarms.Path)
}

// Acknowledged is what an acknowledgement did.
type Acknowledged struct {
	ID    string `json:"id"` // of the call
	Alarm Alarm  `json:"alarm"`
}
