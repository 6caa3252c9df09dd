package world

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/simulator/load"
	"github.com/hotpair/hotpair/simulator/pair"
	"github.com/hotpair/hotpair/storage"
)

const (
	// terminals of a played world.
	terminals = 2
	// thinking is the longest pause of a client between two calls: short enough for thousands of calls in a walk.
	thinking = 150 * time.Millisecond
	// progress is how many answers must come after everything is healed.
	progress = 20
)

// Result is the result of a schedule.
type Result struct {
	load.Verdict
	Faults  int
	Epoch   uint64 // at the end
	Lasted  time.Duration
	Healing time.Duration // from the end of all faults to a pair in sync
	Broken  []string      // violations, in addition to the findings
}

// Bad lists all violations.
func (r Result) Bad() []string { return append(r.All(), r.Broken...) }

// String is one line.
func (r Result) String() string {
	return fmt.Sprintf("%d faults in %s, healed in %s, epoch %d, %d operations checked (%d crossed a takeover, %d open), %d keys, %d accounts, %d reservations and %d notices read back, %d findings",
		r.Faults, r.Lasted.Round(time.Millisecond), r.Healing.Round(time.Millisecond), r.Epoch, r.Operations, r.Crossed, r.Open, r.Uniques, r.Balances, r.Reserved, r.Notices, len(r.Bad()))
}

// Play plays a schedule in a new world below dir, inside the caller's bubble. The error is of the world itself;
// errors of the pair are in the result.
func Play(s Schedule, dir string, log *slog.Logger) (result Result, err error) {
	eye := newEye(log)
	w, err := New(Options{Dir: dir, Terminals: terminals, Lease: s.Lease, Patience: 2 * s.Lease, History: s.History, Log: slog.New(eye)})
	if err != nil {
		return result, err
	}
	defer func() {
		w.Close()
		result.Lasted = w.Elapsed()
		for _, e := range []error{w.Err(), eye.Err()} {
			if e != nil {
				result.Broken = append(result.Broken, e.Error())
			}
		}
	}()
	ctx := context.Background()
	w.Start()
	if err := w.AwaitPaired(ctx); err != nil {
		return result, fmt.Errorf("at the start: %w", err)
	}
	l, err := load.Start(ctx, load.Config{Name: "w", Seed: s.Seed, Terminals: terminals, Dir: dir, Thinking: thinking, Connect: w.application})
	if err != nil {
		return result, err
	}
	defer l.Close() // its error is nil
	watching, watched := context.WithCancel(ctx)
	w.wait.Go(func() { w.watch(watching, eye) })
	began := time.Now()
	for _, e := range s.Events {
		time.Sleep(e.At - time.Since(began))
		w.options.Log.Info("event", "event", e.String())
		w.do(e)
		result.Faults++
	}
	w.Repair()
	fixed := time.Now()
	err = w.healed(ctx, l, &result)
	result.Healing = time.Since(fixed)
	watched()
	if err != nil {
		result.Broken = append(result.Broken, err.Error())
		return result, nil
	}
	if result.Verdict, err = l.Finish(ctx); err != nil {
		return result, err
	}
	for _, err := range []error{w.kept(ctx, eye), w.compare(ctx, &result)} {
		if err != nil {
			result.Broken = append(result.Broken, err.Error())
		}
	}
	return result, nil
}

// healed waits until the pair is in sync and serves.
func (w *World) healed(ctx context.Context, l *load.Load, result *Result) error {
	if err := w.AwaitPaired(ctx); err != nil {
		return err
	}
	some := l.Acknowledged() + progress
	if err := w.Await(ctx, healWithin, "progress after healing", func() bool { return l.Acknowledged() > some }); err != nil {
		return fmt.Errorf("%w: %w", pair.ErrNotHealed, err)
	}
	for _, host := range pair.Hosts() {
		s, err := w.Status(ctx, host)
		if err != nil {
			return fmt.Errorf("%w: %w", pair.ErrNotHealed, err)
		}
		result.Epoch = max(result.Epoch, s.Epoch)
	}
	return nil
}

// application connects an application to the agent of its terminal.
func (w *World) application(name string, terminal int) (*nats.Conn, error) {
	id := pair.TerminalID(terminal)
	return load.Dial(name, at(id, pair.PortApps), dialer{w.network.Endpoint(Address(id))})
}

