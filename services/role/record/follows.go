package record

import (
	"fmt"
	"time"

	"github.com/hotpair/hotpair/services/fault"
	"github.com/hotpair/hotpair/services/membership"
)

// ErrImpossible says that no host of the pair could have made a record from the one in the register.
var ErrImpossible = fault.New("record-impossible", "this record can't follow the one in the register")

// longestLease bounds the lease in a record: a standby waits for as long. It is above any that can be set.
const longestLease = time.Hour

// Follows checks that a host can have made r from was, the record in a register; was is zero where there is none. A
// register calls it, so that a false writer can't stop a pair permanently. The error is ErrImpossible.
//
// The version rises by one with each change. It rises by more only over a register that has gone back, which the register
// can't know: so a leap is bounded, and not refused.
func (r Record) Follows(was Record) error {
	known := was.Version != 0
	impossible := func(format string, a ...any) error {
		return fmt.Errorf("%w: %s", ErrImpossible, fmt.Sprintf(format, a...))
	}
	switch {
	case known && r.PairID != was.PairID:
		return impossible("it is of pair %q, the register's of pair %q", r.PairID, was.PairID)
	case r.Version <= was.Version:
		return impossible("version %d after %d", r.Version, was.Version)
	case !membership.Reachable(was.Version, r.Version):
		return impossible("version %d after %d, further than a pair advances", r.Version, was.Version)
	case r.Epoch < was.Epoch:
		return impossible("epoch %d after %d", r.Epoch, was.Epoch)
	case !membership.Reachable(was.Epoch, r.Epoch):
		return impossible("epoch %d after %d, further than a pair advances", r.Epoch, was.Epoch)
	case r.SetVersion > r.Version, r.Forced > r.Epoch:
		return impossible("set of version %d in version %d, forced epoch %d in epoch %d", r.SetVersion, r.Version, r.Forced, r.Epoch)
	case len(r.InSync) > 2:
		return impossible("%d hosts in sync, a pair has two", len(r.InSync))
	case r.LongestLease < 0 || r.LongestLease > longestLease:
		return impossible("a lease of %s, at most %s", r.LongestLease, longestLease)
	case r.Pause.For < 0 || r.Pause.For > LongestPause:
		return impossible("a pause of %s, at most %s", r.Pause.For, LongestPause)
	}
	return nil
}
