package timing

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/terminalif/agenda"
	"github.com/hotpair/hotpair/services/timers"
	"github.com/hotpair/hotpair/services/updater/leaving"
	"github.com/hotpair/hotpair/services/updater/schedule"
	"github.com/hotpair/hotpair/storage"
)

const (
	// mostDue bounds the timers of each clock in one answer.
	mostDue = 256
	// mostOrders bounds the orders of one update.
	mostOrders = 256
)

// errOrders says that orders are none that may be given.
var errOrders = errors.New("invalid order about timers")

// Answers answers terminal-if.
type Answers struct {
	life  context.Context
	clock *Clock
	term  leaving.Term
}

// New makes the answers of one host. No question waits any more when life ends.
func New(life context.Context, c *Clock, t leaving.Term) *Answers { return &Answers{life, c, t} }

// Answer has questions answered, each in a goroutine of the group.
func (a *Answers) Answer(r *bus.Router, group bus.Group) {
	ctx := a.life
	agenda.CallDue.HandleIn(ctx, r, group, a.due)
	agenda.CallOrder.HandleIn(ctx, r, group, a.order)
	agenda.CallList.HandleIn(ctx, r, group, a.list)
	agenda.CallChange.HandleIn(ctx, r, group, a.change)
}

// due says what is due, at once or when timers have changed.
func (a *Answers) due(ctx context.Context, q agenda.Question) (agenda.Due, error) {
	version, err := a.clock.version.Await(ctx, a.term, q.Epoch, q.Seen, q.Wait)
	if err != nil {
		return agenda.Due{}, err
	}
	d := agenda.Due{Version: version}
	if q.Most <= 0 {
		return d, nil
	}
	now := a.clock.Time()
	var from schedule.Place
	if q.From != nil {
		from = schedule.Place(*q.From)
	}
	err = a.clock.store.View(func(r *storage.Reader) error {
		look := schedule.Due(r, now, from, min(q.Most, mostDue))
		counts, err := schedule.Counts(r)
		if err != nil && look.Unreadable == "" {
			look.Unreadable = err.Error()
		}
		for _, n := range counts {
			d.Kept, d.Parked = d.Kept+n.Timers, d.Parked+n.Parked
		}
		d.Next, d.Deferred = look.Next, deferred(look, now)
		if look.Rest != nil {
			rest := agenda.Place(*look.Rest)
			d.Rest = &rest
		}
		for _, run := range look.Runs {
			e := &run.Entry
			d.Timers = append(d.Timers, agenda.Timer{
				Service: e.Service, Key: e.Key, Revision: run.Revision, Operation: e.Operation, Body: e.Body,
				At: run.Expected.UnixNano(), Late: run.Late, Skip: run.Verdict == timers.Skipped,
			})
		}
		return nil
	})
	return d, err
}

// held says why timers that may be due are not run: all reasons, for each concerns others.
func deferred(l schedule.Look, now timers.Time) string {
	var why []string
	if l.Unreadable != "" {
		why = append(why, "a timer can't be read, so it is not run; others are not affected: "+l.Unreadable)
	}
	if l.DeferredCounted {
		why = append(why, "it is unknown how long both hosts were down, and no wall clock is trusted: timers with a delay are deferred until the clocks of both hosts agree")
	}
	if l.DeferredWall {
		why = append(why, fmt.Sprintf("the wall clock of this host shows %s, and nothing confirms it: timers with a fixed time are deferred until the clocks of both hosts agree, or this one is synchronized",
			time.Unix(0, now.Wall).UTC().Format(time.RFC3339)))
	}
	return strings.Join(why, "; ")
}

