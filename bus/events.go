package bus

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Kinds of events.
const (
	EventRole     = "role"     // who is active: terms, takeovers, hand-overs with their B-steps
	EventPair     = "pair"     // the other host, the in-sync set, the witness
	EventProcess  = "process"  // a process of a host ended, came back, was given up (B1, B2)
	EventOperator = "operator" // what an operator wanted, and what came of it
	EventAudit    = "audit"    // outcome of a loss audit
	EventAlarm    = "alarm"    // an alarm was raised, cleared or acknowledged
)

// EventKinds are all kinds, in the order in which help names them.
func EventKinds() []string {
	return []string{EventRole, EventPair, EventProcess, EventOperator, EventAudit, EventAlarm}
}

// Event is something that an operator can act on, as a host saw it. In the pair's log it is an entry of the replicated
// database; host, incarnation and number say which event it is, however often it is sent. The JSON names are stable.
type Event struct {
	ID          uint64            `json:"id,omitempty"` // its number in the pair's log; 0 while only its host has it
	Time        time.Time         `json:"time"`         // the host's wall clock
	Host        string            `json:"host"`
	Incarnation uint64            `json:"incarnation,string,omitempty"` // of the main that saw it
	Number      uint64            `json:"number,omitempty"`             // counts the events of that incarnation, from 1
	Kind        string            `json:"kind,omitempty"`               // Event…
	Step        string            `json:"step,omitempty"`               // B1 … B9, as services/DESIGN.md has them
	Epoch       uint64            `json:"epoch,omitempty"`
	Text        string            `json:"text"`
	Took        time.Duration     `json:"took_ns,omitempty"` // since the first step of the same procedure
	Late        bool              `json:"late,omitempty"`    // came into the log long after it happened
	Details     map[string]string `json:"details,omitempty"`
	Alarm       *Alarm            `json:"alarm,omitempty"` // what an event of kind alarm is about
	State       string            `json:"state,omitempty"` // what became of the alarm: Alarm…
}

// States of the alarm of an event.
const (
	AlarmRaised       = "raised"
	AlarmCleared      = "cleared"
	AlarmAcknowledged = "acknowledged"
)

// Severities of alarms.
const (
	Critical = "critical" // users are hit, or data is in danger: act now
	Warning  = "warning"  // served, but the next failure would hurt
)

// Alarm is something that is wrong now. It ends when its cause is gone, unless Acknowledge says that only an
// operator can end it. The JSON names are stable.
type Alarm struct {
	ID       string    `json:"id"`       // one word for the cause, like no-witness
	Severity string    `json:"severity"` // critical, warning
	Since    time.Time `json:"since"`    // the host's wall clock
	Host     string    `json:"host"`     // which raised it
	Text     string    `json:"text"`     // what is wrong, a sentence
	Remedy   string    `json:"remedy"`   // what to do
	// Acknowledge: it stays, over takeovers and restarts of both hosts, until an operator acknowledges it.
	Acknowledge bool `json:"acknowledge,omitempty"`
}

// HookState is the state of one host's alarm hook since its main started. The JSON names are stable.
type HookState struct {
	Name    string `json:"name"`    // command, webhook
	Waiting int    `json:"waiting"` // alarms to tell
	Told    uint64 `json:"told"`
	Failed  uint64 `json:"failed"`            // given up
	Dropped uint64 `json:"dropped"`           // too many waited
	Problem string `json:"problem,omitempty"` // of the last one, when it failed
}

// Bounds of one event. Longer events are truncated where they are made, and refused where they are recorded.
const (
	maxEventText    = 2000 // bytes
	maxEventDetail  = 500  // bytes of a value
	maxEventName    = 64   // bytes of a name of a detail
	maxEventDetails = 16
)

// ErrEvent says that an event can't be part of the log.
var ErrEvent = errors.New("not an event")

