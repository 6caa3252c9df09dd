package alarms

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/hotpair/hotpair/bus"
)

// Set holds the alarms that this host has raised. Any part of main raises one when its cause appears and clears it when
// the cause is gone, as often as it likes: only a change is told. Neither ever blocks.
type Set struct {
	host string
	now  func() time.Time
	// changed is told of each change, in order, under the lock: it must neither block nor come back here.
	changed func(a bus.Alarm, state string)

	mu     sync.Mutex
	raised map[string]bus.Alarm
}

func NewSet(host string, changed func(bus.Alarm, string)) *Set {
	return &Set{host: host, now: time.Now, changed: changed, raised: map[string]bus.Alarm{}}
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
	a.changed(alarm, bus.AlarmRaised)
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
	a.changed(alarm, bus.AlarmCleared)
}

// Forget takes an alarm away without a word: it is the pair's from now on.
func (a *Set) Forget(id string) {
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
	Sort(list)
	return list
}

// Sort brings the worst first: by severity, then in the order of Table.
func Sort(list []bus.Alarm) {
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