// order has the pair's own changes committed.
func (a *Answers) order(ctx context.Context, q agenda.Orders) (bus.Done, error) {
	if len(q.Orders) > mostOrders {
		return bus.Done{}, fmt.Errorf("%w: %d in one update, at most %d", errOrders, len(q.Orders), mostOrders)
	}
	orders := make(schedule.Orders, 0, len(q.Orders))
	for _, o := range q.Orders {
		if o.Kind != timers.Drop && o.Kind != timers.Park && o.Kind != timers.Release {
			return bus.Done{}, fmt.Errorf("%w: kind %d", errOrders, o.Kind)
		}
		orders = append(orders, schedule.Order{Service: o.Service, Key: o.Key, Kind: o.Kind, Revision: o.Revision, Why: o.Why})
	}
	return bus.Done{}, a.commit(ctx, q.Epoch, orders)
}

// commit has orders committed in a term.
func (a *Answers) commit(ctx context.Context, epoch uint64, orders schedule.Orders) error {
	r, err := leaving.Commit(ctx, a.term, epoch, orders)
	if err == nil && r.Code != bus.CodeOK {
		err = fmt.Errorf("%w: %s", errOrders, r.Message)
	}
	return err
}

// list says which timers there are.
func (a *Answers) list(_ context.Context, q agenda.List) (agenda.Listed, error) {
	l := agenda.Listed{Timers: []agenda.Shown{}}
	err := a.clock.store.View(func(r *storage.Reader) error {
		items, next, err := schedule.List(r, q.Service, q.After, q.Parked, min(max(q.Limit, 1), agenda.MostListed))
		if err != nil {
			return err
		}
		l.Next = next
		for i := range items {
			l.Timers = append(l.Timers, shown(&items[i]))
		}
		counts, _ := schedule.Counts(r) // what can't be read is not counted, and is told of with what is due
		for _, n := range counts {
			l.Kept, l.Parked = l.Kept+n.Timers, l.Parked+n.Parked
		}
		return nil
	})
	return l, err
}

func shown(it *schedule.Item) agenda.Shown {
	return agenda.Shown{
		Service: it.Service, Key: it.Key, Operation: it.Operation, Due: it.Expected.UTC(), Wall: it.Wall, Parked: it.Parked, Why: it.Why,
		Revision: it.Revision, Bytes: len(it.Body),
	}
}

// change does what an operator wants of one timer, as it is now. One that can't be read can be dropped, with the places that name it.
func (a *Answers) change(ctx context.Context, q agenda.Change) (c agenda.Changed, err error) {
	var it *schedule.Item
	err = a.clock.store.View(func(r *storage.Reader) error {
		it = schedule.Find(r, q.Service, q.Key)
		return nil
	})
	var places [][]byte
	if err == nil && q.Drop && (it == nil || it.Unreadable != nil) {
		places, err = a.places(ctx, q)
		if it == nil && len(places) > 0 {
			it = &schedule.Item{Stored: timers.Stored{Entry: timers.Entry{Service: q.Service, Key: q.Key}}, Why: "it is in the order of timers, but not stored"}
		}
	}
	switch {
	case err != nil:
		return c, err
	case it == nil:
		return c, fmt.Errorf("%w: %s has no timer %q", errOrders, q.Service, q.Key)
	case !q.Drop && it.Unreadable != nil:
		return c, fmt.Errorf("%w: timer %q of %s can't be released, only dropped: %w", errOrders, q.Key, q.Service, it.Unreadable)
	case !q.Drop && !it.Parked:
		return c, fmt.Errorf("%w: timer %q of %s is not parked, it runs automatically", errOrders, q.Key, q.Service)
	}
	o := schedule.Order{Service: q.Service, Key: q.Key, Kind: timers.Release, Revision: it.Revision, Places: places}
	if q.Drop {
		o.Kind = timers.Drop
	}
	return agenda.Changed{Timer: shown(it)}, a.commit(ctx, 0, schedule.Orders{o})
}

// places looks where a timer stands in the order of timers, in as many views as that takes.
func (a *Answers) places(ctx context.Context, q agenda.Change) (list [][]byte, err error) {
	for from := new(schedule.Place); from != nil && err == nil; {
		err = a.clock.store.View(func(r *storage.Reader) error {
			found, rest := schedule.Places(r, q.Service, q.Key, *from)
			list, from = append(list, found...), rest
			return context.Cause(ctx)
		})
	}
	return list, err
}
