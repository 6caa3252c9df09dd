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

// Service is a process without children, as its unit sees it.
type Service struct {
	// Up is closed when the process works.
	Up <-chan struct{}
	// Says returns its status as one line. Lives proves that it works; it may take time.
	Says  func() string
	Lives func() bool
	// Reread reloads its files, and returns the outcome. SIGHUP asks for it, and no longer ends the process.
	Reread func() string
	Log    *slog.Logger
}

// every is how often a service is asked.
const every = time.Second

// During runs a service and reports it to systemd. Without systemd it only reloads files on SIGHUP.
func (u *Unit) During(ctx context.Context, run func(context.Context) error, s Service) error {
	following, cancel := context.WithCancel(ctx)
	var telling sync.WaitGroup
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	telling.Go(func() { u.follow(following, s, hangups) })
	defer telling.Wait()
	defer cancel()
	return run(ctx) // the handler is never removed: the signal's default action ends the process
}

// follow reports a service to systemd until ctx ends.
func (u *Unit) follow(ctx context.Context, s Service, hangups <-chan os.Signal) {
	select {
	case <-s.Up:
		u.Status(s.Says())
		u.Ready()
	case <-ctx.Done():
		u.Stopping("stopped during startup")
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
				tick.Stop() // no service manager
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
