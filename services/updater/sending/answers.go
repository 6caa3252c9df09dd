package sending

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/courier/waybill"
	"github.com/hotpair/hotpair/services/emissions"
	"github.com/hotpair/hotpair/services/timers"
	"github.com/hotpair/hotpair/services/updater/dispatch"
	"github.com/hotpair/hotpair/services/updater/leaving"
	"github.com/hotpair/hotpair/storage"
)

// errOutcome says that what is to be recorded can't be.
var errOutcome = errors.New("not an outcome of an emission")

// Config is what answers rest on.
type Config struct {
	Store leaving.Viewer
	Term  leaving.Term
	Watch *Watch
	Pair  func() string      // id of the pair
	Time  func() timers.Time // by which ages are counted
}

// Answers answers the courier of this host, and main for operators.
type Answers struct {
	life context.Context
	Config
}

// New makes the answers of one host. No question waits any more when life ends.
func New(life context.Context, c Config) *Answers { return &Answers{life, c} }

// Answer has questions answered, each in a goroutine of the group.
func (a *Answers) Answer(r *bus.Router, group bus.Group) {
	waybill.CallPending.HandleIn(a.life, r, group, a.pending)
	waybill.CallTarget.HandleIn(a.life, r, group, a.target)
	waybill.CallLanes.HandleIn(a.life, r, group, a.lanes)
	waybill.CallHead.HandleIn(a.life, r, group, a.head)
	waybill.CallRecord.HandleIn(a.life, r, group, a.record)
	waybill.CallList.HandleIn(a.life, r, group, a.list)
	waybill.CallChange.HandleIn(a.life, r, group, a.change)
	waybill.CallRelease.HandleIn(a.life, r, group, a.release)
	waybill.CallTargets.HandleIn(a.life, r, group, a.targets)
	waybill.CallSet.HandleIn(a.life, r, group, a.set)
	waybill.CallRemove.HandleIn(a.life, r, group, a.remove)
}

// pending says what there is, at once or when it has changed.
func (a *Answers) pending(ctx context.Context, q waybill.Question) (p waybill.Pending, err error) {
	if p.Version, err = a.Watch.version.Await(ctx, a.Term, q.Epoch, q.Seen, q.Wait); err != nil {
		return p, err
	}
	p.Pair = a.Pair()
	err = a.Store.View(func(r *storage.Reader) (err error) {
		if p.Deferred, p.Released, err = dispatch.Deferred(r); err != nil {
			return err
		}
		for _, k := range dispatch.Targets(r) {
			p.Targets = append(p.Targets, waybill.Target{
				Name: k.Name, Skip: k.Skip, Age: k.Age, Closing: k.Closing, Set: k.Revision, Waiting: k.Waiting, Parked: k.Parked, Unreadable: why(k.Unreadable),
			})
		}
		return nil
	})
	return p, err
}

// why is an error as a text, "" without one.
func why(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// target says how to reach one.
func (a *Answers) target(_ context.Context, q waybill.TargetQuestion) (s waybill.Setting, err error) {
	if err := a.Term.Serves(q.Epoch); err != nil {
		return s, err
	}
	k, err := a.find(q.Name)
	if err == nil {
		err = k.Unreadable
	}
	if err != nil {
		return s, err
	}
	return waybill.Setting{Set: k.Revision, URL: k.URL, Secret: k.Secret, Roots: k.Roots}, nil
}

// find gives a target that there is, although it may be one that can't be read.
func (a *Answers) find(name string) (k *dispatch.Known, err error) {
	err = a.Store.View(func(r *storage.Reader) error {
		k = dispatch.Find(r, name)
		return nil
	})
	if err == nil && k == nil {
		err = fmt.Errorf("%w: the target %q; hotpair targets list shows all targets", bus.ErrAbsent, name)
	}
	return k, err
}

// lanes says which lanes of a target have something to send, or are blocked.
func (a *Answers) lanes(_ context.Context, q waybill.Lanes) (l waybill.Listing, err error) {
	if err := a.Term.Serves(q.Epoch); err != nil {
		return l, err
	}
	err = a.Store.View(func(r *storage.Reader) error {
		l.Lanes, l.Next = dispatch.Lanes(r, q.Target, q.Blocked, q.After, waybill.MostLanes)
		return nil
	})
	return l, err
}

// head says what stands at the head of a lane.
func (a *Answers) head(_ context.Context, q waybill.HeadQuestion) (h waybill.Head, err error) {
	if err := a.Term.Serves(q.Epoch); err != nil {
		return h, err
	}
	now := a.Time()
	err = a.Store.View(func(r *storage.Reader) error {
		it, err := dispatch.Head(r, q.Target, q.Lane)
		if err != nil || it == nil {
			h.Unreadable = why(err)
			return nil
		}
		h.Load = &waybill.Load{Number: it.Number, First: it.First, Service: it.Service, Blocks: it.Blocks}
		if !it.Blocks {
			h.Load.Body = it.Body
		}
		if !now.Doubt {
			h.Load.Age = max(0, time.Duration(now.Counted-it.At))
		}
		return nil
	})
	return h, err
}

// record has recorded what came of an emission.
func (a *Answers) record(ctx context.Context, q waybill.Outcome) (bus.Done, error) {
	kind, known := map[string]emissions.Kind{waybill.Done: emissions.Done, waybill.Park: emissions.Park, waybill.Pass: emissions.Pass}[q.What]
	if !known {
		return bus.Done{}, fmt.Errorf("%w: %.20q", errOutcome, q.What)
	}
	return bus.Done{}, a.commit(ctx, q.Epoch, dispatch.Orders{{Target: q.Target, Lane: q.Lane, Kind: kind, Number: q.Number, Pass: q.Pass, Why: q.Why}})
}

// commit has orders committed in a term. What is not there any more is waybill.ErrGone, what can't be is bus.ErrRefused or bus.ErrAbsent.
func (a *Answers) commit(ctx context.Context, epoch uint64, orders leaving.Orders) error {
	r, err := leaving.Commit(ctx, a.Term, epoch, orders)
	if err != nil {
		return err
	}
	switch r.Code {
	case bus.CodeOK:
		return nil
	case bus.CodeTooOld:
		return fmt.Errorf("%w: %s", waybill.ErrGone, r.Message)
	case bus.CodeAbsent:
		return fmt.Errorf("%w: %s", bus.ErrAbsent, r.Message)
	}
	return fmt.Errorf("%w: %s", bus.ErrRefused, r.Message)
}
