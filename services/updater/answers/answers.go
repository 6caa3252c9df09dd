// Package answers bounds what the pair keeps of answers for the queues of terminals. An answer of a queue stays until the terminal has
// said that it is durable there, however long that takes: it is never dropped. So the queue of a terminal that takes answers and does
// not say so waits, at a bound.
package answers

import (
	"fmt"
	"sync"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/operator/wording"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/history"
)

const (
	// DefaultBound is what the answers of one queue may take, in bytes.
	DefaultBound = 16 << 20
	// recent is for how long a queue counts as waiting after one of its requests was refused. Agents try again within half a minute.
	recent = 2 * time.Minute
)

// State is what is committed. *storage.Reader is one.
type State interface {
	Floor(terminal string) uint64
	AnswerBytes(terminal string, from, upto uint64) int
}

// Books are what the answers of queues take, in one term.
type Books struct {
	bound int

	mu     sync.Mutex
	series map[string]*book
}

// book is that of one queue.
type book struct {
	bytes   int       // of the answers under numbers from floor on
	floor   uint64    // as far as it has been drafted
	refused time.Time // when a request was last; zero: not since there was room
	frame   uint64
	fresh   []answer // that the frame has, which are not committed yet
}

type answer struct {
	counter uint64
	size    int
}

// New makes books with a bound, in bytes; 0 stands for DefaultBound.
func New(bound int) *Books {
	if bound == 0 {
		bound = DefaultBound
	}
	return &Books{bound: bound, series: map[string]*book{}}
}

// Frame is the books as a frame in the making changes them. A nil one bounds nothing.
type Frame struct {
	books *Books
	state State
	first uint64 // sequence
}

// Frame begins a frame whose first entry has a sequence, on what is committed. That of nil books is nil.
func (b *Books) Frame(s State, first uint64) *Frame {
	if b == nil {
		return nil
	}
	return &Frame{books: b, state: s, first: first}
}

// Refuse gives the reply to a request whose answer can't be kept; ok: it can be. It always can for the first request of a queue that
// has no answer: that one has the others forgotten.
func (f *Frame) Refuse(e *history.Entry) (reply bus.DatabaseReply, ok bool) {
	id := e.Request
	if f == nil || !e.HasAnswer || !bus.IsQueueSeries(id.Terminal) {
		return reply, true
	}
	b := f.books
	k := b.of(f.state, id.Terminal)
	b.mu.Lock()
	defer b.mu.Unlock()
	if k.bytes+storage.AnswerSize(&e.Answer) <= b.bound {
		return reply, true
	}
	k.refused = time.Now()
	if id.Counter == e.Oldest {
		return reply, true
	}
	return bus.DatabaseReply{Code: bus.CodeOverloaded, Message: fmt.Sprintf(
		"not executed: the %[2]s has not confirmed %[1]s of answers, and at most %[3]s are kept for it. The first request without a confirmed answer is number %[4]d",
		wording.Bytes(int64(k.bytes)), name(id.Terminal), wording.Bytes(int64(b.bound)), e.Oldest)}, false
}

// of finds the book of a queue, or makes it. Only who makes frames makes books and reads what is committed: whoever asks what waits never
// waits for a disk.
func (b *Books) of(s State, series string) *book {
	k := b.series[series]
	if k == nil {
		floor := s.Floor(series)
		k = &book{floor: floor, bytes: s.AnswerBytes(series, floor, ^uint64(0))}
		b.mu.Lock()
		b.series[series] = k
		b.mu.Unlock()
	}
	return k
}

// Take notes an entry of the frame.
func (f *Frame) Take(e *history.Entry) {
	id := e.Request
	if f == nil || !bus.IsQueueSeries(id.Terminal) {
		return
	}
	b := f.books
	k := b.of(f.state, id.Terminal)
	floor, gone := e.Floor(), 0
	if floor > k.floor {
		gone = f.state.AnswerBytes(id.Terminal, k.floor, floor)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if k.frame != f.first {
		k.frame, k.fresh = f.first, k.fresh[:0]
	}
	if floor > k.floor {
		k.bytes -= gone
		for _, a := range k.fresh {
			if a.counter >= k.floor && a.counter < floor {
				k.bytes -= a.size
			}
		}
		k.floor = floor
	}
	if size := storage.AnswerSize(&e.Answer); e.HasAnswer && id.Counter >= k.floor {
		k.bytes += size
		k.fresh = append(k.fresh, answer{id.Counter, size})
	}
	if k.bytes < b.bound {
		k.refused = time.Time{}
	}
}

// Waiting says which queues wait because of their bound, "" for none.
func (b *Books) Waiting() string {
	if b == nil {
		return ""
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	first, count := "", 0
	for series, k := range b.series {
		if k.refused.IsZero() || time.Since(k.refused) > recent {
			continue
		}
		count++
		if first == "" || series < first {
			first = series
		}
	}
	if count == 0 {
		return ""
	}
	said := fmt.Sprintf("%s of answers are kept for the %s", wording.Bytes(int64(b.series[first].bytes)), name(first))
	if count > 1 {
		said += fmt.Sprintf(", and as many for %s", wording.Count(uint64(count-1), "other"))
	}
	return said
}

// name says a series for people.
func name(series string) string { return "queue of terminal " + bus.TerminalOf(series) }
