package sending

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/courier/waybill"
	"github.com/hotpair/hotpair/services/emissions"
	"github.com/hotpair/hotpair/services/updater/dispatch"
	"github.com/hotpair/hotpair/storage"
)

const (
	// mostReleased and mostDropped bound the emissions that one update releases or drops: it writes anew what it releases.
	mostReleased = 8
	mostDropped  = 512
)

// list says which emissions there are.
func (a *Answers) list(_ context.Context, q waybill.ListEmissions) (waybill.ListedEmissions, error) {
	l := waybill.ListedEmissions{Emissions: []waybill.ShownEmission{}}
	after, err := base64.RawURLEncoding.DecodeString(q.After)
	if err != nil {
		return l, fmt.Errorf("%w: after must come from an answer: %w", bus.ErrRefused, err)
	}
	err = a.Store.View(func(r *storage.Reader) (err error) {
		items, next, err := dispatch.List(r, !q.Waiting, q.Target, q.Lane, after, min(max(q.Limit, 1), waybill.MostListed))
		if err != nil {
			return err
		}
		l.Next = base64.RawURLEncoding.EncodeToString(next)
		for i := range items {
			l.Emissions = append(l.Emissions, shown(&items[i]))
		}
		if l.Deferred, _, err = dispatch.Deferred(r); err != nil {
			return err
		}
		for _, k := range dispatch.Targets(r) {
			l.Waiting, l.Parked = l.Waiting+k.Waiting, l.Parked+k.Parked
		}
		return nil
	})
	return l, err
}

func shown(it *dispatch.Item) waybill.ShownEmission {
	return waybill.ShownEmission{
		Target: it.Target, Lane: it.Lane, Number: waybill.Text(it.Number), First: waybill.Text(it.First), Service: it.Service, Emitted: it.Wall.UTC(),
		Bytes: it.Bytes, Parked: it.Parked, Blocks: it.Blocks, Why: it.Why,
	}
}

// change does what an operator wants of one emission, or of all that are parked in a lane.
func (a *Answers) change(ctx context.Context, q waybill.ChangeEmissions) (c waybill.EmissionsChanged, err error) {
	if q.Number == "" {
		return a.changeAll(ctx, q)
	}
	n, err := waybill.Parse(q.Number)
	if err != nil {
		return c, fmt.Errorf("%w: %w", bus.ErrRefused, err)
	}
	var it *dispatch.Item
	err = a.Store.View(func(r *storage.Reader) (err error) {
		it, err = dispatch.One(r, q.Target, q.Lane, n)
		return err
	})
	switch {
	case err != nil:
		return c, err
	case it == nil:
		return c, fmt.Errorf("%w: no emission %s is parked or waits in the lane %s of %s; hotpair emissions lists them", bus.ErrAbsent, q.Number, q.Lane, q.Target)
	case !q.Drop && it.Unreadable != nil:
		return c, fmt.Errorf("%w: emission %s can't be released, only dropped: %w", bus.ErrRefused, q.Number, it.Unreadable)
	case !q.Drop && !it.Parked:
		return c, fmt.Errorf("%w: emission %s is not parked, it is sent automatically", bus.ErrRefused, q.Number)
	}
	if err := a.commit(ctx, 0, dispatch.Orders{order(it, q.Drop)}); err != nil {
		return c, told(err)
	}
	return waybill.EmissionsChanged{Count: 1}, nil
}

func order(it *dispatch.Item, drop bool) dispatch.Order {
	o := dispatch.Order{Target: it.Target, Lane: it.Lane, Kind: emissions.Release, Number: it.Number}
	if drop {
		o.Kind = emissions.Drop
	}
	return o
}

// changeAll releases or drops all that are parked in a lane, the first one first, so many in an update. What comes to be parked meanwhile is
// none of them. What can't be read is dropped with the others, and stays where it is when they are released.
func (a *Answers) changeAll(ctx context.Context, q waybill.ChangeEmissions) (c waybill.EmissionsChanged, err error) {
	most := mostReleased
	if q.Drop {
		most = mostDropped
	}
	var after []byte
	for more := true; more; {
		var orders dispatch.Orders
		skipped := 0
		err := a.Store.View(func(r *storage.Reader) error {
			items, next, err := dispatch.List(r, true, q.Target, q.Lane, after, most)
			after, more = next, next != nil
			for i := range items {
				if items[i].Unreadable != nil && !q.Drop {
					skipped++
					continue
				}
				orders = append(orders, order(&items[i], q.Drop))
			}
			return err
		})
		if err == nil && len(orders) > 0 {
			err = a.commit(ctx, 0, orders)
		}
		if err != nil {
			return c, told(fmt.Errorf("%w (%d were changed before)", err, c.Count))
		}
		c.Count, c.Skipped = c.Count+len(orders), c.Skipped+skipped
	}
	switch {
	case c.Count > 0:
		return c, nil
	case c.Skipped > 0:
		return c, fmt.Errorf("%w: none of the %d parked emissions in the lane %s of %s can be read: they can be dropped, not released", bus.ErrRefused, c.Skipped, q.Lane, q.Target)
	}
	return c, fmt.Errorf("%w: nothing is parked in the lane %s of %s; hotpair emissions lists the parked ones", bus.ErrAbsent, q.Lane, q.Target)
}

// told is an error as an operator is told it.
func told(err error) error {
	if errors.Is(err, waybill.ErrGone) {
		return fmt.Errorf("%w: %w", bus.ErrRefused, err)
	}
	return err
}

