// Package queue holds what waits for the next frame, bounded in number and in bytes.
package queue

import (
	"errors"
	"sync"
)

// Bounds of what waits for a frame. Beyond them a commit is refused as busy at once: waiting longer in a queue helps
// nobody whose deadline runs.
const (
	Calls = 1 << 14
	Bytes = 64 << 20
)

var (
	// ErrFull says that as much waits as may.
	ErrFull = errors.New("too many updates wait")
	// ErrClosed says that nothing is taken any more.
	ErrClosed = errors.New("no term is served")
)

// Queue holds calls that wait for the next frame. Its methods may be called by any number of goroutines.
type Queue[C any] struct {
	size   func(C) int
	mu     sync.Mutex
	calls  []C
	bytes  int
	closed bool
	some   chan struct{} // holds a token when calls is not empty
}

// New makes a queue of calls of a size in bytes.
func New[C any](size func(C) int) *Queue[C] {
	return &Queue[C]{size: size, some: make(chan struct{}, 1)}
}

// Some holds a token when something waits, or when the queue was closed.
func (q *Queue[C]) Some() <-chan struct{} { return q.some }

// Put adds a call. The error is ErrFull or ErrClosed; then the call was not taken.
func (q *Queue[C]) Put(c C) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return ErrClosed
	case len(q.calls) >= Calls || q.bytes+q.size(c) > Bytes && len(q.calls) > 0:
		return ErrFull
	}
	q.calls = append(q.calls, c)
	q.bytes += q.size(c)
	q.signal()
	return nil
}

// Take gives all that waits; perhaps nothing, after a token that came late.
func (q *Queue[C]) Take() []C {
	q.mu.Lock()
	defer q.mu.Unlock()
	calls := q.calls
	q.calls, q.bytes = nil, 0
	return calls
}

// Back puts calls that did not fit in front again.
func (q *Queue[C]) Back(calls []C) {
	if len(calls) == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.calls = append(calls[:len(calls):len(calls)], q.calls...)
	for _, c := range calls {
		q.bytes += q.size(c)
	}
	q.signal()
}

// Close refuses further calls. Those that wait can still be taken.
func (q *Queue[C]) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.signal()
}

// Drained reports whether the queue is closed and empty.
func (q *Queue[C]) Drained() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed && len(q.calls) == 0
}

func (q *Queue[C]) signal() {
	select {
	case q.some <- struct{}{}:
	default:
	}
}
