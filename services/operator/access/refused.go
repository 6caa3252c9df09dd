package access

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hotpair/hotpair/services/pace"
)

const (
	// refusedWithin and refusedMany say when refused logins are worth an alarm: so many within that time. It ends when there were
	// fewer than that for as long.
	refusedWithin = 10 * time.Minute
	refusedMany   = 5
	// delay is what a refused login costs whoever made it. At most delayedMost wait for that at a time, so that refusing costs the
	// host nothing: more of them are told at once to come again later.
	delay       = 500 * time.Millisecond
	delayedMost = 16
)

// refusals remembers the logins that were refused lately.
type refusals struct {
	mu      sync.Mutex
	times   []time.Time // the last refusedMany
	from    string      // of the last one
	all     uint64
	delayed int
}

// note notes one, and takes its time. It reports whether there was room to wait.
func (r *refusals) note(ctx context.Context, from string, now time.Time) bool {
	r.mu.Lock()
	r.all++
	r.from = from
	r.times = append(r.times, now)
	if len(r.times) > refusedMany {
		r.times = r.times[1:]
	}
	room := r.delayed < delayedMost
	if room {
		r.delayed++
	}
	r.mu.Unlock()
	if !room {
		return false
	}
	_ = pace.Rest(ctx, delay) // who has left is not answered
	r.mu.Lock()
	defer r.mu.Unlock()
	r.delayed--
	return true
}

// many says, in a sentence, that many were refused lately; "" when that is not so.
func (r *refusals) many(host string, now time.Time) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.times) < refusedMany || now.Sub(r.times[0]).Abs() > refusedWithin {
		return ""
	}
	return fmt.Sprintf("%s refused at least %d logins of operators within %s, the last one from %s", host, refusedMany, refusedWithin, r.from)
}
