package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/services/process"
)

// ErrNoSupervisor means that the supervisor has ended, so nothing reads the beats: main must end too.
var ErrNoSupervisor = errors.New("the supervisor is gone")

const (
	// beatsInLease is how many beats main makes in a lease. The supervisor's patience of two leases holds sixteen.
	beatsInLease = 8
	// statusEvery is how often main is asked for its status, statusAgain how often an unchanged status is repeated.
	statusEvery = time.Second
	statusAgain = 20
)

// Watched is a main as its supervisor watches it.
type Watched struct {
	// Alive should prove that main works, for example that its event loop has turned since the last call: a beat that
	// a separate goroutine makes unconditionally proves only that the process has not been stopped.
	Alive func() bool
	// Says returns main's status as one line, Reread reloads its files and returns the outcome. Both may take time:
	// beats do not wait for them. nil: no status.
	Says   func() string
	Reread func() string
}

// Beater is main's side of the socket to its supervisor.
type Beater struct {
	fd int
}

// NewBeater returns the beater of this process. A main that was started by hand has no supervisor; its beats are
// dropped.
func NewBeater(inherited process.Inheritance) (*Beater, error) {
	if inherited.SupervisorFD != 0 {
		// A frozen supervisor must not freeze main: a full socket refuses a beat instead of blocking.
		if err := unix.SetNonblock(inherited.SupervisorFD, true); err != nil {
			return nil, fmt.Errorf("socket to the supervisor: %w", err)
		}
	}
	return &Beater{fd: inherited.SupervisorFD}, nil
}

// Beat makes one beat. It never blocks. Its error is ErrNoSupervisor, or says that the descriptor is unusable.
func (b *Beater) Beat() error { return b.say(beat, "") }

// say sends a message, or drops it when there is no room.
func (b *Beater) say(kind byte, text string) error {
	if b.fd == 0 {
		return nil
	}
	_, err := unix.Write(b.fd, message(kind, text))
	switch {
	case err == nil, errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return nil
	case errors.Is(err, unix.EPIPE), errors.Is(err, unix.ECONNRESET):
		return ErrNoSupervisor
	}
	return fmt.Errorf("beat: %w", err)
}

// Run beats every lease/8 while main is alive, until ctx ends (nil) or a beat fails. It also sends main's status, and
// reloads main's files when the supervisor asks for it.
func (b *Beater) Run(ctx context.Context, lease time.Duration, main Watched) error {
	ctx, cancel := context.WithCancel(ctx)
	var beside sync.WaitGroup
	defer beside.Wait()
	defer cancel()
	if b.fd != 0 && main.Says != nil {
		beside.Go(func() { b.tell(ctx, main.Says) })
	}
	if b.fd != 0 && main.Reread != nil {
		beside.Go(func() { b.hear(ctx, main.Reread) })
	}
	interval := max(lease/beatsInLease, time.Millisecond)
	tick := time.NewTimer(pace.Next(interval))
	defer tick.Stop()
	for {
		if main.Alive() {
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

// tell sends main's status when it has changed, until ctx ends.
func (b *Beater) tell(ctx context.Context, says func() string) {
	last := ""
	for n := 0; ; n++ {
		if text := says(); text != last || n%statusAgain == 0 {
			last = text
			_ = b.say(status, text) // beats detect a missing supervisor
		}
		if pace.Rest(ctx, pace.Next(statusEvery)) != nil {
			return
		}
	}
}

// hear receives the supervisor's messages, until ctx ends or there is no supervisor.
func (b *Beater) hear(ctx context.Context, read func() string) {
	// A duplicate descriptor, which can be closed during a read.
	fd, err := unix.FcntlInt(uintptr(b.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return
	}
	socket := os.NewFile(uintptr(fd), "supervisor")
	defer context.AfterFunc(ctx, func() { _ = socket.Close() })()
	defer socket.Close()
	for buffer := make([]byte, longestMessage); ; {
		n, err := socket.Read(buffer)
		if err != nil {
			return
		}
		if n > 0 && buffer[0] == reread {
			_ = b.say(reread, read())
		}
	}
}
