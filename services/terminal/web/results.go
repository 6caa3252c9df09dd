package web

import (
	"slices"
	"sync"
)

// Bounds of the outcomes stored for slow readers.
const (
	mostResults  = 256
	resultsBytes = 4 << 20
)

// Result is one outcome: of a queued request, or of a fenced command.
type Result struct {
	Kind string // of the event
	Told []byte // JSON
}

// Results are the latest outcomes. The zero value is ready.
type Results struct {
	mu    sync.Mutex
	last  uint64 // how many there were
	list  []Result
	bytes int
}

// Add adds one.
func (r *Results) Add(kind string, told []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last++
	r.list = append(r.list, Result{kind, told})
	r.bytes += len(told)
	gone := 0
	for len(r.list)-gone > mostResults || r.bytes > resultsBytes {
		r.bytes -= len(r.list[gone].Told)
		gone++
	}
	r.list = slices.Delete(r.list, 0, gone)
}

// After returns the outcomes after a count, as far as they are still stored, and the count of all.
func (r *Results) After(count uint64) (list []Result, last uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	news := min(r.last-min(count, r.last), uint64(len(r.list)))
	return slices.Clone(r.list[uint64(len(r.list))-news:]), r.last
}
