package clocks

import (
	"fmt"
	"sync"
	"time"
)

// Doubtful is how far a wall clock may be from that of the other host, or from its earlier course, without being in
// doubt. It is less than Apart: a doubt never causes a refusal, it only prevents some.
const Doubtful = 5 * time.Second

// Leap is how far a time service may move a clock that was trusted. The service can be wrong too: one time server can
// set both hosts wrong at once, and the kernel calls both synchronised.
const Leap = 24 * time.Hour

// Doubt reports whether the wall clock of this host can be trusted, as far as a process can tell. Code that would
// refuse something because it has expired asks first.
type Doubt struct {
	now          func() Reading
	synchronised func() bool
	built        time.Time

	mu       sync.Mutex
	ahead    int64 // of the wall clock over the boot clock, in nanoseconds, when it was last believed
	compared Difference
}

// NewDoubt starts with a trusted wall clock, unless it is before the program's build time (built; zero if unknown).
// synchronised is the kernel's report.
func NewDoubt(now func() Reading, synchronised func() bool, built time.Time) *Doubt {
	r := now()
	return &Doubt{now: now, synchronised: synchronised, built: built, ahead: minus(r.Wall, int64(r.Boot))}
}

// Compared records a comparison with the other host. The last one counts until the next: a clock does not become
// right because the other host is gone.
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
