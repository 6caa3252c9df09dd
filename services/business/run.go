package business

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/batch"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/pace"
)

const (
	// finishWithin is what requests in flight get to end when the process is asked to stop. Whoever stops it on
	// purpose has drained it before.
	finishWithin = time.Second
	// subscribeWithin bounds the round trip after which all subscriptions stand.
	subscribeWithin = 5 * time.Second
	// queueGroup is the group of batches: with a process that is still ending there may be two for a moment.
	queueGroup = "q"
)

// ErrStuck says that handlers did not return after their contexts had ended.
var ErrStuck = errors.New("handlers do not return")

// Run serves as one business process until ctx ends, then waits a second for the requests in flight and returns nil.
// Other errors: ErrService; bus.ErrDisconnected if its connection to main is closed (a business process does not
// outlive its main); bus.ErrForbidden if it is refused a subject. It continues through restarts of terminal-if, which
// sends requests, and of the updater.
func Run(ctx context.Context, cfg config.Business, service Service, log *slog.Logger) error {
	return RunOn(ctx, cfg, service, log, nil)
}

// RunOn is Run with a bus in another network than the machine's; nil is the machine's.
func RunOn(ctx context.Context, cfg config.Business, service Service, log *slog.Logger, network bus.Network) error {
	if err := service.check(); err != nil {
		return err
	}
	process := bus.ProcessBusiness + "." + service.Name
	complaints := make(chan error, 1)
	to := bus.ConnConfig{
		Name: process, URL: cfg.BusURL, User: cfg.BusUser, Password: cfg.BusPassword.Reveal(), Inbox: cfg.BusInbox,
		Network: network, Redial: redial,
		Complaint: func(err error) {
			if !errors.Is(err, bus.ErrForbidden) {
				log.Debug("A server complains", "error", err) // that it shuts down, for example: it comes back, or main ends
				return
			}
			select {
			case complaints <- err:
			default: // the first one ends the process
			}
		},
	}
	main := to
	main.Once = true
	control, err := bus.Connect(ctx, main)
	if err != nil {
		return err
	}
	defer control.Close()

	var ready atomic.Bool
	heart := bus.NewHeart(control, process, bus.HeartInterval(cfg.Lease), func() (bool, any) { return ready.Load(), nil })
	// Requests outlive ctx by finishWithin, so their context is their own.
	working, stopWork := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stopWork(nil)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		_ = heart.Run(ctx) // ends with ctx only
		return nil
	})
	group.Go(func() error {
		select {
		case <-ctx.Done():
			return nil
		case err := <-complaints:
			return fmt.Errorf("bus: %w", err)
		case <-control.Up().Done():
			return fmt.Errorf("bus: %w", context.Cause(control.Up()))
		}
	})
	group.Go(func() error {
		at := place{config: to, routes: cfg.Routes, main: control}
		return at.serve(ctx, working, stopWork, service, log, func() {
			ready.Store(true)
			heart.Now()
		})
	})
	return group.Wait()
}

// place is where a business process works.
type place struct {
	config bus.ConnConfig
	routes config.Routes
	main   *bus.Conn
}

// at is the way to one server.
func (p place) at(url string) bus.ConnConfig {
	c := p.config
	c.URL = url
	return c
}

// redial is soon for as long as a process takes that was just started again: every request waits for it.
func redial(failed int) time.Duration {
	const soon, often = 10 * time.Millisecond, 200
	if failed < often {
		return min(pace.Redial(failed), soon)
	}
	return pace.Redial(failed)
}

// reach connects as soon as the server listens, which may be started at the same moment. The error is ctx's, or says
// that this process is refused.
func reach(ctx context.Context, c bus.ConnConfig) (*bus.Conn, error) {
	for failed := 0; ; failed++ {
		conn, err := bus.Connect(ctx, c)
		if err == nil || ctx.Err() != nil || errors.Is(err, nats.ErrAuthorization) {
			return conn, err
		}
		if pace.Rest(ctx, redial(failed)) != nil {
			return nil, err
		}
	}
}

// serve takes requests until ctx ends, and waits for those in flight. working is their context.
func (p place) serve(ctx, working context.Context, stopWork context.CancelCauseFunc, service Service, log *slog.Logger, ready func()) error {
	db, err := openDatabase(ctx, p.at(p.routes.DatabaseURL), service.Name)
	if err != nil {
		return ended(ctx, err)
	}
	defer db.close()
	conn, err := reach(ctx, p.at(p.routes.RequestsURL))
	if err != nil {
		return ended(ctx, err)
	}
	defer conn.Close()
	requests := newRequests(service, db, log)
	batches, err := batch.NewResponder(conn, bus.BatchSubject(service.Name), queueGroup, replySize,
		func(q bus.Request, _ string, answer func(bus.Reply)) { requests.take(working, q, answer) },
		func(m *nats.Msg, err error) {
			log.Warn("Message is not a batch of requests", "subject", m.Subject, "error", err)
		})
	if err != nil {
		return err
	}
	defer batches.Close()
	requests.unread.Store(batches)
	// Last, so that who finds the service can use it.
	registered, err := register(working, conn, requests)
	if err != nil {
		return err
	}
	subscribing, cancel := context.WithTimeout(working, subscribeWithin)
	err = errors.Join(db.conn.FlushWithContext(subscribing), conn.FlushWithContext(subscribing))
	cancel()
	if err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	ready()
	log.Info("Serving", "service", service.Name, "version", service.Version, "operations", service.names())

	<-ctx.Done()
	batches.Close()
	if err := registered.Stop(); err != nil {
		log.Debug("Service could not be withdrawn", "error", err) // the connection is gone, and with it the service
	}
	finished := requests.finish(p.main.Up(), stopWork)
	leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishWithin)
	defer cancel()
	if err := batches.Flush(leaving); err != nil {
		log.Debug("Answers could not be sent before the process ended", "error", err) // the connection is gone, and who asked knows
	}
	return finished
}

// ended returns nil if the process was told to end while it waited.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
