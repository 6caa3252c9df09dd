package systemd

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/hotpair/hotpair/services/pace"
)

// Service is a process without children, as its unit follows it.
type Service struct {
	// Up is closed when it does what it is for.
	Up <-chan struct{}
	// Says is what it does, in a line. Lives proves that it does what it is for; it may take its time.
	Says  func() string
	Lives func() bool
	// Reread reads its files again, and says what came of it. SIGHUP asks for it, and from then on ends nobody.
	Reread func() string
	Log    *slog.Logger
}

// every is how often a service is asked.
const every = time.Second

// During runs a service, and tells systemd of it. Without systemd, what is left of that is that files are read again.
func (u *Unit) During(ctx context.Context, run func(context.Context) error, s Service) error {
	following, cancel := context.WithCancel(ctx)
	var telling sync.WaitGroup
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	telling.Go(func() { u.follow(following, s, hangups) })
	defer telling.Wait()
	defer cancel()
	return run(ctx) // the signal is never given back: what it does by default is to end a process
}

// follow tells systemd of a service until ctx ends.
func (u *Unit) follow(ctx context.Context, s Service, hangups <-chan os.Signal) {
	select {
	case <-s.Up:
		u.Status(s.Says())
		u.Ready()
	case <-ctx.Done():
		u.Stopping("ended while it started")
		return
	}
	tick := time.NewTimer(pace.Next(every))
	defer tick.Stop()
	var proved time.Time
	for {
		select {
		case <-tick.C:
			tick.Reset(pace.Next(every))
			if u == nil {
				tick.Stop() // nobody to tell
				continue
			}
			if u.watchdog > 0 && time.Since(proved) >= u.watchdog/signs && s.Lives() {
				proved = time.Now()
				u.Alive()
			}
			u.Status(s.Says())
		case <-hangups:
			u.Reloading()
			outcome := s.Reread()
			s.Log.Info("files read again", "outcome", outcome)
			u.Reloaded(outcome)
		case <-ctx.Done():
			u.Stopping("ending")
			return
		}
	}
}
