package events

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/pace"
)

const (
	// gatherEvents is how long the recorder gathers events: a takeover makes several, and the first moments of a term
	// are for the terminals.
	gatherEvents = 100 * time.Millisecond
	// batchEvents and batchBytes bound what is handed on at once; it must fit into one message of the link.
	batchEvents = 64
	batchBytes  = 256 << 10
	// HandWithin bounds handing on. A failure is retried after handPause, then after growing pauses up to
	// handPauseMost; at once when another host serves.
	HandWithin    = 10 * time.Second
	handPause     = 100 * time.Millisecond
	handPauseMost = 5 * time.Second
	// lateAfter is when an event counts as late in the log.
	lateAfter = 10 * time.Second
	// spoolSync is how long events are only in the kernel's cache: most reach the pair's log before, which saves an
	// fsync on the disk that updates wait for.
	spoolSync = 2 * time.Second
	// spoolStop bounds the last write of the spool: a hanging disk must not delay the end of main.
	spoolStop = time.Second
)

// ErrNobodyRecords says that no host serves, so that none can add events to the log.
var ErrNobodyRecords = errors.New("nobody serves")

// Sender hands events to the host that keeps the pair's log.
type Sender interface {
	// Record returns when the log has the events, with the number of its newest one. Errors: ErrNobodyRecords, and those of
	// the transport.
	Record(ctx context.Context, batch []bus.Event) (last uint64, err error)
}

// Recorder hands the events of this host on to the pair's log, and keeps those that are not there yet in the spool. It
// has a goroutine for each, so that a hanging disk doesn't keep events from the log, and an unreachable log doesn't
// keep them from the disk. The role machine and the driver never wait for it.
type Recorder struct {
	events *Memory
	dir    string
	log    *slog.Logger
	sender Sender

	unsaved atomic.Pointer[error] // why events are not in the spool

	woken  chan struct{} // another host serves now
	opened chan struct{} // closed when the spool was read: its events come before new ones
}

// NewRecorder makes the recorder of a main; the spool will be in dir.
func NewRecorder(e *Memory, dir string, sender Sender, log *slog.Logger) *Recorder {
	return &Recorder{events: e, dir: dir, sender: sender, log: log, woken: make(chan struct{}, 1), opened: make(chan struct{})}
}

// Wake makes the recorder retry handing on. It never blocks.
func (r *Recorder) Wake() {
	select {
	case r.woken <- struct{}{}:
	default:
	}
}

// Unsaved returns why events are no longer kept on disk; nil: they are.
func (r *Recorder) Unsaved() error {
	if err := r.unsaved.Load(); err != nil {
		return *err
	}
	return nil
}

// Run records until ctx ends. It returns when the remaining events are in the spool, or spoolStop has passed.
func (r *Recorder) Run(ctx context.Context) error {
	var handing sync.WaitGroup
	handing.Go(func() { r.hand(ctx) })
	handing.Go(func() { r.unfold(ctx) })
	saved := make(chan struct{})
	go func() {
		defer close(saved)
		r.save(ctx)
	}()
	<-ctx.Done()
	handing.Wait()
	select {
	case <-saved:
	case <-time.After(spoolStop):
		r.log.Warn("the event spool could not be written in time; the last events are only in this log")
	}
	return ctx.Err()
}

// save keeps the spool until ctx ends. After a failed write it leaves the file alone: data that the kernel accepted and
// could not write is lost, and a retry would hide that.
func (r *Recorder) save(ctx context.Context) {
	spool, left, damaged, err := openSpool(r.dir, r.events.host)
	if err == nil && len(left) > 0 {
		r.events.inherit(left)
	}
	close(r.opened)
	if damaged > 0 {
		r.log.Warn("some events of an earlier run can't be read from the spool", "lines", damaged)
	}
	if err == nil {
		err = r.keep(ctx, spool, uint64(len(left)))
		err = errors.Join(err, spool.close())
	}
	if err != nil {
		r.log.Error("events are no longer kept on disk; they are only in memory and in this log", "error", err)
		r.unsaved.Store(&err)
	}
}

