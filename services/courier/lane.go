package courier

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/hotpair/hotpair/services/courier/waybill"
	"github.com/hotpair/hotpair/services/emissions"
	"github.com/hotpair/hotpair/services/pace"
)

const (
	// inARow bounds what is sent of one lane before other lanes have their turn.
	inARow = 64
	// askWithin bounds a call to the updater, askPause the pause before a failed call is repeated.
	askWithin = 5 * time.Second
	askPause  = 100 * time.Millisecond
)

// work sends what waits in a lane, one after the other, until there is nothing, or it has to rest. For each it waits for its turn among all
// targets, so that slow ones do not keep the others from theirs.
func (t *target) work(ctx context.Context, lane string) {
	for range inARow {
		select {
		case t.round.slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		goes := t.once(ctx, lane)
		<-t.round.slots
		if !goes || ctx.Err() != nil {
			return
		}
	}
}

// once handles the head of a lane, and reports whether the lane continues.
func (t *target) once(ctx context.Context, lane string) (goes bool) {
	load, unreadable, err := t.head(ctx, lane)
	if err == nil && unreadable != "" { // which says nothing about the target, nor about other lanes
		t.spoiled(lane, "the stored emission at its head can't be read: "+unreadable)
		return false
	}
	if err != nil {
		t.round.log.Debug("the updater does not return the emissions to send", "target", t.name, "lane", lane, "error", err)
		t.pause(lane)
	}
	if err == nil && load == nil {
		t.forget(lane)
	}
	if err != nil || load == nil {
		return false
	}
	p, set := t.now()
	if p.Deferred || set.Closing {
		return false
	}
	e := emissions.Entry{Number: load.Number}
	l := emissions.Lane{Queue: []emissions.Entry{e}}
	if load.Blocks {
		l = emissions.Lane{Parked: []emissions.Entry{e}}
	}
	state := emissions.State{Right: t.round.right.holds(t.round.epoch), Deferred: p.Deferred, Counted: int64(load.Age), Rest: t.rest(lane)}
	verdict, _ := l.Next(emissions.Target{Skip: set.Skip, Age: set.Age}, state)
	switch verdict {
	case emissions.Move:
		return t.record(ctx, lane, waybill.Outcome{Number: load.Number, What: waybill.Pass})
	case emissions.Old:
		t.round.log.Warn("Emission is too old, and parked", "target", t.name, "lane", lane, "emission", waybill.Text(load.First))
		why := fmt.Sprintf("not accepted within %s: %s", set.Age, t.lastWhy(lane))
		goes := t.record(ctx, lane, waybill.Outcome{Number: load.Number, What: waybill.Park, Pass: set.Skip, Why: why})
		if goes && !set.Skip {
			t.forget(lane) // it is blocked now, and does not fail
		}
		return goes
	case emissions.Send:
		return t.send(ctx, lane, &parcel{Load: *load, pair: p.Pair, target: t.name, lane: lane, released: p.Released})
	}
	return false
}

// head asks for the head of a lane; nil if it is empty.
func (t *target) head(ctx context.Context, lane string) (load *waybill.Load, unreadable string, err error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	h, err := t.round.updater.Head(ctx, waybill.HeadQuestion{Epoch: t.round.epoch, Target: t.name, Lane: lane})
	return h.Load, h.Unreadable, err
}

// send makes an attempt, and records its outcome.
func (t *target) send(ctx context.Context, lane string, p *parcel) (goes bool) {
	w, err := t.reach(ctx)
	switch {
	case errors.Is(err, errRoots):
		t.failed(lane, answer{why: err.Error()}, drawn())
		return false
	case err != nil: // of the updater, which is no sign against the target
		t.round.log.Debug("the updater does not return the settings of a target", "target", t.name, "error", err)
		t.pause(lane)
		return false
	}
	trying, end := t.round.right.during(ctx, t.round.epoch)
	a := w.post(trying, p, t.round.wall())
	cause := context.Cause(trying)
	end()
	t.round.tries.Add(1)
	switch what := emissions.Judge(a.code); {
	case what == emissions.Good:
		t.answered(lane)
		t.round.sent.Add(1)
		return t.record(ctx, lane, waybill.Outcome{Number: p.Number, What: waybill.Done})
	case what == emissions.Final:
		t.answered(lane)
		t.round.log.Warn("Emission is refused permanently, and parked", "target", t.name, "lane", lane, "emission", waybill.Text(p.First), "reason", a.why)
		_, set := t.now()
		return t.record(ctx, lane, waybill.Outcome{Number: p.Number, What: waybill.Park, Pass: set.Skip, Why: a.why})
	case cause != nil:
		return false // the term or the right is over: nothing is known against the target
	}
	t.round.log.Debug("Emission was not accepted", "target", t.name, "lane", lane, "emission", waybill.Text(p.First), "reason", a.why)
	t.failed(lane, a, drawn())
	return false
}

// drawn is what a pause is less by.
func drawn() float64 { return rand.Float64() }

// record has the outcome of an emission recorded, repeatedly until that is confirmed: nothing else of the lane may
// leave before.
func (t *target) record(ctx context.Context, lane string, o waybill.Outcome) bool {
	o.Epoch, o.Target, o.Lane = t.round.epoch, t.name, lane
	for ctx.Err() == nil {
		asking, cancel := context.WithTimeout(ctx, askWithin)
		err := t.round.updater.Record(asking, o)
		cancel()
		if err == nil || errors.Is(err, waybill.ErrGone) { // already recorded, or dropped meanwhile
			return true
		}
		t.round.log.Debug("Outcome of an emission is not recorded yet", "target", t.name, "lane", lane, "error", err)
		_ = pace.Rest(ctx, askPause)
	}
	return false
}
