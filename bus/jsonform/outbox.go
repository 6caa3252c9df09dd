package jsonform

import (
	"encoding/json"
	"strconv"

	"github.com/hotpair/hotpair/bus/outbox"
)

type changes struct {
	Fired     *fired     `json:"fired,omitempty"`
	Timers    []timer    `json:"timers,omitempty"`
	Notices   []notice   `json:"notices,omitempty"`
	Emissions []emission `json:"emissions,omitempty"`
}

type fired struct {
	Key      string `json:"key"`
	Revision string `json:"revision"`
}

type timer struct {
	Key       string          `json:"key"`
	Cancel    bool            `json:"cancel,omitempty"`
	Operation string          `json:"operation,omitempty"`
	Body      json.RawMessage `json:"body,omitempty"`
	AfterMS   int64           `json:"after_ms,omitempty"`
	AtNS      string          `json:"at_ns,omitempty"`
	Skip      bool            `json:"skip,omitempty"`
}

type notice struct {
	To    []string        `json:"to,omitempty"`
	All   bool            `json:"all,omitempty"`
	Topic string          `json:"topic"`
	Body  json.RawMessage `json:"body,omitempty"`
	// Fenced and WithinMS are of a command.
	Fenced   bool  `json:"fenced,omitempty"`
	WithinMS int64 `json:"within_ms,omitempty"`
}

type emission struct {
	Target string          `json:"target"`
	Lane   string          `json:"lane"`
	Body   json.RawMessage `json:"body,omitempty"`
}

func (f *fields) changes(c *changes) (made outbox.Changes) {
	if c == nil {
		return made
	}
	if c.Fired != nil {
		made.Fired = &outbox.Fired{Key: c.Fired.Key, Revision: f.number("outbox.fired.revision", c.Fired.Revision)}
	}
	for i, t := range c.Timers {
		f.in("outbox.timers", i)
		made.Timers = append(made.Timers, outbox.Timer{
			Key: t.Key, Cancel: t.Cancel, Operation: t.Operation, Body: f.document("body", t.Body, ""),
			After: f.duration("after_ms", t.AfterMS), At: f.hour("at_ns", t.AtNS), Skip: t.Skip,
		})
	}
	for i, n := range c.Notices {
		f.in("outbox.notices", i)
		made.Notices = append(made.Notices, outbox.Notice{
			To: n.To, All: n.All, Topic: n.Topic, Body: f.document("body", n.Body, ""), Fenced: n.Fenced, Within: f.duration("within_ms", n.WithinMS),
		})
	}
	for i, e := range c.Emissions {
		f.in("outbox.emissions", i)
		made.Emissions = append(made.Emissions, outbox.Emission{Target: e.Target, Lane: e.Lane, Body: f.document("body", e.Body, "")})
	}
	f.in("", 0)
	return made
}

// changesOf is nil when there are none. Bodies are JSON, or the updater would refuse them.
func changesOf(c *outbox.Changes) *changes {
	if c.IsZero() {
		return nil
	}
	made := &changes{}
	if c.Fired != nil {
		made.Fired = &fired{c.Fired.Key, strconv.FormatUint(c.Fired.Revision, 10)}
	}
	for _, t := range c.Timers {
		one := timer{Key: t.Key, Cancel: t.Cancel, Operation: t.Operation, Body: t.Body, AfterMS: t.After.Milliseconds(), Skip: t.Skip}
		if t.At != 0 {
			one.AtNS = strconv.FormatInt(t.At, 10)
		}
		made.Timers = append(made.Timers, one)
	}
	for _, n := range c.Notices {
		made.Notices = append(made.Notices, notice{To: n.To, All: n.All, Topic: n.Topic, Body: n.Body, Fenced: n.Fenced, WithinMS: n.Within.Milliseconds()})
	}
	for _, e := range c.Emissions {
		made.Emissions = append(made.Emissions, emission{Target: e.Target, Lane: e.Lane, Body: e.Body})
	}
	return made
}
