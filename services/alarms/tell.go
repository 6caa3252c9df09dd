package alarms

import (
	"fmt"
	"log/slog"

	"github.com/hotpair/hotpair/bus"
)

// Teller is notified of each change of an alarm: raised, cleared, acknowledged. It must not block.
type Teller interface {
	Tell(a bus.Alarm, state string)
}

// Noter keeps events, without blocking.
type Noter interface {
	Note(e bus.Event) bus.Event
}

// announcer writes changes of alarms to the events and to the log.
type announcer struct {
	events Noter
	log    *slog.Logger
}

// Announce returns a teller that makes an event and a line of the log for each change.
func Announce(events Noter, log *slog.Logger) Teller { return announcer{events, log} }

// Tell implements Teller.
func (n announcer) Tell(a bus.Alarm, state string) {
	e := n.events.Note(bus.Event{Kind: bus.EventAlarm, Alarm: &a, State: state, Text: fmt.Sprintf("alarm %s %s: %s", a.ID, state, a.Text)})
	if state == bus.AlarmRaised {
		n.log.Warn(e.Text, "alarm", a.ID, "severity", a.Severity)
		return
	}
	n.log.Info(e.Text, "alarm", a.ID)
}
