package updater

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/clocks"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/flightrecorder"
	"github.com/hotpair/hotpair/services/journal"
	"github.com/hotpair/hotpair/services/lease"
	"github.com/hotpair/hotpair/services/link"
	"github.com/hotpair/hotpair/services/replication"
	"github.com/hotpair/hotpair/services/timers"
	"github.com/hotpair/hotpair/services/traffic"
	"github.com/hotpair/hotpair/services/updater/backuprecord"
	"github.com/hotpair/hotpair/services/updater/bulletin"
	"github.com/hotpair/hotpair/services/updater/disk"
	"github.com/hotpair/hotpair/services/updater/inspection"
	"github.com/hotpair/hotpair/services/updater/leaving"
	"github.com/hotpair/hotpair/services/updater/members"
	"github.com/hotpair/hotpair/services/updater/pairtime"
	"github.com/hotpair/hotpair/services/updater/permitting"
	"github.com/hotpair/hotpair/services/updater/receiptkeys"
	"github.com/hotpair/hotpair/services/updater/rise"
	"github.com/hotpair/hotpair/services/updater/sending"
	"github.com/hotpair/hotpair/services/updater/systemspace"
	"github.com/hotpair/hotpair/services/updater/timing"
	"github.com/hotpair/hotpair/services/updater/turns"
	"github.com/hotpair/hotpair/services/wires"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/facts"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

const (
	// journalDirectory is the journal's in the data directory.
	journalDirectory = "journal"
	// finishWithin is how long an end of the process waits for the frame in flight. What is not finished stays in the
	// journal, and the next start finds it there.
	finishWithin = 250 * time.Millisecond
	// stopWithin bounds each step of stopping; the process ends anyway.
	stopWithin = 3 * time.Second
	// subscribeWithin bounds the first words with the bus.
	subscribeWithin = 5 * time.Second
)

// errStopped is the cause of what ends because the process was told to end.
var errStopped = errors.New("the updater is stopping")

// updater is the process. Run puts it together; its parts are used by several goroutines, state only under mu.
type updater struct {
	config config.Updater
	log    *slog.Logger
	clock  lease.Clock
	wall   func() time.Time
	// network of bus and replication; nil is TCP.
	network bus.Network
	// ownSeam and otherSeam stand between a term and the journals; tests stop the process between two steps with them.
	ownSeam   func(ownJournal) ownJournal
	otherSeam func(otherJournal) otherJournal

	facts    *facts.Facts
	short    string // what this host found missing on its disk at its start; "" when nothing
	store    *storage.Store
	journal  *journal.Journal
	tail     *journal.Log
	receiver *replication.Receiver
	remote   *link.Remote
	wires    *wires.Wires
	applier  *applier
	times    *pairtime.Clock
	timers   *timing.Clock
	notices  *bulletin.Bulletin
	emitted  *sending.Watch
	takings  *permitting.Answers
	told     *leaving.Told
	heart    *bus.Heart
	recorder *flightrecorder.Recorder
	fail     func(error) // ends the process

	moved     pulse               // beats when more is committed as standby
	purging   *semaphore.Weighted // held by purge; taken to leave a state in which the receiver commits
	mu        sync.Mutex
	state     state
	news      news
	divergent divergentCount

	measured measures
	disk     *disk.Trial
}

// Run is the updater process. It returns nil when ctx has ended and everything is stored, and an error when it can't go
// on: files in use or foreign, a port that is taken, a disk that failed (R8), the bus of main gone.
func Run(ctx context.Context, c config.Updater, log *slog.Logger) error {
	return newUpdater(c, log).run(ctx)
}

// Environment is the environment of an updater. Each nil field is the machine's own; a simulation brings its own.
type Environment struct {
	Network bus.Network
	Clock   lease.Clock      // of leases, and of what passes of pair time
	Wall    func() time.Time // what the wall clock says
}

