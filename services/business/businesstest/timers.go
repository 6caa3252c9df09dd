package businesstest

import (
	"slices"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/outbox"
)

// Timer is a timer of a service. It runs only by Host.Fire.
type Timer struct {
	outbox.Timer
	Revision uint64
}

// Notice is a notice of a service to terminals.
type Notice struct {
	outbox.Notice
	Service  string
	Sequence uint64 // of the update
}

// Notices returns all of them, in order.
func (d *Database) Notices() []Notice {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.notices)
}

type timerName struct{ service, key string }

// leave changes timers as an update does. The lock is held.
func (d *Database) leave(service string, c outbox.Changes) {
	if c.Fired != nil {
		delete(d.timers, timerName{service, c.Fired.Key})
	}
	for _, n := range c.Notices {
		d.notices = append(d.notices, Notice{n, service, d.sequence})
	}
	for _, t := range c.Timers {
		if delete(d.timers, timerName{service, t.Key}); !t.Cancel {
			d.timers[timerName{service, t.Key}] = Timer{t, d.sequence}
		}
	}
}

// Timer returns a timer of a service, and whether it exists.
func (d *Database) Timer(service, key string) (Timer, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	t, ok := d.timers[timerName{service, key}]
	return t, ok
}

// Fire is the request of a timer that is due, and late by a duration.
func (h *Host) Fire(service, key string, late time.Duration) bus.Request {
	h.TB.Helper()
	t, ok := h.Database.Timer(service, key)
	if !ok {
		h.TB.Fatalf("%s has no timer %q", service, key)
	}
	q := Request(service, t.Operation, string(t.Body))
	q.Timer = &outbox.Due{Key: key, Revision: t.Revision, At: time.Now().Add(-late).UnixNano(), Late: late}
	return q
}