// Cut truncates an event to its bounds, and makes its text valid UTF-8.
func (e *Event) Cut() {
	e.Text = cut(e.Text, maxEventText)
	if e.Alarm != nil {
		a := *e.Alarm
		a.Text, a.Remedy = cut(a.Text, maxEventText), cut(a.Remedy, maxEventText)
		e.Alarm = &a
	}
	if e.Details == nil {
		return
	}
	details := make(map[string]string, len(e.Details))
	for _, name := range slices.Sorted(maps.Keys(e.Details)) {
		if len(details) < maxEventDetails && ValidName(name) {
			details[name] = cut(e.Details[name], maxEventDetail)
		}
	}
	e.Details = details
}

func cut(text string, most int) string {
	text = strings.ToValidUTF8(text, "?")
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most-len("…")], "") + "…"
}

// Check refuses what can't be part of the log. The error is ErrEvent.
func (e *Event) Check() error {
	switch {
	case !ValidName(e.Host):
		return fmt.Errorf("%w: host %q", ErrEvent, e.Host)
	case e.Incarnation == 0 || e.Number == 0:
		return fmt.Errorf("%w: without incarnation or number", ErrEvent)
	case !ValidName(e.Kind):
		return fmt.Errorf("%w: kind %q", ErrEvent, e.Kind)
	case e.Step != "" && !ValidName(e.Step):
		return fmt.Errorf("%w: step %q", ErrEvent, e.Step)
	case len(e.Text) > maxEventText || !utf8.ValidString(e.Text):
		return fmt.Errorf("%w: text of %d bytes", ErrEvent, len(e.Text))
	case e.Time.IsZero() || e.Time.Year() > 9999 || e.Time.Year() < 1970:
		return fmt.Errorf("%w: time %v", ErrEvent, e.Time)
	case len(e.Details) > maxEventDetails:
		return fmt.Errorf("%w: %d details", ErrEvent, len(e.Details))
	}
	for name, value := range e.Details {
		if len(name) > maxEventName || !ValidName(name) || len(value) > maxEventDetail || !utf8.ValidString(value) {
			return fmt.Errorf("%w: detail %q", ErrEvent, name)
		}
	}
	if e.State != "" && !ValidName(e.State) {
		return fmt.Errorf("%w: state %q", ErrEvent, e.State)
	}
	if a := e.Alarm; a != nil && (!ValidName(a.ID) || !ValidName(a.Host) || len(a.Text) > maxEventText || len(a.Remedy) > maxEventText) {
		return fmt.Errorf("%w: alarm %q", ErrEvent, a.ID)
	}
	return nil
}

// MaxEvents bounds the events of one RecordEvents and of one EventsPage.
const MaxEvents = 500

// RecordEvents orders the updater of the active to append events to the log, in this order. Events that are already in
// it are skipped, so an order may be repeated.
type RecordEvents struct {
	Events []Event `json:"events"`
}

// RecordedEvents answers a RecordEvents: all events are in the log, committed like any update; its last number is Last.
// After an error they may be.
type RecordedEvents struct {
	Last uint64 `json:"last,omitempty"`
}

// EventsRequest asks for a page of the log, oldest first.
type EventsRequest struct {
	// From is the number to begin with. 0: with the oldest when Since is given, else so that the page ends with the last.
	From  uint64    `json:"from,omitempty"`
	Limit int       `json:"limit,omitempty"` // 1 to MaxEvents; 0 is MaxEvents
	Since time.Time `json:"since,omitzero"`  // only what happened then or later
	Kind  string    `json:"kind,omitempty"`  // only these
}

// EventsPage answers an EventsRequest.
type EventsPage struct {
	Events []Event `json:"events"`
	First  uint64  `json:"first"` // oldest number that is kept
	Last   uint64  `json:"last"`  // newest number; 0: the log is empty
	Next   uint64  `json:"next"`  // From of the page that follows
	// Alarms are those of the pair that wait to be acknowledged.
	Alarms []Alarm `json:"alarms,omitempty"`
	// Note says why this is not the log but what main remembers; "" when it is the log.
	Note string `json:"note,omitempty"`
}