// RunOn is Run on another environment than the machine.
func RunOn(ctx context.Context, c config.Updater, log *slog.Logger, g Environment) error {
	u := newUpdater(c, log)
	u.network = g.Network
	if g.Clock != nil {
		u.clock = g.Clock
	}
	if g.Wall != nil {
		u.wall = g.Wall
	}
	return u.run(ctx)
}

func newUpdater(c config.Updater, log *slog.Logger) *updater {
	return &updater{
		purging: semaphore.NewWeighted(1),
		emitted: sending.NewWatch(),
		config:  c, log: log, clock: lease.BootClock, wall: time.Now,
		ownSeam:   func(j ownJournal) ownJournal { return j },
		otherSeam: func(j otherJournal) otherJournal { return j },
		fail:      func(error) {},
		told:      leaving.NewTold(log),
		recorder:  flightrecorder.New(flightrecorder.Config{Dir: c.TraceDir, Name: c.Host + "-" + bus.ProcessUpdater, Log: log}),
	}
}

// run starts the parts from the bottom up, waits for the end, and stops them in reverse order.
func (u *updater) run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, within(stopWithin, "close files", u.close)) }()
	if err := u.open(ctx); err != nil {
		return err
	}
	upper := newGroup(ctx)
	lower := newGroup(context.WithoutCancel(ctx))
	lower.failed, u.fail = upper.fail, upper.fail
	conns, err := u.connect(ctx)
	if err != nil {
		return err
	}
	defer conns.Close()
	served, err := traffic.ServeDatabase(ctx, u.config.Traffic, traffic.Environment{Network: u.network, Lost: u.lost, Complaint: u.refused, Log: u.log})
	if err != nil {
		return err
	}
	defer served.Close()
	u.heart = bus.NewHeart(conns.Control, bus.ProcessUpdater, bus.HeartInterval(u.config.Lease), u.report)

	lower.run("applier", u.applier.run)
	lower.run("receiver", u.receiver.Run)
	if u.facts.Get().Restored == nil { // else nothing outward
		lower.run("remote", u.remote.Run)
	}
	lower.run("journal", u.watchJournal)
	lower.run("certificates", u.wires.Run)
	database := newDatabase(u.store, u.serving, u.log)
	upper.run("scans", database.run)
	reads := turns.New()
	space := systemspace.New(u.store, asked{u}, u.config.EventsMax, reads)
	inspector := inspection.New(inspection.Config{
		Host: u.config.Host, Data: u.config.Data, Needed: disk.SpaceLeast, Disk: u.disk, Store: u.store, Facts: u.facts, Updater: asked{u},
		Remote: u.remote, Space: space, Turns: reads, Log: u.log, BackupKey: config.BackupKey(u.config.PairSecret), Trust: u.wires.Own().Name.Pair,
	})
	keys := receiptkeys.New(u.store, space, u.config.PairSecret.Reveal(), u.wall)
	u.notices = bulletin.New(upper.ctx, u.told.Viewer(u.store), asked{u}, u.wall(), u.log)
	u.takings = permitting.New(upper.ctx, permitting.Config{Store: u.told.Viewer(u.store), Term: asked{u}, Pair: func() string { return u.facts.Get().PairID }, Log: u.log})
	orders := newOrderQueue(u, space, keys, members.New(u.store, space, u.wall), backuprecord.New(u.store, space), inspector, rise.Levels{Host: u.config.Host, Remote: u.remote, Term: u}, timing.New(upper.ctx, u.timers, asked{u}), u.notices, u.takings,
		sending.New(upper.ctx, sending.Config{Store: u.told.Viewer(u.store), Term: asked{u}, Watch: u.emitted, Pair: func() string { return u.facts.Get().PairID }, Time: u.timers.Time}))
	lower.run("answerer", u.answerer().Run)
	upper.run("verifier", inspector.Run)
	upper.run("bulletin", u.notices.Run)
	upper.run("takings", u.takings.Run)
	upper.run("orders", func(ctx context.Context) error {
		defer inspector.Close() // once the last question is answered
		return orders.run(ctx)
	})
	if err := errors.Join(orders.serve(conns), database.serve(served.Conn), u.subscribed(ctx, conns)); err != nil {
		upper.fail(err)
	}
	upper.run("disk", u.watchDisk)
	upper.run("heart", u.heart.Run)
	upper.run("trace", u.recorder.Run)
	u.log.Info("updater is ready", "position", u.tail.End().Position, "applied", u.store.Applied().Position, "replication", u.journal.Address())

	<-upper.ctx.Done()
	reason := context.Cause(upper.ctx)
	orders.stop()
	database.stop()
	stopped := upper.wait(stopWithin)
	database.flush()
	if ctx.Err() != nil && errors.Is(reason, context.Cause(ctx)) {
		reason = u.flush() // told to end: nothing is wrong
	}
	lower.fail(errStopped)
	err = errors.Join(reason, stopped, lower.wait(stopWithin))
	database.flush() // what was answered since
	return err
}

