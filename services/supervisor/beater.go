package supervisor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/services/process"
)

// ErrNoSupervisor means that nobody reads the beats any more: the supervisor is gone, and main must go too.
var ErrNoSupervisor = errors.New("the supervisor is gone")

// beatsInLease is how many beats main makes in a lease. The supervisor's patience of two leases holds sixteen.
const beatsInLease = 8

// Beater is main's side of the pipe to its supervisor. The supervisor takes any byte as a beat.
type Beater struct {
	fd int
}

// NewBeater makes the beater of this process. A main that was started by hand has no supervisor; its beats go nowhere.
func NewBeater(inherited process.Inheritance) (*Beater, error) {
	if inherited.SupervisorFD != 0 {
		// A supervisor that is frozen must not freeze main: a full pipe refuses a beat instead of holding it.
		if err := unix.SetNonblock(inherited.SupervisorFD, true); err != nil {
			return nil, fmt.Errorf("pipe to the supervisor: %w", err)
		}
	}
	return &Beater{fd: inherited.SupervisorFD}, nil
}

// Beat makes one beat. It never blocks. Its error is ErrNoSupervisor, or says that the descriptor is unusable.
func (b *Beater) Beat() error {
	if b.fd == 0 {
		return nil
	}
	_, err := unix.Write(b.fd, []byte{'b'})
	switch {
	case err == nil, errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return nil
	case errors.Is(err, unix.EPIPE):
		return ErrNoSupervisor
	}
	return fmt.Errorf("beat: %w", err)
}

// Run beats every lease/8 while alive says so, until ctx ends (nil) or a beat fails. alive should prove what main is
// for, as that its event loop has turned since it was asked last: a beat that a goroutine of its own makes
// unconditionally proves only that the process has not been stopped.
func (b *Beater) Run(ctx context.Context, lease time.Duration, alive func() bool) error {
	interval := max(lease/beatsInLease, time.Millisecond)
	tick := time.NewTimer(pace.Next(interval))
	defer tick.Stop()
	for {
		if alive() {
			if err := b.Beat(); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			tick.Reset(pace.Next(interval))
		}
	}
}
