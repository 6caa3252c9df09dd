package terminalif

import (
	"bytes"
	"time"

	"github.com/hotpair/hotpair/bus"
)

// flight is a request that was taken and is not answered yet.
//
//	take ──► waiting ──service up──► out ──reply──► answered
//	            ▲                     │  └──no right──► parked ──right──► answered
//	            └── crash, nobody ────┘
type flight struct {
	request  bus.Request
	taken    time.Time
	deadline time.Time
	service  *service
	answer   func(bus.Reply)
	place    place
	sent     time.Time  // last
	sending  int        // counts the sends, to recognise the outcome of an older one
	untaken  bool       // nobody listened to its subject once
	doubts   int        // crashes at which it was out with others
	trusted  bool       // its one crash was a kill by somebody: it need not run alone
	reply    *bus.Reply // when parked
}

type place int

const (
	waiting  place = iota // for its service to be up
	deferred              // the database was not this epoch's; tried again with each right
	out                   // with the business process
	parked                // answered, but the right to answer does not hold
)

// suspect reports whether f is to run alone, because it was out at a crash.
func (f *flight) suspect() bool { return f.request.Crashes > 0 && !f.trusted }

// asks reports whether f is the same request as one under the same id.
func (f *flight) asks(q *bus.Request) bool {
	return f.request.Service == q.Service && f.request.Operation == q.Operation && bytes.Equal(f.request.Body, q.Body)
}
