package comparison

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/section"
)

// awaitWithin is how long the answerer waits for a position that is not committed there yet.
const awaitWithin = 5 * time.Second

// Repairable is the database of the host that answers. *storage.Store is one.
type Repairable interface {
	Buckets() ([]string, error)
	ReadSection(q section.Section, at *history.Mark, time int64, detail section.Detail) (section.Content, error)
	Repair(ctx context.Context, content section.Content) (changed int, err error)
}

// Answerer answers the host that leads a comparison.
type Answerer struct {
	Host     string
	Conn     *bus.Conn // to the own server, that the other host calls on
	Database Repairable
	// Allow refuses a caller that is not the active of the epoch in which this host is standby.
	Allow func(epoch uint64) error
	// Moved gives a channel that is closed when more is committed or applied than now.
	Moved func() <-chan struct{}
	// Failed is told of a database that takes no more writes.
	Failed func(error)
	Log    *slog.Logger
}

// Run answers calls, one after the other, until ctx ends.
func (a *Answerer) Run(ctx context.Context) error {
	calls := make(chan *nats.Msg, 16)
	sub, err := a.Conn.ChanSubscribe(bus.ComparisonCall(a.Host, "*"), calls)
	if err != nil {
		return fmt.Errorf("serve comparisons: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }() // fails only when the connection is closed already
	router := bus.NewRouter("")
	serve(ctx, a, router, callBuckets(a.Host), a.buckets)
	serve(ctx, a, router, callSection(a.Host), a.section)
	serve(ctx, a, router, callRepair(a.Host), a.repair)
	for {
		select {
		case m := <-calls:
			router.Take(m)
		case <-ctx.Done():
			return nil
		}
	}
}

// serve has one kind of calls answered by do, unless the caller is not to be answered.
func serve[Q interface{ epoch() uint64 }, A any](ctx context.Context, a *Answerer, router *bus.Router, e bus.Endpoint[Q, A], do func(context.Context, Q) (A, error)) {
	e.Handle(router, func(q Q, answer func(A, error)) {
		var none A
		if err := a.Allow(q.epoch()); err != nil {
			answer(none, fmt.Errorf("%w: %w", ErrRefused, err))
			return
		}
		found, err := do(ctx, q)
		if err != nil {
			found = none
		}
		answer(found, err)
	})
}

func (a *Answerer) buckets(context.Context, bucketsRequest) (bucketsReply, error) {
	b, err := a.Database.Buckets()
	return bucketsReply{Buckets: b}, err
}

// section reads what is asked for, once it is committed here.
func (a *Answerer) section(ctx context.Context, q sectionRequest) (section.Content, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, awaitWithin, ErrBehind)
	defer cancel()
	at := &q.At
	if q.At == (history.Mark{}) {
		at = nil
	}
	for {
		moved := a.Moved() // before the look, so that nothing is missed
		c, err := a.Database.ReadSection(q.Section, at, q.Forgotten, min(q.Detail, section.WithSums))
		if !errors.Is(err, storage.ErrAbsent) {
			return c, err
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return c, fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
	}
}

func (a *Answerer) repair(ctx context.Context, q repairRequest) (repairReply, error) {
	wait, cancel := context.WithTimeoutCause(ctx, awaitWithin, ErrBehind)
	defer cancel()
	var changed int
	var err error
	for {
		moved := a.Moved()
		if changed, err = a.Database.Repair(ctx, q.Content); !errors.Is(err, storage.ErrAbsent) {
			break
		}
		select {
		case <-moved:
			continue
		case <-wait.Done():
		}
		break
	}
	if errors.Is(err, storage.ErrDead) {
		a.Failed(err)
	}
	if err == nil && changed > 0 {
		a.Log.Warn("repaired keys from the active host", "bucket", q.Content.Section.Bucket, "keys", changed, "position", q.Content.At.Position)
	}
	return repairReply{Changed: changed}, err
}