// subscribed returns when calls would arrive: the first heartbeat, which says so, goes another way.
func (u *updater) subscribed(ctx context.Context, conns bus.HostConns) error {
	ctx, cancel := context.WithTimeout(ctx, subscribeWithin)
	defer cancel()
	return conns.Flush(ctx)
}

// connect gives the connections to main's bus. Without them the process has no purpose: it ends with either.
func (u *updater) connect(ctx context.Context) (bus.HostConns, error) {
	return bus.ConnectHost(ctx, bus.ConnConfig{
		Name: bus.ProcessUpdater, URL: u.config.BusURL, User: u.config.BusUser, Password: u.config.BusPassword.Reveal(),
		Inbox: u.config.BusInbox, Network: u.network, Once: true,
		Lost: u.lost, Complaint: u.refused,
	})
}

func (u *updater) lost(err error) {
	u.fail(fmt.Errorf("the bus is gone: %w", errors.Join(bus.ErrDisconnected, err)))
}

func (u *updater) refused(err error) { u.fail(fmt.Errorf("the bus refuses: %w", err)) }

// flush stores what is committed, so that the next start has nothing to do. Failing it loses nothing.
func (u *updater) flush() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	return u.applier.apply(ctx)
}

// open opens facts, database and journal, each behind its lock, and reads the journal.
func (u *updater) open(ctx context.Context) (err error) {
	c := u.config
	u.disk = disk.New(c.Data, u.clock)
	defer func() {
		// What fails for want of the disk fails in the words of whoever needed it: the disk is named before them.
		if lacks := u.disk.Look(); err != nil && lacks != nil {
			err = fmt.Errorf("%w: %w", lacks, err)
		}
	}()
	if u.facts, err = facts.Open(c.Data, c.Host); err != nil {
		return err
	}
	u.store, err = storage.Open(c.Data, storage.Options{
		Host: c.Host, Identity: u.facts.Get().Identity, MaxUpdates: uint64(c.HistoryMaxUpdates), MaxAge: c.HistoryMaxAge,
		MaxBytes: int64(c.HistoryMaxBytes), WatchSpace: bus.SystemSpace, Logger: u.log,
	})
	if err != nil {
		return err
	}
	used := u.facts.Get().PairID != ""
	if used && u.store.Created() {
		if err := u.noteLack("the database is gone"); err != nil {
			return err
		}
	}
	if _, err := u.disk.Write(ctx); err != nil {
		return err
	}
	u.times = pairtime.New(u.clock, u.wall, clocks.Built())
	u.times.Observe(u.store.PairTime())
	if u.timers, err = timing.Open(u.told.Viewer(u.store), u.now); err != nil {
		return err
	}
	if err := u.countDivergent(); err != nil {
		return err
	}
	if u.wires, err = wires.OpenHost(c.TLS, c.Host, wires.Environment{Network: u.network, Data: c.Data}, u.log); err != nil {
		return err
	}
	password := config.DeriveKey(c.PairSecret.Reveal(), config.PurposeReplication)
	u.journal = journal.New(journal.Config{
		Host: c.Host, Dir: filepath.Join(c.Data, journalDirectory), Listen: c.Replication, Network: u.wires.Replication(), Password: password,
		MaxBytes: int64(c.JournalMaxBytes), Used: used, Lacks: func() error { return u.noteLack("the journal was recreated or has become shorter") },
		Logger: u.log,
	})
	if err := u.journal.Open(ctx); err != nil {
		return err
	}
	u.tail = journal.NewLog(u.journal, u.store.Applied())
	if err := u.tail.Read(ctx); err != nil {
		return err
	}
	u.receiver = replication.NewReceiver(replication.ReceiverConfig{
		Host: c.Host, Log: u.tail, Database: u.store, Snapshot: u.store, Facts: u.facts, Dir: c.Data,
		Allow: u.allow, Changed: u.received, Divergent: u.noteDivergence, Logger: u.log,
	})
	u.remote = replication.NewPeer(link.RemoteConfig{
		Host: c.Host, Address: c.PeerReplication, Password: password, Network: u.wires.Replication(), Clock: u.clock,
		Changed: func(link.Evidence) { u.beat() }, Logger: u.log,
	})
	u.applier = newApplier(u.store, int64(c.JournalMaxBytes)/4, u.purge)
	return nil
}

