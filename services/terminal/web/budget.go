package web

import (
	"container/list"
	"net/http"
	"sync"
	"time"
)

const (
	// smallBody is how much of a body is read whatever else is being read; bodyBytes is what all bodies that are being read may have above
	// that, together. In bytes.
	smallBody = 16 << 10
	bodyBytes = 32 << 20
	// smallAnswer is what an answer may have without being counted, and unreadBytes what all those may have together that are larger and
	// not read yet. In bytes.
	smallAnswer = 16 << 10
	unreadBytes = 64 << 20
)

// budget is a number of bytes to share.
type budget struct {
	mu   sync.Mutex
	free int
}

func (b *budget) take(bytes int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if bytes > b.free {
		return false
	}
	b.free -= bytes
	return true
}

func (b *budget) give(bytes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.free += bytes
}

// unread are the answers that are being written. When they exceed most, the oldest are cut off: a client that reads
// has its answer within milliseconds.
type unread struct {
	most int

	mu    sync.Mutex
	bytes int
	order list.List // of *writing, the longest first
}

type writing struct {
	bytes int
	flow  *http.ResponseController
}

// begin records an answer, and returns a function that records its end and reports whether it was cut off.
func (u *unread) begin(flow *http.ResponseController, bytes int) (end func() (cut bool)) {
	if bytes <= smallAnswer {
		return func() bool { return false }
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	at := u.order.PushBack(&writing{bytes, flow})
	u.bytes += bytes
	for u.bytes > u.most && u.order.Front() != at {
		u.drop(u.order.Front())
	}
	return func() bool {
		u.mu.Lock()
		defer u.mu.Unlock()
		if at.Value == nil {
			return true
		}
		u.bytes -= bytes
		u.order.Remove(at)
		return false
	}
}

// drop cuts an answer off. The lock is held.
func (u *unread) drop(at *list.Element) {
	w := at.Value.(*writing)
	u.bytes -= w.bytes
	u.order.Remove(at)
	at.Value = nil
	// An error says that it has ended.
	_ = w.flow.SetWriteDeadline(time.Unix(1, 0))
}
