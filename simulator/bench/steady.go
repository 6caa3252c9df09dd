package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"time"

	"github.com/hotpair/hotpair/deployments/local"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/simulator/bench/load"
	"github.com/hotpair/hotpair/simulator/bench/result"
	"github.com/hotpair/hotpair/simulator/bench/subject"
)

// errUnsteady is the verdict when something happened that nobody needed.
var errUnsteady = errors.New("not steady")

// steadyBench loads the machine from outside and counts what nobody needs: takeovers, changes of the pair record, processes
// that were taken for frozen, terminals that were taken for lost.
type steadyBench struct {
	duration  time.Duration
	leases    names
	burners   int
	disks     int
	clients   int
	terminals int
}

func (b *steadyBench) options(f *options) {
	b.leases = names{"1s", "250ms"}
	f.DurationVar(&b.duration, "duration", 10*time.Minute, "how long each lease is tested")
	f.Var(&b.leases, "leases", "values of HOTPAIR_LEASE")
	f.IntVar(&b.burners, "burners", 2*runtime.NumCPU(), "processes that only burn processor time")
	f.IntVar(&b.disks, "disks", 2, "processes that only write: every second one large and sequentially, the others flush each write")
	f.IntVar(&b.clients, "clients", 4, "closed-loop writers")
	f.IntVar(&b.terminals, "terminals", 8, "terminals of the pair")
	f.inShort("duration", "20s")
}

func (b *steadyBench) measure(ctx context.Context, r *run) error {
	var verdicts []error
	for _, lease := range b.leases {
		if _, err := time.ParseDuration(lease); err != nil {
			return fmt.Errorf("%w: -leases: %w", errUsage, err)
		}
		err := b.lease(ctx, r, lease)
		if err != nil && !errors.Is(err, errUnsteady) {
			return fmt.Errorf("lease %s: %w", lease, err)
		}
		verdicts = append(verdicts, err)
	}
	err := errors.Join(verdicts...)
	if err == nil {
		r.say("verdict: steady: no takeover, no change of the pair record, no process restarted, no terminal cut")
	}
	return err
}

func (b *steadyBench) lease(ctx context.Context, r *run, lease string) (err error) {
	c, err := subject.Start(ctx, r.binary, b.terminals, "HOTPAIR_LEASE="+lease)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Stop()) }()
	if _, _, err := c.Whole(ctx); err != nil {
		return err
	}
	clients, err := load.Connect(c.Addresses(), b.clients, nil)
	if err != nil {
		return err
	}
	defer clients.Close()
	working, end := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		clients.Run(working, load.Put(1000))
	}()
	defer func() { end(); <-ended }()
	w := newWatched()
	calm, err := w.look(ctx, c)
	if err != nil {
		return err
	}
	weight, err := newBurden(b.burners, b.disks)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, weight.end()) }()
	r.say("lease %s: %d processes burn, %d write, for %s", lease, b.burners, b.disks, b.duration)
	from := time.Now()
	w.from = from
	for said := from; time.Since(from) < b.duration; {
		if err := pace.Rest(ctx, time.Second); err != nil {
			return err
		}
		last, err := w.look(ctx, c)
		if err != nil {
			return err
		}
		if time.Since(said) >= 30*time.Second {
			said = time.Now()
			r.say("%6s: epoch %d, version %d of the record, %d restarts, %d terminals cut, %d answers",
				time.Since(from).Round(time.Second), last.epoch, last.version, w.restarts, len(w.cuts), clients.Acknowledged())
		}
	}
	last, err := w.look(ctx, c)
	if err != nil {
		return err
	}
	s := clients.Look(from, time.Now())
	row := "lease " + lease
	takeovers, changes := last.epoch-calm.epoch, last.version-calm.version
	r.result.Add(row, "takeovers", "", result.Less, float64(takeovers))
	r.result.Add(row, "changes of the pair record", "", result.Less, float64(changes))
	r.result.Add(row, "processes restarted", "", result.Less, float64(w.restarts))
	r.result.Add(row, "terminals cut", "", result.Less, float64(len(w.cuts)))
	r.result.Add(row, "longest gap", "ms", result.Less, ms(s.Longest))
	r.result.Add(row, "rate", "1/s", result.None, s.Rate())
	r.result.Add(row, "failed requests", "", result.Less, float64(s.Failed))
	told := fmt.Sprintf("lease %s: %d takeovers, %d changes of the record, %d processes restarted, %d terminals cut, %d failed requests",
		lease, takeovers, changes, w.restarts, len(w.cuts), s.Failed)
	r.say("%s, longest gap %.0f ms, %.0f answers a second", told, ms(s.Longest), s.Rate())
	for _, e := range last.events {
		if e.Time.After(from) {
			r.say("  %s %s %s %s", e.Time.Format("15:04:05.000"), e.Host, e.Step, e.Text)
			r.result.Note("lease %s, after %s: %s: %s", lease, e.Time.Sub(from).Round(time.Millisecond), e.Host, e.Text)
		}
	}
	if takeovers+changes > 0 || w.restarts > 0 || len(w.cuts) > 0 || s.Failed > 0 {
		return fmt.Errorf("%w: %s", errUnsteady, told)
	}
	return nil
}

// seen is what both hosts say of the pair.
type seen struct {
	epoch, version uint64
	events         []operator.Event
}

// watched remembers between looks what a later status does not tell.
type watched struct {
	from     time.Time      // before it nothing counts; zero is never
	pids     map[string]int // of the hosts' processes
	restarts int
	cuts     map[cut]bool
}

// cut is a terminal that a host lost.
type cut struct {
	host, terminal string
	at             time.Time
}

func newWatched() *watched { return &watched{pids: map[string]int{}, cuts: map[cut]bool{}} }

// look asks both hosts. Under full load a status may come late.
func (w *watched) look(ctx context.Context, c *subject.Cluster) (s seen, err error) {
	for range 10 {
		found := c.Statuses(ctx)
		for host, status := range found {
			s.epoch, s.version = max(s.epoch, status.Epoch), max(s.version, status.RecordVersion)
			s.events = append(s.events, status.Events...)
			pids := map[string]int{host: int(status.Incarnation >> 1)} // of main itself
			for name, p := range status.Processes {
				pids[host+" "+name] = p.PID
			}
			w.note(pids)
			w.terminals(ctx, c, host)
		}
		if len(found) > 0 {
			return s, nil
		}
		if err := pace.Rest(ctx, time.Second); err != nil {
			return s, err
		}
	}
	return s, fmt.Errorf("neither %s nor %s answers: %w", local.HostA, local.HostB, subject.ErrNotReady)
}

// note compares who runs with who ran.
func (w *watched) note(pids map[string]int) {
	for name, pid := range pids {
		if before, known := w.pids[name]; known && before != pid && pid != 0 {
			w.restarts++
		}
		if pid == 0 {
			delete(pids, name) // between two runs; the next one tells
		}
	}
	maps.Copy(w.pids, pids)
}

// terminals asks a host whom it lost.
func (w *watched) terminals(ctx context.Context, c *subject.Cluster, host string) {
	if w.from.IsZero() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	page, err := operator.CallTerminals.Ask(ctx, c.File.Hosts[host].Client(), operator.TerminalsRequest{})
	if err != nil {
		return // asked again soon; the last error of a terminal stays until the next
	}
	for _, row := range page.Terminals {
		if seen := row.Hosts[host]; seen.LastErrorAt.After(w.from) {
			w.cuts[cut{host, row.ID, seen.LastErrorAt}] = true
		}
	}
}
