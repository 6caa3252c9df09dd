package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/services/terminal/queue/lanes"
)

const (
	// mostOut bounds the requests in flight, each of another lane.
	mostOut = 64
	// mostComing and comingBytes bound the requests that wait to be written.
	mostComing  = MaxBatch
	comingBytes = 16 << 20
	// overtime is how long an answer is awaited beyond the host's time.
	overtime = 5 * time.Second
	// complainEvery is how often a full disk is logged.
	complainEvery = time.Minute
	// fullPause is the pause before a full disk is tried again.
	fullPause = time.Second
)

// ErrOverloaded says that more requests are being queued at this moment than can be written.
var ErrOverloaded = errors.New("too many requests are being queued at the same time; this one was not queued")

// Session sends requests to the attached host. done is called at most once.
type Session interface {
	Go(q bus.Request, done func(bus.Reply, error))
}

// Config describes a Queue.
type Config struct {
	Store *Store
	// Within bounds one attempt.
	Within time.Duration
	// Told is called for each request that has its outcome. It must not block.
	Told func(Told)
	Log  *slog.Logger
}

// Queue executes queued requests: it writes them, sends them while a host is attached, and stores their outcomes.
type Queue struct {
	store  *Store
	config Config
	work   chan struct{} // one token

	mu        sync.Mutex
	lanes     *lanes.Lanes
	guests    map[*lanes.Place]func()
	coming    []coming
	bytes     int // of what is coming
	finished  []Finished
	forgotten []forgetting
	host      *host
	out       map[uint64]*try
	tries     map[uint64]int // of requests that were or may have been sent, with Attempt
	doubt     map[uint64]bool
	refused   map[uint64]Refused // the answer to the last attempt of a request that is still queued
	stopped   bool
	complains time.Time
}

// host is the attached host.
type host struct {
	session Session
	pair    string
	base    uint64 // the first number of a queue without one
}

// coming is a request that is not written yet.
type coming struct {
	request Request
	done    func(Queued)
}

type forgetting struct {
	id   string
	done func(error)
}

// try is a request on its way.
type try struct {
	number  uint64
	request bus.Request
	timer   *time.Timer
}

// New returns a queue with the requests of a store.
func New(c Config) *Queue {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	q := &Queue{store: c.Store, config: c, work: make(chan struct{}, 1), guests: map[*lanes.Place]func(){}, out: map[uint64]*try{},
		tries: map[uint64]int{}, doubt: map[uint64]bool{}, refused: map[uint64]Refused{}}
	waiting := c.Store.Waiting()
	last := c.Store.Last()
	if len(waiting) > 0 {
		last = waiting[0].Number - 1
	}
	q.lanes = lanes.New(last)
	for _, p := range waiting {
		q.lanes.Add(p.Number, p.Lane)
		q.doubt[p.Number] = true // it may have been sent before the restart
	}
	q.lanes.Given(c.Store.Last())
	return q
}

// wake makes the writer look again. It never blocks.
func (q *Queue) wake() {
	select {
	case q.work <- struct{}{}:
	default:
	}
}

// Put queues a request; done is called once with the result, when that is durable. It must not block.
func (q *Queue) Put(r Request, done func(Queued)) {
	q.mu.Lock()
	switch {
	case q.stopped:
		q.mu.Unlock()
		done(Queued{Err: ErrClosed})
		return
	case len(q.coming) >= mostComing || q.bytes+len(r.Body) > comingBytes:
		q.mu.Unlock()
		done(Queued{Err: ErrOverloaded})
		return
	}
	q.coming = append(q.coming, coming{r, done})
	q.bytes += len(r.Body)
	q.mu.Unlock()
	q.wake()
}

// Forget removes a request that has its outcome; done is called once. It must not block.
func (q *Queue) Forget(id string, done func(error)) {
	q.mu.Lock()
	if q.stopped || len(q.forgotten) >= mostComing {
		err := ErrOverloaded
		if q.stopped {
			err = ErrClosed
		}
		q.mu.Unlock()
		done(err)
		return
	}
	q.forgotten = append(q.forgotten, forgetting{id, done})
	q.mu.Unlock()
	q.wake()
}