// do performs one event.
func (w *World) do(e Event) {
	switch e.Verb {
	case "cut":
		w.network.Cut(Address(e.Args[0]), Address(e.Args[1]))
	case "fix":
		w.network.Repair(Address(e.Args[0]), Address(e.Args[1]))
	case "slow":
		by, _ := time.ParseDuration(e.Args[2]) // was checked
		w.network.Slow(Address(e.Args[0]), Address(e.Args[1]), by)
	case "stall":
		w.network.Stall(at(e.Args[0], pair.PortReplication))
	case "release":
		w.network.Release(at(e.Args[0], pair.PortReplication))
	case "kill":
		if e.Args[0] == pair.Witness {
			w.KillWitness()
		} else {
			w.hosts[e.Args[0]].Kill()
		}
	case "start":
		if e.Args[0] == pair.Witness {
			w.StartWitness()
		} else {
			w.hosts[e.Args[0]].Start()
		}
	case "stop":
		w.hosts[e.Args[0]].Stop()
	case "crash":
		w.hosts[e.Args[0]].KillProcess(e.Args[1])
	case "switchover":
		w.wait.Go(func() { w.switchover(e.Args[0]) })
	}
}

// switchover requests one. It may be refused, or be abandoned: then everything must be as before.
func (w *World) switchover(host string) {
	ctx, cancel := context.WithTimeout(w.ctx, time.Minute)
	defer cancel()
	_, err := operator.CallSwitchover.Ask(ctx, w.clients[host], operator.None{})
	w.options.Log.Info("switchover", "at", host, "error", err)
}

// Repair ends every fault: wires are repaired, disks work, stopped processes are started.
func (w *World) Repair() {
	w.network.RepairAll()
	w.StartWitness()
	for _, host := range pair.Hosts() {
		w.hosts[host].Start()
	}
}

// watch checks both hosts at the same moment repeatedly: at most one may answer terminals.
func (w *World) watch(ctx context.Context, eye *eye) {
	const lookEvery = 50 * time.Millisecond
	for tick := time.NewTicker(lookEvery); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
		}
		a, errA := w.Status(ctx, pair.HostA)
		b, errB := w.Status(ctx, pair.HostB)
		if errA == nil {
			eye.sawEnd(a)
		}
		if errB == nil {
			eye.sawEnd(b)
		}
		if errA == nil && errB == nil && a.Time.Equal(b.Time) && a.Serves() && b.Serves() {
			eye.fail(fmt.Errorf("%w: a in epoch %d and b in epoch %d, at %s", errBothServe, a.Epoch, b.Epoch, w.Elapsed()))
		}
	}
}

// compare waits until both hosts have applied everything, kills both, checks both databases and compares their
// content. The digest of the last entry covers every entry before it. Errors: ErrDiverged.
func (w *World) compare(ctx context.Context, result *Result) error {
	err := w.Await(ctx, healWithin, "common position of both hosts", func() bool {
		a, errA := w.Status(ctx, pair.HostA)
		b, errB := w.Status(ctx, pair.HostB)
		return errA == nil && errB == nil && a.Applied == a.Position && b.Applied == a.Position && b.Position == a.Position
	})
	if err != nil {
		return fmt.Errorf("%w: %w", pair.ErrDiverged, err)
	}
	marks := map[string]string{}
	for _, host := range pair.Hosts() {
		w.hosts[host].Kill() // both before waiting for either, which takes time in which the other one would take over
	}
	for _, host := range pair.Hosts() {
		w.hosts[host].Wait()
		mark, err := databaseMark(ctx, filepath.Join(w.options.Dir, host))
		if err != nil {
			return fmt.Errorf("database of host %s: %w", host, err)
		}
		marks[host] = mark
	}
	if marks[pair.HostA] != marks[pair.HostB] {
		return fmt.Errorf("%w: databases %v", pair.ErrDiverged, marks)
	}
	return nil
}

// databaseMark is what a database holds, as one line: its digest, and position and digest of the last entry.
func databaseMark(ctx context.Context, dir string) (string, error) {
	store, err := storage.Open(dir, storage.Options{InitialMmapSize: 1 << 24})
	if err != nil {
		return "", err
	}
	err = store.Check(ctx)
	digest, mark, digestErr := store.DatabaseDigest()
	return fmt.Sprintf("%s at %s, chained %s", digest, mark.Position, mark.Digest), errors.Join(err, digestErr, store.Close())
}
