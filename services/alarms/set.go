package alarms

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/hotpair/hotpair/bus"
)

// fromOther bounds the alarms that are taken from the other host.
const fromOther = 32

// Set holds the alarms that this host has raised. Any part of main raises one when its cause appears and clears it when
// the cause is gone, as often as it likes: only changes are announced. Neither ever blocks.
type Set struct {
	host        string
	incarnation uint64
	now         func() time.Time
	tellers     []Teller

	mu     sync.Mutex
	raised map[string]bus.Alarm
}

// NewSet makes the set of one main. The tellers get each change, in order, under the lock of the set: they must not
// call the set.
func NewSet(host string, incarnation uint64, tellers ...Teller) *Set {
	return &Set{host: host, incarnation: incarnation, now: time.Now, tellers: tellers, raised: map[string]bus.Alarm{}}
}

// Raise raises the alarm with an id in Table, which has severity and remedy. text is a sentence: what is wrong. An
// alarm that is raised already keeps its beginning and gets the new text.
func (a *Set) Raise(id, text string) {
	kind := KindOf(id)
	a.mu.Lock()
	defer a.mu.Unlock()
	if is, already := a.raised[id]; already {
		is.Text = text
		a.raised[id] = is
		return
	}
	alarm := bus.Alarm{ID: id, Severity: kind.Severity, Since: a.now(), Host: a.host, Text: text, Remedy: kind.Remedy, Acknowledge: kind.Acknowledge}
	a.raised[id] = alarm
	a.tell(alarm, bus.AlarmRaised)
}

// Clear ends an alarm if it is raised.
func (a *Set) Clear(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	alarm, raised := a.raised[id]
	if !raised {
		return
	}
	delete(a.raised, id)
	a.tell(alarm, bus.AlarmCleared)
}

// tell has all tellers told. The lock is held.
func (a *Set) tell(alarm bus.Alarm, state string) {
	for _, t := range a.tellers {
		t.Tell(alarm, state)
	}
}

// Heard takes a new event of the pair's log: an alarm that waits there for an acknowledgement belongs to the pair, no
// longer to this host, and is removed from the set without an announcement.
func (a *Set) Heard(events []bus.Event) {
	for _, e := range events {
		if e.Alarm == nil || !e.Alarm.Acknowledge {
			continue
		}
		if e.State == bus.AlarmAcknowledged || e.Host == a.host && e.Incarnation == a.incarnation {
			a.forget(e.Alarm.ID)
		}
	}
}

func (a *Set) forget(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.raised, id)
}

// IsRaised reports whether an alarm is raised.
func (a *Set) IsRaised(id string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, raised := a.raised[id]
	return raised
}

// List returns the raised alarms, the worst first.
func (a *Set) List() []bus.Alarm {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := make([]bus.Alarm, 0, len(a.raised))
	for _, alarm := range a.raised {
		list = append(list, alarm)
	}
	sortWorst(list)
	return list
}

// Own returns the alarms that clear without an acknowledgement; the others belong to the pair.
func (a *Set) Own() []bus.Alarm {
	return slices.DeleteFunc(a.List(), func(a bus.Alarm) bool { return a.Acknowledge })
}

// Join returns all alarms of a pair, the worst first: the pair's own, those that this host has raised, and those that
// the other host reports.
func Join(pair, own, other []bus.Alarm) []bus.Alarm {
	list := slices.Clone(pair)
	for _, a := range own {
		if !a.Acknowledge || !slices.ContainsFunc(list, func(p bus.Alarm) bool { return p.ID == a.ID }) {
			list = append(list, a)
		}
	}
	list = append(list, other[:min(len(other), fromOther)]...)
	sortWorst(list)
	return list
}

// sortWorst sorts the worst first: by severity, then in the order of Table.
func sortWorst(list []bus.Alarm) {
	table := Table()
	place := func(a bus.Alarm) int {
		return slices.IndexFunc(table, func(k Kind) bool { return k.ID == a.ID })
	}
	slices.SortFunc(list, func(a, b bus.Alarm) int {
		return cmp.Or(cmp.Compare(severityRank(a.Severity), severityRank(b.Severity)), cmp.Compare(place(a), place(b)),
			cmp.Compare(a.Host, b.Host), cmp.Compare(a.ID, b.ID))
	})
}

func severityRank(severity string) int {
	if severity == bus.Critical {
		return 0
	}
	return 1
}
