package business

import (
	"sync/atomic"
	"time"
)

// counts are kept for each operation, of requests in batches and of single ones alike.
type counts struct {
	requests  atomic.Int64
	errors    atomic.Int64
	conflicts atomic.Int64
	recorded  atomic.Int64
	inFlight  atomic.Int64
	took      atomic.Int64
}

// Statistics of one operation since the process started, as discovery shows them ("data" of $SRV.STATS): the counts of
// NATS's own service statistics include only single requests.
type Statistics struct {
	Requests  int64         `json:"requests"`  // answered
	Errors    int64         `json:"errors"`    // of these, answers that are errors
	Conflicts int64         `json:"conflicts"` // runs of the handler that conflicted
	Recorded  int64         `json:"recorded"`  // answered from an earlier attempt
	InFlight  int64         `json:"in_flight"`
	Took      time.Duration `json:"took_ns"` // sum over requests, from arrival to answer
}

func (c *counts) statistics() Statistics {
	return Statistics{
		Requests: c.requests.Load(), Errors: c.errors.Load(), Conflicts: c.conflicts.Load(),
		Recorded: c.recorded.Load(), InFlight: c.inFlight.Load(), Took: time.Duration(c.took.Load()),
	}
}
