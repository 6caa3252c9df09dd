package systemspace

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/accounts"
	"github.com/hotpair/hotpair/services/journal"
	"github.com/hotpair/hotpair/services/updater/turns"
	"github.com/hotpair/hotpair/storage"
)

// ErrNotServed says that this host has no term, so that it can't change what is replicated.
var ErrNotServed = errors.New("this host does not serve")

// Committer is the updater as the key space needs it.
type Committer interface {
	// Commit has an update taken into a frame of the term that is served, and reports whether there is one. The answer is given
	// once, from another goroutine perhaps, when the update is committed or refused.
	Commit(space string, c bus.Commit, answer func(bus.DatabaseReply)) (served bool)
	// Beat tells main at once that something has changed.
	Beat()
}

// Viewer gives views of what is committed. *storage.Store is one.
type Viewer interface {
	View(func(*storage.Reader) error) error
}

// Space is the pair's own key space on this host. Its methods may be called by any number of goroutines.
type Space struct {
	store      Viewer
	committer  Committer
	eventsMost uint64 // events that the log keeps
	turns      turns.Turns

	tables  *semaphore.Weighted // one change of the table of terminals, or of the list of operators, at a time
	records *semaphore.Weighted // one change of the event log at a time
}

// New gives the key space in a store. Its event log keeps so many events, one at least; who searches it takes turns.
func New(store Viewer, committer Committer, events int, reads turns.Turns) *Space {
	return &Space{
		store: store, committer: committer, eventsMost: uint64(max(events, 1)), turns: reads,
		tables: semaphore.NewWeighted(1), records: semaphore.NewWeighted(1),
	}
}

// Answer has what main asks of the event log and of the table of terminals answered, each call in a goroutine of the group. An
// answer is bounded by itself, and outlives no process: none ends with what asked for it.
func (s *Space) Answer(r *bus.Router, group bus.Group) {
	ctx := context.Background()
	bus.CallRecord.HandleIn(ctx, r, group, s.record)
	bus.CallEvents.HandleIn(ctx, r, group, s.events)
	bus.CallTable.HandleIn(ctx, r, group, func(_ context.Context, q bus.TableRequest) (bus.TablePage, error) { return tableOf(s.store, q) })
	bus.CallTableChange.HandleIn(ctx, r, group, s.changeTable)
	accounts.CallList.HandleIn(ctx, r, group, s.operators)
	accounts.CallChange.HandleIn(ctx, r, group, s.changeOperators)
}

// events gives a page of the log. One that is searched for takes its turn; a plain one is small, and main needs those itself.
func (s *Space) events(ctx context.Context, q bus.EventsRequest) (bus.EventsPage, error) {
	if q.Kind == "" && q.Since.IsZero() {
		return eventsOf(ctx, s.store, q)
	}
	return turns.Take(ctx, s.turns, func(ctx context.Context) (bus.EventsPage, error) { return eventsOf(ctx, s.store, q) })
}

// Submit has operations committed in the pair's own key space, as one update in a frame like any other, and returns its
// reply when it is committed. The error is ErrNotServed, or ctx's when its outcome is not known yet.
func (s *Space) Submit(ctx context.Context, conditions []bus.Condition, operations []bus.Operation) (bus.DatabaseReply, error) {
	replied := make(chan bus.DatabaseReply, 1)
	served := s.committer.Commit(bus.SystemSpace, bus.Commit{Conditions: conditions, Operations: operations},
		func(r bus.DatabaseReply) { replied <- r })
	if !served {
		return bus.DatabaseReply{}, ErrNotServed
	}
	select {
	case r := <-replied:
		return r, nil
	case <-ctx.Done():
		return bus.DatabaseReply{}, fmt.Errorf("commit in the pair's own key space: %w", context.Cause(ctx))
	}
}

// Put keeps one value in the pair's own key space. The error is that of Submit, or says why it was refused.
func (s *Space) Put(ctx context.Context, key, value []byte) error {
	reply, err := s.Submit(ctx, nil, []bus.Operation{{Key: key, Value: value}})
	if err != nil {
		return err
	}
	return refusedBy(reply)
}

// changeWithin bounds a change: a frame that waits for the other host may take its patience.
const changeWithin = 8 * time.Second

// Change is how one value of the pair's own key space, with what lies below it, is replaced: see Space.Change.
type Change struct {
	What  string              // it is, for people
	Head  string              // the key whose revision says that nothing came between
	Turn  *semaphore.Weighted // one such change at a time
	Tries int                 // how often it is worked out again because another one came first
}

// Change has operations committed that work gives, as one update under the condition that the head still has the revision that they were
// worked out from. When another change came first they are worked out again. Without operations nothing is done.
// The error is work's, that of Submit, what a reply refuses, or says that others come first all the time.
func (s *Space) Change(ctx context.Context, c Change, work func() (operations []bus.Operation, revision uint64, err error)) error {
	ctx, cancel := context.WithTimeout(ctx, changeWithin)
	defer cancel()
	if err := journal.Acquire(ctx, c.Turn); err != nil {
		return err
	}
	defer c.Turn.Release(1)
	for range c.Tries {
		operations, revision, err := work()
		if err != nil || len(operations) == 0 {
			return err
		}
		reply, err := s.Submit(ctx, []bus.Condition{{Key: []byte(c.Head), Revision: revision}}, operations)
		switch {
		case err != nil:
			return err
		case reply.Code != bus.CodeConflict:
			return refusedBy(reply)
		}
	}
	return fmt.Errorf("%s: other changes always came first", c.What)
}

// refusedBy gives the error of a reply that refuses, nil when it was committed: ErrNotServed where no term is served any more.
func refusedBy(r bus.DatabaseReply) error {
	switch r.Code {
	case bus.CodeOK:
		return nil
	case bus.CodeNobody:
		return fmt.Errorf("%w: %s", ErrNotServed, r.Message)
	}
	return fmt.Errorf("%s (%d)", r.Message, r.Code)
}