// Get returns the state of a request, by its id or its key. Errors: those of Store.Get.
func (q *Queue) Get(id, key string) (Told, error) {
	t, err := q.store.Get(id, key)
	if err != nil || t.State != Waiting.String() {
		return t, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if r, known := q.refused[t.entry]; known {
		t.Refused = &r
	}
	return t, nil
}

// After returns the stored outcomes after a number. Errors: those of Store.After.
func (q *Queue) After(a notice.After) (Results, error) { return q.store.After(a) }

// Count returns the size of the queue.
func (q *Queue) Count() Count { return q.store.Count() }

// Age is how long the oldest request has waited.
func (q *Queue) Age() time.Duration { return q.store.Age() }

// Quarantined lists the quarantined files with requests that were not executed.
func (q *Queue) Quarantined() []string { return q.store.Quarantined() }

// Behind makes a request that is not queued wait for the requests of a lane, and later ones for it. first: the lane is
// empty, and turn is not called. Otherwise turn is called when its turn has come; it must not block. leave must be
// called when the request has ended.
func (q *Queue) Behind(lane string, turn func()) (leave func(), first bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	p, first := q.lanes.Guest(lane)
	if !first {
		q.guests[p] = turn
	}
	return func() {
		q.mu.Lock()
		delete(q.guests, p)
		q.lanes.Leave(p)
		q.mu.Unlock()
		q.wake()
	}, first
}

// Attach sends requests to a session of a pair from now on. base is the first number of a queue that has none at that
// pair.
func (q *Queue) Attach(s Session, pair string, base uint64) {
	q.exchange(&host{s, pair, base}, nil)
}

// Detach records that a session has ended.
func (q *Queue) Detach(s Session) { q.exchange(nil, s) }

// exchange sends requests to another host, or to none. over is the session that has ended: nothing changes if another
// one is in use; nil is any.
func (q *Queue) exchange(h *host, over Session) {
	q.mu.Lock()
	if over != nil && (q.host == nil || q.host.session != over) {
		q.mu.Unlock()
		return
	}
	q.host = h
	for n, t := range q.out {
		t.timer.Stop()
		q.doubt[n] = true
		delete(q.out, n)
	}
	q.lanes.Recall()
	q.mu.Unlock()
	q.wake()
}

// Run writes and sends until ctx ends, which returns nil. Other errors are ErrDisk and that of reserving numbers,
// after which nothing can be written.
func (q *Queue) Run(ctx context.Context) error {
	defer q.stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-q.work:
		case <-timer.C:
		}
		again, err := q.round()
		if err != nil {
			return err
		}
		if !again.IsZero() {
			timer.Reset(time.Until(again))
		}
	}
}

// stop answers all waiting callers that nothing is written.
func (q *Queue) stop() {
	q.mu.Lock()
	coming, forgotten := q.coming, q.forgotten
	q.coming, q.forgotten, q.stopped, q.host = nil, nil, true, nil
	for _, t := range q.out {
		t.timer.Stop()
	}
	clear(q.out)
	q.mu.Unlock()
	for _, c := range coming {
		c.done(Queued{Err: fmt.Errorf("%w; this one was not queued", ErrClosed)})
	}
	for _, f := range forgotten {
		f.done(ErrClosed)
	}
}

// round writes and sends what is due; it returns when to look again.
func (q *Queue) round() (again time.Time, err error) {
	if err := q.write(); err != nil {
		return again, err
	}
	if err := q.finish(); err != nil {
		return again, err
	}
	q.forget()
	q.call()
	h, err := q.settle()
	switch {
	case errors.Is(err, ErrNoRoom):
		return time.Now().Add(fullPause), nil
	case err != nil || h == nil:
		return again, err
	}
	return q.send(h)
}
