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
	"github.com/hotpair/hotpair/bus/batch"
)

// Bounds of what the process has taken and not yet answered. Beyond any a request is refused with 429.
const (
	maxRequests = 4096
	maxBytes    = 64 << 20 // of request bodies
	// maxBacklog bounds answers that were given and that who asked does not read, in bytes. What is in flight can add to it.
	maxBacklog = 64 << 20
	// keptWorkers is how many goroutines stay when there is nothing to do.
	keptWorkers = 256
)

// requests takes requests and sees each to its reply, on a goroutine for each in flight. Goroutines are used again: a
// fresh one spends a tenth of a short request's time on growing its stack.
type requests struct {
	service Service
	db      *database
	lanes   *lanes
	gate    *semaphore.Weighted
	log     *slog.Logger
	counts  map[string]*counts

	unread atomic.Pointer[batch.Responder[bus.Request, bus.Reply]] // knows how many answers are unread

	epoch    atomic.Uint64 // highest in which a request has come
	inFlight atomic.Int64
	bytes    atomic.Int64

	mu       sync.RWMutex // around the start of work, so that none starts once finish waits
	stopping bool
	working  sync.WaitGroup
	workers  atomic.Int64
	work     chan func()   // to a worker that waits for it
	stopped  chan struct{} // closed when stopping
}

func newRequests(service Service, db *database, log *slog.Logger) *requests {
	r := &requests{service: service, db: db, lanes: newLanes(), gate: semaphore.NewWeighted(everyone), log: log, counts: map[string]*counts{},
		work: make(chan func()), stopped: make(chan struct{})}
	for name := range service.Operations {
		r.counts[name] = &counts{}
	}
	return r
}

// take serves a request on a goroutine and returns the reply to send. Never blocks.
func (r *requests) take(ctx context.Context, q bus.Request, answer func(bus.Reply)) {
	op, known := r.service.Operations[q.Operation]
	if !known {
		answer(failed(r.service.unknown(q.Operation)).reply())
		return
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.stopping {
		answer(notNow(op, q, bus.CodeNobody, "this process is stopping; the request was not executed"))
		return
	}
	number, bytes := r.inFlight.Add(1), r.bytes.Add(int64(len(q.Body)))
	if number > maxRequests || bytes > maxBytes || r.backlog() > maxBacklog {
		r.leave(q)
		answer(notNow(op, q, bus.CodeOverloaded, "too many requests at the same time; this request was not executed"))
		return
	}
	r.noteEpoch(q.Epoch)
	count := r.counts[q.Operation]
	count.inFlight.Add(1)
	r.start(func() {
		defer r.leave(q)
		start := time.Now()
		e := &execution{
			db: r.db, lanes: r.lanes, gate: r.gate, term: r.epoch.Load, service: r.service, request: q, op: op, counts: count, log: r.log,
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

// start runs job on a worker that has nothing to do, or on a new one.
func (r *requests) start(job func()) {
	select {
	case r.work <- job:
		return
	default:
	}
	r.workers.Add(1)
	r.working.Go(func() {
		defer r.workers.Add(-1)
		for job(); r.workers.Load() <= keptWorkers; job() {
			job = nil // it holds a request's body
			select {
			case job = <-r.work:
			case <-r.stopped:
				return
			}
		}
	})
}

// mayRepeat reports whether a request may have been executed before, so that no answer may contradict an earlier
// attempt. A request with an application's own id may always be a repetition, since a restarted agent does not
// remember the first attempt. A timer takes effect once, whatever the answer.
func mayRepeat(op Operation, q bus.Request) bool {
	return !op.ReadOnly && q.Timer == nil && (q.Attempt > 1 || q.ID.App != "")
}

// notNow is the reply to a request that is not executed now, and, if it may be a repetition, was perhaps before.
func notNow(op Operation, q bus.Request, code int, message string) bus.Reply {
	if mayRepeat(op, q) {
		return bus.Reply{Code: bus.CodeUnknown, Message: "the outcome is unknown; send the request again with the same id"}
	}
	return bus.Reply{Code: code, Message: message}
}

// backlog is what was answered and not read, in bytes.
func (r *requests) backlog() int64 {
	if batches := r.unread.Load(); batches != nil {
		return batches.Backlog()
	}
	return 0
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
	close(r.stopped)
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

// replySize estimates the bytes of a reply in a batch.
func replySize(a bus.Reply) int { return len(a.Body) + len(a.Message) + 64 }
