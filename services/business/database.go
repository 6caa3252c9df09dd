package business

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/batch"
	"github.com/hotpair/hotpair/bus/keyrange"
	"github.com/hotpair/hotpair/services/pace"
)

// Bounds of the way to the updater.
const (
	// maxCall bounds one call in bytes: far above the largest update, so that the updater decides what is too large,
	// and below the bound of the bus.
	maxCall = 4 << 20
	// maxCalls bounds calls in flight. A request has one at a time.
	maxCalls = 2 * maxRequests
	// firstPause and longestPause bound the pause before a call that was not executed is repeated. A restarted updater
	// serves within milliseconds; for a longer absence ten calls a second are enough.
	firstPause   = time.Millisecond
	longestPause = 100 * time.Millisecond
)

// What becomes of a call besides a reply that is of use.
var (
	// errMoved: something read, or required, is not so at the newest position. Nothing was done; run again.
	errMoved = errors.New("read state has changed")
	// errRecorded: the request was already executed. Its recorded answer is the reply.
	errRecorded = errors.New("executed before")
	// errAway: the updater did not execute the call, but may execute the next one.
	errAway = errors.New("updater is not serving")
	// errTermOver: as errAway, and the term of the request has ended: it never will.
	errTermOver = errors.New("term is over")
	// errDoubt: the call may or may not have been executed.
	errDoubt = errors.New("outcome unknown")
	// errUpdater: the updater answered what it must not.
	errUpdater = errors.New("updater broke the protocol")
)

// database is the way to the updater: one Caller, and what is known of the updater's life by the connection to it.
type database struct {
	conn *bus.Conn

	mu      sync.Mutex
	caller  *batch.Caller[bus.DatabaseCall, bus.DatabaseReply] // nil until there is a connection
	down    bool
	changed chan struct{} // closed and replaced when the updater comes up
}

// openDatabase connects, and subscribes to answers. The connection comes back when the updater was started again.
func openDatabase(ctx context.Context, c bus.ConnConfig, service string) (*database, error) {
	d := &database{changed: make(chan struct{})}
	c.Lost, c.Restored = d.lost, d.restored
	var err error
	if d.conn, err = reach(ctx, c); err != nil {
		return nil, err
	}
	caller, err := batch.NewCaller[bus.DatabaseCall, bus.DatabaseReply](batch.CallerConfig[bus.DatabaseCall]{
		Conn:    d.conn,
		Subject: bus.DatabaseSubject(service, "pack"),
		Bound:   maxCalls,
		Size:    callSize,
	})
	if err != nil {
		d.conn.Close()
		return nil, err
	}
	d.mu.Lock()
	d.caller = caller
	d.mu.Unlock()
	return d, nil
}

func (d *database) close() {
	d.caller.Close()
	d.conn.Close()
}

func (d *database) lost(error) { d.turn(true) }

func (d *database) restored() { d.turn(false) }

// turn records that the updater went down, or was replaced. Either way, earlier calls get no answer.
func (d *database) turn(down bool) {
	d.mu.Lock()
	d.down = down
	if !down {
		close(d.changed)
		d.changed = make(chan struct{})
	}
	caller := d.caller
	d.mu.Unlock()
	if caller != nil {
		caller.Fail(bus.ErrDisconnected)
	}
}

// call makes one trip. Errors: errAway, errDoubt, or the context's, after which the outcome is as unknown.
func (d *database) call(ctx context.Context, q bus.DatabaseCall) (bus.DatabaseReply, error) {
	d.mu.Lock()
	down := d.down
	d.mu.Unlock()
	if down {
		return bus.DatabaseReply{}, errAway
	}
	reply, err := d.caller.Call(ctx, q)
	switch {
	case err == nil:
		return reply, nil
	case errors.Is(err, bus.ErrNobody), errors.Is(err, batch.ErrOverloaded):
		return reply, errAway
	case ctx.Err() != nil:
		return reply, context.Cause(ctx)
	case errors.Is(err, bus.ErrDisconnected):
		return reply, errDoubt
	}
	// An answer that could not be read: something was done, or not.
	return reply, errors.Join(errDoubt, err)
}

// pause waits before the nth repetition (from 1), at most until the updater comes up, and returns the number of the
// next one: once it is up the count starts again, because it serves within milliseconds. The error is ctx's cause.
func (d *database) pause(ctx context.Context, n int) (int, error) {
	d.mu.Lock()
	changed := d.changed
	d.mu.Unlock()
	err := wait(ctx, jitter(firstPause, longestPause, n), changed)
	select {
	case <-changed:
		return 1, err
	default:
		return n + 1, err
	}
}

// jitter is a random time from half of first × 2ⁿ⁻¹ to all of it, at most longest.
func jitter(first, longest time.Duration, n int) time.Duration {
	d := pace.Doubled(first, longest, n-1)
	return d/2 + rand.N(d/2+1)
}

// wait ends after d, or earlier because of wake (which may be nil). The error is ctx's cause.
func wait(ctx context.Context, d time.Duration, wake <-chan struct{}) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-wake:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// callSize estimates the bytes of a call. Each key costs some bytes around it.
func callSize(q bus.DatabaseCall) int {
	const around = 24
	size := 128
	switch {
	case q.Read != nil:
		for _, key := range q.Read.Keys {
			size += len(key) + around
		}
	case q.Scan != nil:
		size += len(q.Scan.Prefix) + len(q.Scan.After)
		for _, c := range q.Scan.Conditions {
			size += len(c.Key) + around
		}
	case q.Commit != nil:
		size += len(q.Commit.Answer.Body) + len(q.Commit.Answer.Message) + q.Commit.Outbox.Size()
		for _, c := range q.Commit.Conditions {
			size += len(c.Key) + around
		}
		for _, op := range q.Commit.Operations {
			size += len(op.Key) + len(op.Value) + around
		}
	}
	for _, r := range rangesOf(q) {
		size += len(r.Prefix) + len(r.After) + len(r.Through) + around
	}
	return size
}

// rangesOf returns the ranges that a call requires.
func rangesOf(q bus.DatabaseCall) []keyrange.Range {
	switch {
	case q.Read != nil:
		return q.Read.Ranges
	case q.Scan != nil:
		return q.Scan.Ranges
	case q.Commit != nil:
		return q.Commit.Ranges
	}
	return nil
}