// noteLack notes durably that this host is out of the in-sync set, because acknowledged updates may be gone from its disk: it
// may be promoted again only once a host that holds them has brought it up and had it note so (V11, R4).
func (u *updater) noteLack(what string) error {
	u.log.Error("this host may lack acknowledged updates: it can't take over until the other host has brought it up to date", "cause", what)
	u.short = what
	return u.facts.Update(func(f *facts.Data) error {
		f.Note.Out = true
		return nil
	})
}

// close closes what open opened, in reverse order. Repeatable.
func (u *updater) close() (err error) {
	if u.journal != nil {
		err = u.journal.Close()
	}
	if u.store != nil {
		err = errors.Join(err, u.store.Close())
	}
	if u.disk != nil {
		u.disk.Close()
	}
	return err
}

// watchDisk has the disk looked at and tried, also while nothing is written to it, and main told at once what is wrong.
func (u *updater) watchDisk(ctx context.Context) error {
	var end position.Position
	return u.disk.Watch(ctx, disk.Host{
		// An active times its appends. Those to the journal of a standby are made for the other host, which can't tell the disk from the way.
		Moved: func() bool {
			now := u.tail.End().Position
			moved := now != end && !end.IsZero()
			end = now
			return moved && u.present().kind == standby
		},
		Took: u.measured.probe.Observe,
		// A standby restarts and reads again what its disk kept. An active learns it from its own next write.
		Failed: func(err error) {
			if u.present().kind == standby {
				u.fail(err)
			}
		},
		Changed: func(problem string) {
			if problem != "" {
				u.log.Error("this host can't take over: its disk does not accept the writes of a term", "cause", problem)
			} else {
				u.log.Info("the disk accepts the writes of a term again")
			}
			u.beat()
		},
	})
}

// now is what the clocks say of which timers are due.
func (u *updater) now() timers.Now {
	r := clocks.Reading{Boot: u.clock(), Wall: u.wall().UnixNano()}
	return timers.Now{Reading: r, Other: u.times.Difference(), Synchronised: clocks.Synchronised()}
}

// purge gives the journal up behind what bolt holds. On a standby the receiver does it, which has more to do then; the
// state does not change meanwhile, because only one of them may commit.
func (u *updater) purge(ctx context.Context, m history.Mark) error {
	if err := journal.Acquire(ctx, u.purging); err != nil {
		return err
	}
	defer u.purging.Release(1)
	if d := u.present().kind; d == preparing || d == serving {
		return u.tail.Applied(ctx, m)
	}
	return u.receiver.Applied(ctx, m)
}
