package alarms

import (
	"fmt"
	"log/slog"

	"github.com/hotpair/hotpair/bus"
)

// Teller is told what becomes of alarms: raised, cleared, acknowledged. It must not block.
type Teller interface {
	Tell(a bus.Alarm, state string)
}

// Noter keeps events, without blocking.
type Noter interface {
	Note(e bus.Event) bus.Event
}

// announcer tells of alarms by events and in the log.
type announcer struct {
	events Noter
	log    *slog.Logger
}

// Announce gives a teller that makes an event and a line of the log.
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
