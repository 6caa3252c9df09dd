package agenda

import (
	"context"
	"time"

	"github.com/hotpair/hotpair/services/timers"
)

// look starts what is due and may run, and says when to look again.
//
// A pass goes through all that is due, page by page, and starts what has room. What has none is left where it is, and the place is
// remembered: when a run ends, its service goes on there at once, while the pass goes on for the others.
func (a *Agenda) look(ctx context.Context) (next time.Duration, err error) {
	a.giveUp(ctx)
	if a.relay.Waiting() > 0 {
		a.asked = time.Now()
	}
	next, err = a.fill(ctx)
	if err != nil {
		return 0, err
	}
	if wait := time.Until(a.rested); wait > 0 {
		return min(next, wait), nil
	}
	from, began := a.place, time.Now()
	if from == nil {
		a.pass++
		a.soonest = began.Add(lookAgain)
	}
	due, err := a.ask(ctx, Question{Epoch: a.epoch, From: from, Most: page}, askWithin)
	if err != nil {
		return 0, err
	}
	a.take(ctx, from, due)
	if a.place = due.Rest; a.place != nil {
		if len(a.known) > mostKnown {
			a.forgetDone()
		}
		pause := max(pagePause, pageShare*time.Since(began))
		a.rested = time.Now().Add(pause)
		next = min(next, pause)
	} else {
		a.forget()
		a.putOff, a.found = a.found, map[string]*Place{}
		a.state.Deferred, a.deferred = a.deferred, ""
	}
	a.report(ctx)
	return min(next, max(0, time.Until(a.soonest))), nil
}

// fill has services that have much room again run what was put off, and says when to go on with that at the latest. Much is half of it: so
// what is read for one run is read for several.
func (a *Agenda) fill(ctx context.Context) (next time.Duration, err error) {
	next = lookAgain
	for service, from := range a.putOff {
		vain := 0
		if a.of[service] > a.each()/2 {
			continue
		}
		for a.room(service) {
			if vain == fillPages {
				next = pagePause
				break
			}
			due, err := a.ask(ctx, Question{Epoch: a.epoch, From: from, Most: 2 * a.each()}, askWithin)
			if err != nil {
				return 0, err
			}
			delete(a.putOff, service)
			if vain++; a.take(ctx, from, due) > 0 {
				vain = 0
			}
			if _, more := a.putOff[service]; more || due.Rest == nil {
				break
			}
			from = due.Rest
			a.putOff[service] = from
		}
	}
	return next, nil
}

// take starts what may run of a page that begins at from, and says how many those are.
func (a *Agenda) take(ctx context.Context, from *Place, due Due) (started int) {
	a.state.Kept, a.state.Parked = due.Kept, due.Parked
	if due.Deferred != "" {
		a.deferred, a.state.Deferred = due.Deferred, due.Deferred
	}
	if due.Next > 0 {
		a.again(due.Next)
	}
	var drop []Order
	for _, t := range due.Timers {
		switch wait, may := a.consider(ctx, t); {
		case wait > 0:
			a.again(wait)
		case !may:
		case t.Skip:
			drop = append(drop, Order{Service: t.Service, Key: t.Key, Kind: timers.Drop, Revision: t.Revision})
		case !a.room(t.Service):
			for _, places := range []map[string]*Place{a.putOff, a.found} {
				if _, before := places[t.Service]; !before {
					places[t.Service] = from
				}
			}
		default:
			a.start(t)
			started++
		}
	}
	if len(drop) > 0 {
		a.order(ctx, drop)
	}
	return started
}

// again has what was seen looked at again after a time.
func (a *Agenda) again(after time.Duration) {
	if at := time.Now().Add(after); at.Before(a.soonest) {
		a.soonest = at
	}
}

// room reports whether one more timer of a service may run.
func (a *Agenda) room(service string) bool {
	return a.running < atOnce && a.of[service] < a.each()
}

// each is how many timers of one service may run.
func (a *Agenda) each() int {
	if time.Since(a.asked) < besides {
		return eachBeside
	}
	return eachAtOnce
}

// consider says whether a timer may be started as far as its own runs are concerned, and how long it still rests.
func (a *Agenda) consider(ctx context.Context, t Timer) (rest time.Duration, may bool) {
	k := a.known[name{t.Service, t.Key}]
	if k == nil {
		return 0, true
	}
	k.pass = a.pass
	switch {
	case k.running:
		return 0, false
	case k.revision != t.Revision:
		return 0, true
	case k.done:
		k.done = false
		a.after(ctx, k, t, timers.Failed, "its run has ended, and was not committed")
	}
	return max(0, time.Until(k.rest)), true
}

// forget drops what was not seen in the pass that has ended: it is gone.
func (a *Agenda) forget() {
	for id, k := range a.known {
		if k.pass != a.pass && !k.running {
			delete(a.known, id)
		}
	}
}

// forgetDone drops what was done, during a pass that takes long.
func (a *Agenda) forgetDone() {
	for id, k := range a.known {
		if k.done && !k.running && k.pass != a.pass {
			delete(a.known, id)
		}
	}
}

// report tells what there is, and notes the time now and then.
func (a *Agenda) report(ctx context.Context) {
	a.state.Running, a.state.Failing = a.running, 0
	for _, k := range a.known {
		if k.tries > 0 {
			a.state.Failing++
		}
	}
	a.tell(a.state)
	if a.state.Kept > 0 && time.Since(a.noted) >= noteEvery {
		a.noted = time.Now()
		a.order(ctx, nil)
	}
}
