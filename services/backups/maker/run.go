package maker

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/backups"
	"github.com/hotpair/hotpair/services/backups/bucket"
	"github.com/hotpair/hotpair/services/backups/folder"
	"github.com/hotpair/hotpair/services/config"
)

// subscribeWithin bounds the round trip after which all subscriptions are active.
const subscribeWithin = 5 * time.Second

// Run runs the process. It returns nil when ctx has ended, and an error when the bus of main has gone.
func Run(ctx context.Context, c config.Backup, archive Archive, log *slog.Logger) error {
	place, err := placeOf(c)
	if err != nil {
		return err
	}
	complaints := make(chan error, 1)
	conns, err := bus.ConnectHost(ctx, bus.ConnConfig{
		Name: bus.ProcessBackup, URL: c.BusURL, User: c.BusUser, Password: c.BusPassword.Reveal(), Inbox: c.BusInbox, Once: true,
		Complaint: func(err error) {
			select {
			case complaints <- err:
			default: // the first one ends the process
			}
		},
	})
	if err != nil {
		return err
	}
	defer conns.Close()
	m := New(Config{
		Host: c.Host, Data: c.Data, Work: c.WorkIn(c.Data, c.Host), Key: c.BackupKey.Reveal(), Recipient: c.BackupRecipient,
		Keep: backups.Rule(c.BackupKeep), Place: place, Source: source{conns.Traffic}, Archive: archive, Log: log,
	})
	heart := bus.NewHeart(conns.Control, bus.ProcessBackup, bus.HeartInterval(c.Lease), func() (bool, any) { return true, nil })

	group, ctx := errgroup.WithContext(ctx)
	var calls calls
	router := bus.NewRouter(bus.InboxPrefix(bus.ProcessMain))
	backups.CallMake.HandleIn(ctx, router, &calls, m.Make)
	backups.CallList.HandleIn(ctx, router, &calls, m.List)
	stop, err := router.Listen(conns.Traffic, bus.Questions(bus.ProcessBackup))
	if err != nil {
		return err
	}
	defer stop()
	subscribing, cancel := context.WithTimeout(ctx, subscribeWithin)
	err = conns.Flush(subscribing)
	cancel()
	if err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
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
		case <-conns.Traffic.Up().Done():
			return fmt.Errorf("bus: %w", context.Cause(conns.Traffic.Up()))
		case <-conns.Control.Up().Done():
			return fmt.Errorf("bus: %w", context.Cause(conns.Control.Up()))
		}
	})
	log.Info("Ready to make backups", "place", place.String())
	err = group.Wait()
	calls.end()
	return err
}

// placeOf returns the place in the settings.
func placeOf(c config.Backup) (Place, error) {
	name, prefix, is := c.Bucket()
	if !is {
		return folder.New(c.BackupTo), nil
	}
	return bucket.New(bucket.Config{
		Endpoint: c.BackupS3Endpoint, Region: c.BackupS3Region, Access: c.BackupS3Access, Secret: c.BackupS3Secret.Reveal(), Roots: c.BackupS3Ca,
		PathStyle: c.BackupS3PathStyle, Bucket: name, Prefix: prefix,
	})
}

// source asks the updater of this host.
type source struct{ conn *bus.Conn }

// Piece implements Source.
func (s source) Piece(ctx context.Context, q bus.BackupOrder) (bus.BackupPage, error) {
	return bus.CallBackup.Ask(ctx, s.conn, q)
}

// calls are questions in progress (bus.Group).
type calls struct {
	mu    sync.Mutex
	ended bool
	group sync.WaitGroup
}

// Go implements bus.Group.
func (c *calls) Go(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		c.group.Go(f)
	}
}

// end accepts no more, and waits for those in progress: each ends with ctx, even if its work hangs.
func (c *calls) end() {
	c.mu.Lock()
	c.ended = true
	c.mu.Unlock()
	c.group.Wait()
}
