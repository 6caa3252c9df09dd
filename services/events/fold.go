package events

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/hotpair/hotpair/bus"
)

// Repeated events would push everything else out of the pair's log. So after foldAfter occurrences with the same text
// an event is withheld, and one event stands for all of them: after foldFirst, then after twice as long each time, up
// to foldMost. After foldQuiet without an occurrence the count starts again.
//
// Each kind also has an allowance, a token bucket: so many events at once, and one more per interval. Events beyond it
// are withheld, and one event stands for all of the kind.
const (
	foldAfter = 5
	foldFirst = time.Minute
	foldMost  = time.Hour
	foldQuiet = 10 * time.Minute
	// foldKeys bounds how many different events are remembered; for others only the allowance of their kind applies.
	foldKeys = 1000
)

// allowance is the token bucket of a kind of events.
type allowance struct {
	burst int
	each  time.Duration
}

// allowances: a takeover makes some ten events of its kinds, an operator's call two, a restart of a process three. The
// log keeps 10,000 events, so an endless stream of all kinds together overwrites it in three hours at the soonest.
func allowanceOf(kind string) allowance {
	switch kind {
	case bus.EventRole, bus.EventPair:
		return allowance{2000, 5 * time.Second}
	case bus.EventProcess, bus.EventOperator:
		return allowance{500, 5 * time.Second}
	}
	return allowance{500, 10 * time.Second}
}

// Folds withholds repeated events. The zero value is ready for use. It is for one goroutine at a time.
type Folds struct {
	told  map[string]*folded
	kinds map[string]*tokens
	swept time.Time
}

// tokens are what is left of an allowance.
type tokens struct {
	left float64
	at   time.Time
}

// folded is an event that was passed on, with the repetitions withheld since.
type folded struct {
	event  bus.Event // the last withheld one
	folded int
	since  time.Time // of the first withheld one
	times  int       // occurrences, withheld or not
	last   time.Time
	pause  time.Duration // until the withheld ones are reported
	opened time.Time     // when that pause began
}

// Take reports whether an event is passed on now. Otherwise it is withheld.
func (f *Folds) Take(e bus.Event) bool {
	if e.Kind == bus.EventAudit || e.Alarm != nil && (e.Alarm.Acknowledge || e.State == bus.AlarmAcknowledged) {
		return true // the log keeps state of the pair in these
	}
	key := e.Kind + "\x00" + e.Step + "\x00" + fmt.Sprint(e.Epoch) + "\x00" + e.Text
	if e.Alarm != nil {
		key = e.Kind + "\x00" + e.Alarm.ID + "\x00" + e.State
	}
	if f.told == nil {
		f.told, f.kinds = map[string]*folded{}, map[string]*tokens{}
	}
	f.forget(e.Time)
	known := f.told[key]
	if known != nil && known.times >= foldAfter {
		known.hold(e)
		return false
	}
	if !f.allowed(e) {
		of := f.told[e.Kind]
		if of == nil {
			of = &folded{pause: foldFirst, opened: e.Time}
			f.told[e.Kind] = of
		}
		of.hold(e)
		return false
	}
	if known == nil && len(f.told) < foldKeys {
		known = &folded{pause: foldFirst}
		f.told[key] = known
	}
	if known != nil {
		known.times++
		known.last, known.opened = e.Time, e.Time
	}
	return true
}

// hold withholds an event.
func (d *folded) hold(e bus.Event) {
	if d.folded == 0 {
		d.since = e.Time
	}
	d.folded++
	d.times++
	d.event, d.last = e, e.Time
}

// allowed takes one from the kind's allowance.
func (f *Folds) allowed(e bus.Event) bool {
	a := allowanceOf(e.Kind)
	t := f.kinds[e.Kind]
	if t == nil {
		t = &tokens{left: float64(a.burst), at: e.Time}
		f.kinds[e.Kind] = t
	}
	if passed := e.Time.Sub(t.at); passed > 0 {
		t.left = min(float64(a.burst), t.left+float64(passed)/float64(a.each))
	}
	t.at = e.Time // also back: a wall clock may be set
	if t.left < 1 {
		return false
	}
	t.left--
	return true
}

// forget forgets events without a recent occurrence. A wall clock that was set back by more has the same effect.
func (f *Folds) forget(now time.Time) {
	if now.Sub(f.swept).Abs() < time.Second {
		return
	}
	f.swept = now
	for key, d := range f.told {
		if quiet := now.Sub(d.last).Abs(); d.folded == 0 && quiet > max(foldQuiet, d.pause) {
			delete(f.told, key)
		}
	}
}

// Due returns the events that stand for withheld ones whose time has come, in the order in which they began; all:
// whatever the time. wait is the time until the next one; 0 is never.
func (f *Folds) Due(now time.Time, all bool) (list []bus.Event, wait time.Duration) {
	for key, d := range f.told {
		if d.folded == 0 {
			continue
		}
		left := d.pause - now.Sub(d.opened)
		if !all && left > 0 && left <= d.pause { // more: the wall clock was set back
			if wait == 0 || left < wait {
				wait = left
			}
			continue
		}
		list = append(list, d.sum(key == d.event.Kind))
		d.folded, d.opened, d.pause = 0, now, min(2*d.pause, foldMost)
	}
	slices.SortFunc(list, func(a, b bus.Event) int { return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Text, b.Text)) })
	return list, wait
}

// sum is one event for all withheld ones; kind: they have only the kind in common.
func (d *folded) sum(kind bool) bus.Event {
	e := d.event
	e.Took = 0
	what := fmt.Sprintf(" (%d times since %s UTC)", d.folded, d.since.UTC().Format(time.TimeOnly))
	if kind {
		what = fmt.Sprintf(" (and %d more events of kind %s since %s UTC, see the log of host %s)", d.folded-1, e.Kind, d.since.UTC().Format(time.TimeOnly), e.Host)
	}
	if d.folded > 1 {
		e.Text += what
	}
	return e
}
