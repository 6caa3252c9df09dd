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
// the cause is gone, as often as it likes: only a change is told. Neither ever blocks.
type Set struct {
	host        string
	incarnation uint64
	now         func() time.Time
	tellers     []Teller

	mu     sync.Mutex
	raised map[string]bus.Alarm
}

// NewSet makes the set of one main. The tellers hear of each change, in order, under the lock of the set: they must not come
// back to it.
func NewSet(host string, incarnation uint64, tellers ...Teller) *Set {
	return &Set{host: host, incarnation: incarnation, now: time.Now, tellers: tellers, raised: map[string]bus.Alarm{}}
}

// Raise raises the alarm of an id in Table, which has severity and remedy. text is a sentence: what is wrong. One
// that is raised already keeps its beginning and gets the text.
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

// Heard is told of what is new in the pair's event log: an alarm that stands there until an operator acknowledges it is the
// pair's, no longer this host's. It goes from here without a word.
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

// List gives what is raised, the worst first.
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

// Own gives those that end by themselves; the others are the pair's.
func (a *Set) Own() []bus.Alarm {
	return slices.DeleteFunc(a.List(), func(a bus.Alarm) bool { return a.Acknowledge })
}

// Join gives what is wrong with a pair, the worst first: the pair's alarms, those that this host has raised, and those that
// the other one tells of.
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

// sortWorst brings the worst first: by severity, then in the order of Table.
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
