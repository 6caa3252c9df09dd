package access

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hotpair/hotpair/services/pace"
)

const (
	// refusedWithin and refusedMany define the alarm about refused logins: that many within that time. It clears when
	// there were fewer for as long.
	refusedWithin = 10 * time.Minute
	refusedMany   = 5
	// delay is how long the answer to a refused login takes. At most delayedMost wait at a time, so that refusing
	// costs the host little; further ones are told at once to retry later.
	delay       = 500 * time.Millisecond
	delayedMost = 16
)

// refusals remembers the logins that were refused recently.
type refusals struct {
	mu      sync.Mutex
	times   []time.Time // the last refusedMany
	from    string      // of the last one
	all     uint64
	delayed int
}

// note records a refused login and waits for delay. It reports whether there was room to wait.
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
	_ = pace.Rest(ctx, delay) // a caller that has left gets no answer
	r.mu.Lock()
	defer r.mu.Unlock()
	r.delayed--
	return true
}

// many returns a sentence when many logins were refused recently; "" otherwise.
func (r *refusals) many(host string, now time.Time) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.times) < refusedMany || now.Sub(r.times[0]).Abs() > refusedWithin {
		return ""
	}
	return fmt.Sprintf("%s refused at least %d logins of operators within %s, the last one from %s", host, refusedMany, refusedWithin, r.from)
}
