package clocks

import (
	"fmt"
	"sync"
	"time"
)

// Doubtful is how far a wall clock may be from that of the other host, or from where it was, without being in doubt. It is less than Apart:
// nothing is refused for a doubt, only less is.
const Doubtful = 5 * time.Second

// Leap is how far what keeps a wall clock right may move one that was believed. Whoever it asks can be wrong too: one server of time sets
// both hosts wrong at once, and the kernel calls both synchronised.
const Leap = 24 * time.Hour

// Doubt says whether the wall clock of this host can be believed as far as a process can tell. Whoever would refuse something because
// its time is over asks first.
type Doubt struct {
	now          func() Reading
	synchronised func() bool
	built        time.Time

	mu       sync.Mutex
	ahead    int64 // of the wall clock over the boot clock, in nanoseconds, when it was last believed
	compared Difference
}

// NewDoubt begins with a wall clock that is believed, unless it is older than the program (built; zero when that is not known).
// synchronised is what the kernel says of it.
func NewDoubt(now func() Reading, synchronised func() bool, built time.Time) *Doubt {
	r := now()
	return &Doubt{now: now, synchronised: synchronised, built: built, ahead: minus(r.Wall, int64(r.Boot))}
}

// Compared takes what came of a comparison with the other host. The last one counts until there is another one: a clock is not right
// again because the other host is gone.
func (d *Doubt) Compared(found Difference) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if found != (Difference{}) {
		d.compared = found
	}
}

// Why says why the clock is in doubt; "" when it is not.
func (d *Doubt) Why() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.now()
	if wall := time.Unix(0, r.Wall); wall.Before(d.built) {
		return fmt.Sprintf("it says %s, but this program was built on %s", wall.UTC().Format(time.RFC3339), d.built.UTC().Format(time.DateOnly))
	}
	if found := d.compared; found.Other.Abs()-found.Error > Doubtful {
		return fmt.Sprintf("the clocks of the two hosts differ by %s, and it is unknown which one is right", found.Other.Abs().Round(time.Second))
	}
	ahead := minus(r.Wall, int64(r.Boot))
	jumped := time.Duration(minus(ahead, d.ahead))
	switch before := time.Unix(0, d.ahead+int64(r.Boot)); {
	case jumped.Abs() > Leap && !before.Before(d.built):
		return fmt.Sprintf("it jumped by %s, more than a correct clock can be off", jumped.Round(time.Second))
	case d.synchronised():
		d.ahead = ahead
	case jumped.Abs() > Doubtful:
		return fmt.Sprintf("it jumped by %s, and the kernel reports that it is not synchronised", jumped.Round(time.Second))
	}
	return ""
}