// release has leave what is held.
func (a *Answers) release(ctx context.Context, _ bus.Done) (bus.Done, error) {
	deferred := false
	err := a.Store.View(func(r *storage.Reader) (err error) {
		deferred, _, err = dispatch.Deferred(r)
		return err
	})
	if err == nil && !deferred {
		err = fmt.Errorf("%w: emissions are not deferred, they are sent automatically", bus.ErrRefused)
	}
	if err != nil {
		return bus.Done{}, err
	}
	return bus.Done{}, told(a.commit(ctx, 0, dispatch.ReleaseDeferred{}))
}

// targets says which there are.
func (a *Answers) targets(context.Context, bus.Done) (waybill.TargetList, error) {
	l := waybill.TargetList{Targets: []waybill.ShownTarget{}}
	err := a.Store.View(func(r *storage.Reader) error {
		for _, k := range dispatch.Targets(r) {
			l.Targets = append(l.Targets, shownTarget(&k))
		}
		return nil
	})
	return l, err
}

func shownTarget(k *dispatch.Known) waybill.ShownTarget {
	return waybill.ShownTarget{
		Name: k.Name, URL: k.URL, Signed: len(k.Secret) > 0, OwnCA: len(k.Roots) > 0, Skip: k.Skip, AgeMS: k.Age.Milliseconds(), Closing: k.Closing,
		Waiting: k.Waiting, Parked: k.Parked, Bytes: k.Bytes, Unreadable: why(k.Unreadable),
	}
}

// set makes a target or changes one.
func (a *Answers) set(ctx context.Context, q waybill.SetTarget) (c waybill.TargetChanged, err error) {
	if err := q.Check(); err != nil {
		return c, fmt.Errorf("%w: %w", bus.ErrRefused, err)
	}
	k := &dispatch.Known{Name: q.Name}
	is, err := a.find(q.Name)
	switch {
	case err != nil && !errors.Is(err, bus.ErrAbsent), err != nil && !q.New:
		return c, err
	case err == nil && q.New:
		return c, fmt.Errorf("%w: there is a target %q already; hotpair targets set changes it", bus.ErrRefused, q.Name)
	case err == nil:
		k = is
	}
	if k.Closing {
		return c, fmt.Errorf("%w: the target %q is being removed; finish that with hotpair targets remove %s --drop, then add it again", bus.ErrRefused, q.Name, q.Name)
	}
	if k.Unreadable != nil && q.URL == "" {
		return c, fmt.Errorf("%w: the settings of the target %q can't be read: set them all again, with the URL and the secret: %w", bus.ErrRefused, q.Name, k.Unreadable)
	}
	if q.URL != "" {
		k.URL = q.URL
	}
	if q.Secret != "" {
		k.Secret = []byte(q.Secret)
	}
	if q.Roots != "" {
		k.Roots = []byte(q.Roots)
	}
	if q.Skip != nil {
		k.Skip = *q.Skip
	}
	if q.AgeMS != nil {
		k.Age = time.Duration(*q.AgeMS) * time.Millisecond
	}
	err = a.commit(ctx, 0, dispatch.SetTarget{Name: q.Name, Target: k.Target, Revision: k.Revision})
	return waybill.TargetChanged{Target: shownTarget(k)}, told(err)
}

// remove takes a target away. With Drop it takes nothing more from then on, and all that waits or is parked for it is dropped first, in as
// many updates as that needs; one that was broken off goes on when it is asked for again.
func (a *Answers) remove(ctx context.Context, q waybill.RemoveTarget) (c waybill.TargetChanged, err error) {
	k, err := a.find(q.Name)
	if err != nil {
		return c, err
	}
	if q.Drop {
		if !k.Closing && k.Unreadable == nil { // what can't be read is not sent to
			closing := k.Target
			closing.Closing = true
			if err := a.commit(ctx, 0, dispatch.SetTarget{Name: q.Name, Target: closing, Revision: k.Revision}); err != nil {
				return c, told(err)
			}
		}
		if c.Dropped, err = a.dropAll(ctx, q.Name); err != nil {
			return c, told(fmt.Errorf("%w: %d emissions were dropped; run it again for the rest", err, c.Dropped))
		}
	} else if k.Waiting+k.Parked > 0 {
		return c, fmt.Errorf("%w: %d emissions wait and %d are parked for %s: wait until they are sent, or drop them with --drop", bus.ErrRefused, k.Waiting, k.Parked, q.Name)
	}
	c.Target = shownTarget(k)
	return c, told(a.commit(ctx, 0, dispatch.RemoveTarget{Name: q.Name}))
}

// dropAll drops all that is there for a target. What the courier was faster with is looked at again.
func (a *Answers) dropAll(ctx context.Context, target string) (count int, err error) {
	for _, isParked := range []bool{false, true} {
		var after []byte
		for more := true; more; {
			var orders dispatch.Orders
			var next []byte
			err := a.Store.View(func(r *storage.Reader) error {
				items, behind, err := dispatch.List(r, isParked, target, "", after, mostDropped)
				for i := range items {
					orders = append(orders, order(&items[i], true))
				}
				next = behind
				return err
			})
			if err == nil && len(orders) > 0 {
				err = a.commit(ctx, 0, orders)
			}
			switch {
			case errors.Is(err, waybill.ErrGone) && ctx.Err() == nil:
				continue
			case err != nil:
				return count, err
			}
			count += len(orders)
			after, more = next, next != nil
		}
	}
	return count, nil
}
