package updater

import (
	"errors"
	"sync"
)

// Bounds of what waits for a frame. Beyond them a commit is refused as busy at once: waiting longer in a queue helps
// nobody whose deadline runs.
const (
	queueCalls = 1 << 14
	queueBytes = 64 << 20
)

var (
	errQueueFull   = errors.New("too many updates wait")
	errQueueClosed = errors.New("no term is served")
)

// queue holds the commits that wait for the next frame.
type queue struct {
	mu     sync.Mutex
	calls  []*commitCall
	bytes  int
	closed bool
	some   chan struct{} // holds a token when calls is not empty
}

func newQueue() *queue { return &queue{some: make(chan struct{}, 1)} }

// put adds a call. The error is errQueueFull or errQueueClosed; then the call was not taken.
func (q *queue) put(c *commitCall) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return errQueueClosed
	case len(q.calls) >= queueCalls || q.bytes+c.size > queueBytes && len(q.calls) > 0:
		return errQueueFull
	}
	q.calls = append(q.calls, c)
	q.bytes += c.size
	q.signal()
	return nil
}

// take gives all that waits; perhaps nothing, after a token that came late.
func (q *queue) take() []*commitCall {
	q.mu.Lock()
	defer q.mu.Unlock()
	calls := q.calls
	q.calls, q.bytes = nil, 0
	return calls
}

// back puts calls that did not fit in front again.
func (q *queue) back(calls []*commitCall) {
	if len(calls) == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.calls = append(calls[:len(calls):len(calls)], q.calls...)
	for _, c := range calls {
		q.bytes += c.size
	}
	q.signal()
}

// close refuses further calls. Those that wait can still be taken.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.signal()
}

// drained reports whether the queue is closed and empty.
func (q *queue) drained() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed && len(q.calls) == 0
}

func (q *queue) signal() {
	select {
	case q.some <- struct{}{}:
	default:
	}
}
