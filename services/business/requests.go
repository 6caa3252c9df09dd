package business

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/hotpair/hotpair/bus"
)

// Bounds of what the process has taken and not yet answered. Beyond either a request is refused with 429.
const (
	maxRequests = 4096
	maxBytes    = 256 << 20 // of request bodies
)

// requests takes requests and sees each to its reply, on a goroutine of its own.
type requests struct {
	service Service
	db      *database
	lanes   *lanes
	gate    *semaphore.Weighted
	log     *slog.Logger
	counts  map[string]*counts

	epoch    atomic.Uint64 // highest in which a request has come
	inFlight atomic.Int64
	bytes    atomic.Int64

	mu       sync.RWMutex // around the start of work, so that none starts once finish waits
	stopping bool
	working  sync.WaitGroup
}

func newRequests(service Service, db *database, log *slog.Logger) *requests {
	r := &requests{service: service, db: db, lanes: newLanes(), gate: semaphore.NewWeighted(everyone), log: log, counts: map[string]*counts{}}
	for name := range service.Operations {
		r.counts[name] = &counts{}
	}
	return r
}

// take serves a request on a goroutine and gives the reply to answer. Never blocks.
func (r *requests) take(ctx context.Context, q bus.Request, answer func(bus.Reply)) {
	op, known := r.service.Operations[q.Operation]
	if !known {
		answer(failed(r.service.unknown(q.Operation)).reply())
		return
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.stopping {
		answer(bus.Reply{Code: bus.CodeNobody, Message: "this process is stopping; the request was not executed"})
		return
	}
	if r.inFlight.Add(1) > maxRequests || r.bytes.Add(int64(len(q.Body))) > maxBytes {
		r.leave(q)
		answer(bus.Reply{Code: bus.CodeBusy, Message: "too many requests at once; this one was not executed"})
		return
	}
	r.noteEpoch(q.Epoch)
	count := r.counts[q.Operation]
	count.inFlight.Add(1)
	r.working.Go(func() {
		defer r.leave(q)
		start := time.Now()
		e := &execution{
			db: r.db, lanes: r.lanes, gate: r.gate, term: r.epoch.Load, request: q, op: op, counts: count,
			log: r.log.With("operation", q.Operation, "epoch", q.Epoch),
		}
		reply := e.serve(ctx)
		count.inFlight.Add(-1)
		count.requests.Add(1)
		count.took.Add(int64(time.Since(start)))
		if reply.Code != bus.CodeOK {
			count.errors.Add(1)
		}
		answer(reply)
	})
}

func (r *requests) leave(q bus.Request) {
	r.inFlight.Add(-1)
	r.bytes.Add(-int64(len(q.Body)))
}

func (r *requests) noteEpoch(epoch uint64) {
	for {
		known := r.epoch.Load()
		if epoch <= known || r.epoch.CompareAndSwap(known, epoch) {
			return
		}
	}
}

// errStopping is why requests end that do not end by themselves.
var errStopping = errors.New("process is stopping")

// finish takes no more requests and waits for those in flight: for finishWithin as they are, unless up (the connection)
// has ended, then with their contexts ended. The error is ErrStuck.
func (r *requests) finish(up context.Context, stopWork context.CancelCauseFunc) error {
	r.mu.Lock()
	r.stopping = true
	r.mu.Unlock()
	done := make(chan struct{})
	go func() {
		r.working.Wait()
		close(done)
	}()
	patience := time.NewTimer(finishWithin)
	defer patience.Stop()
	select {
	case <-done:
		return nil
	case <-patience.C:
	case <-up.Done():
	}
	stopWork(errStopping)
	patience.Reset(finishWithin)
	select {
	case <-done:
		return nil
	case <-patience.C:
		return fmt.Errorf("%w: %d of them", ErrStuck, r.inFlight.Load())
	}
}

// replySize estimates the bytes of a reply in a pack.
func replySize(a bus.Reply) int { return len(a.Body) + len(a.Message) + 64 }