// keep writes new events. saved is the serial up to which the file has everything.
func (r *Recorder) keep(ctx context.Context, s *spool, saved uint64) error {
	var sync <-chan time.Time
	for {
		changed := r.events.changes()
		fresh, none := r.events.after(saved)
		if len(fresh) > 0 {
			if err := s.append(plain(fresh)); err != nil {
				return err
			}
			saved = fresh[len(fresh)-1].serial
		}
		switch {
		case none:
			if err := s.clear(); err != nil {
				return err
			}
		case s.full():
			all, _ := r.events.after(0)
			if err := s.rewrite(plain(all)); err != nil {
				return err
			}
			if len(all) > 0 {
				saved = max(saved, all[len(all)-1].serial)
			}
		}
		if s.dirty && sync == nil {
			sync = time.After(spoolSync)
		}
		select {
		case <-changed:
		case <-sync:
			sync = nil
			if err := s.sync(); err != nil {
				return err
			}
		case <-ctx.Done():
			r.tell(r.events.release(true))
			fresh, _ := r.events.after(saved)
			return s.append(plain(fresh))
		}
	}
}

// unfold releases withheld events when their time has come, until ctx ends.
func (r *Recorder) unfold(ctx context.Context) {
	for {
		wait := r.tell(r.events.release(false))
		var due <-chan time.Time
		if wait > 0 {
			due = time.After(wait)
		}
		select {
		case <-r.events.holding:
			// Further repetitions of withheld events don't change the time of their release.
			if wait > 0 && pace.Rest(ctx, min(wait, foldFirst/10)) != nil {
				return
			}
		case <-due:
		case <-ctx.Done():
			return
		}
	}
}

// tell writes a line of the log for an event that stands for many.
func (r *Recorder) tell(list []bus.Event, wait time.Duration) time.Duration {
	for _, e := range list {
		r.log.Info(e.Text, "epoch", e.Epoch, "kind", e.Kind)
	}
	return wait
}

func plain(pending []pendingEvent) []bus.Event {
	list := make([]bus.Event, len(pending))
	for i, p := range pending {
		list[i] = p.Event
	}
	return list
}

// hand hands on until ctx ends.
func (r *Recorder) hand(ctx context.Context) {
	select {
	case <-r.opened:
	case <-ctx.Done():
		return
	}
	var told uint64
	for pause := time.Duration(0); ; {
		changed := r.events.changes()
		batch, dropped := r.events.waiting(batchEvents)
		if dropped > told {
			r.log.Warn("events were dropped, the oldest first: they could not reach the pair's log for too long", "dropped", dropped-told)
			told = dropped
		}
		if len(batch) == 0 {
			pause = 0
			select {
			case <-changed:
				_ = pace.Rest(ctx, gatherEvents)
			case <-ctx.Done():
				return
			}
			continue
		}
		err := r.handOn(ctx, batch)
		switch {
		case err == nil:
			pause = 0
			continue
		case ctx.Err() != nil:
			return
		case !errors.Is(err, ErrNobodyRecords):
			r.log.Debug("events were not handed on", "events", len(batch), "error", err)
		}
		pause = min(max(handPause, 2*pause), handPauseMost)
		if errors.Is(err, ErrNobodyRecords) {
			pause = handPauseMost
		}
		select {
		case <-r.woken:
			pause = 0
			_ = pace.Rest(ctx, gatherEvents)
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

// handOn hands one batch on.
func (r *Recorder) handOn(ctx context.Context, batch []pendingEvent) error {
	now, size := r.events.now(), 0
	var list []bus.Event
	for _, p := range batch {
		e := p.Event
		e.Late = now.Sub(e.Time) > lateAfter
		if size += len(e.Text) + 1000; size > batchBytes && len(list) > 0 {
			break
		}
		list = append(list, e)
	}
	ctx, cancel := context.WithTimeout(ctx, HandWithin)
	defer cancel()
	last, err := r.sender.Record(ctx, list)
	if err != nil {
		return err
	}
	r.events.handedOn(batch[len(list)-1].serial, last)
	return nil
}
