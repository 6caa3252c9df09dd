package conformance

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/hotpair/hotpair/services/conformance/stand"
	"github.com/hotpair/hotpair/services/terminalif/description"
)

// Options of a test.
type Options struct {
	Command   []string
	Environ   []string
	Name      string // of the service; "" is the name that it announces
	Cases     []Case // nil: each operation that it announces is called with {}
	Terminals []string
	Targets   []string
	// Start bounds the time until the program is ready, Within one request.
	Start, Within time.Duration
	// Only are the names of the rules to test; none are all.
	Only []string
	// Told is called after each rule; it may be nil.
	Told func(Result)
}

// discovered is a name that can't be the program's: its refused subjects then show the real one.
const discovered = "service-check"

// suite is one run.
type suite struct {
	options Options
	dir     string
	batches bool
	cases   []Case
	report  *Report
	base    []observed // the cases without any fault

	about       description.Description // what it says of itself
	undescribed error                   // why it did not

	refusals []string      // of all stands
	twice    int           // answers too many, of all stands
	slowest  time.Duration // from the start of the program until it was ready
}

// Run tests all rules. The error says that nothing could be found out: the context's, stand.ErrStand, or that files
// could not be created. With the context's error the report has the rules tested so far.
func Run(ctx context.Context, o Options) (*Report, error) {
	dir, err := os.MkdirTemp("", "hotpair-check-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	u := &suite{options: o, dir: dir, report: &Report{Service: o.Name, Command: o.Command, Operations: []string{}, Rules: []Result{}}}
	return u.report, u.run(ctx)
}

func (u *suite) run(ctx context.Context) error {
	began := time.Now()
	v, err := u.learn(ctx)
	if err != nil {
		return err
	}
	u.tell(v.result(rules[0], time.Since(began)))
	for _, r := range rules[1:] {
		if len(u.options.Only) > 0 && !slices.Contains(u.options.Only, r.name) {
			continue
		}
		if v.outcome != Passed { // once is enough to be told
			u.report.add(untried("the program does not start").result(r, 0))
			continue
		}
		began := time.Now()
		one := r.try(ctx, u)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		u.tell(one.result(r, time.Since(began)))
	}
	return nil
}

func (u *suite) tell(one Result) {
	u.report.add(one)
	if u.options.Told != nil {
		u.options.Told(one)
	}
}

// learn starts the program for the first time: it finds its name, and its results of the cases without faults. The
// verdict is that of the rule "starts".
func (u *suite) learn(ctx context.Context) (verdict, error) {
	if u.options.Name == "" {
		name, err := u.discover(ctx)
		if err != nil || name == "" {
			return u.unstarted(ctx, err)
		}
		u.options.Name, u.report.Service = name, name
	}
	t, err := u.open(ctx)
	if err != nil {
		return u.unstarted(ctx, err)
	}
	defer t.close(ctx)
	if u.about, u.undescribed = t.stand.Describe(ctx); u.undescribed == nil {
		u.batches, u.report.Batches, u.report.Version = u.about.Batches, u.about.Batches, u.about.Version
		u.report.Operations = append(u.report.Operations, u.about.Operations(u.options.Name)...)
	}
	if u.cases = u.options.Cases; u.cases == nil {
		for _, name := range u.report.Operations {
			u.cases = append(u.cases, Case{Operation: name, Body: []byte("{}")})
		}
	}
	for i := range u.cases {
		u.base = append(u.base, t.observe(ctx, i, t.request(u.cases[i])))
		if ctx.Err() != nil {
			return verdict{}, context.Cause(ctx)
		}
		if !t.stand.Program().Running() {
			if _, err := t.stand.Start(ctx); err != nil {
				return u.unstarted(ctx, err)
			}
		}
	}
	return passed(), nil
}

// unstarted is the verdict for an error of a start.
func (u *suite) unstarted(ctx context.Context, err error) (verdict, error) {
	if ctx.Err() != nil {
		return verdict{}, context.Cause(ctx)
	}
	for _, ours := range []error{stand.ErrNotStarted, stand.ErrEnded, stand.ErrSilent} {
		if errors.Is(err, ours) {
			return failed("%v", err), nil
		}
	}
	return verdict{}, err
}

// discover finds out the name of the service.
func (u *suite) discover(ctx context.Context) (string, error) {
	s, err := u.stand(ctx, discovered, false)
	if err != nil {
		return "", err
	}
	defer s.Close()
	return s.Discover(ctx)
}

// stand makes a host with a directory of its own.
func (u *suite) stand(ctx context.Context, name string, closed bool) (*stand.Stand, error) {
	dir, err := os.MkdirTemp(u.dir, "host-")
	if err != nil {
		return nil, err
	}
	return stand.Open(ctx, stand.Options{
		Service: name, Command: u.options.Command, Environ: u.options.Environ, Dir: dir, Terminals: u.options.Terminals, Targets: u.options.Targets,
		Ready: u.options.Start, Closed: closed,
	})
}

// trial is the program on a host of its own.
type trial struct {
	*suite

	stand   *stand.Stand
	counter uint64
	timers  map[string]timer // that wait
	named   named            // answers to which later cases refer
	as      string           // how the answer of the case that is made is named; "" is none

	mu     sync.Mutex
	failed error // of the host itself
}

// broken records that the host itself failed, where no error can be returned.
func (t *trial) broken(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failed = err
}

// whole says whether the host itself failed.
func (t *trial) whole() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failed
}

// open makes a host and starts the program on it.
func (u *suite) open(ctx context.Context) (*trial, error) {
	s, err := u.stand(ctx, u.options.Name, false)
	if err != nil {
		return nil, err
	}
	t := &trial{suite: u, stand: s, timers: map[string]timer{}, named: named{}}
	began := time.Now()
	if _, err := s.Start(ctx); err != nil {
		t.close(ctx)
		return nil, err
	}
	u.slowest = max(u.slowest, time.Since(began))
	return t, nil
}

// close ends it, and keeps what counts for all.
func (t *trial) close(ctx context.Context) {
	t.twice += t.stand.Twice(ctx)
	for _, r := range t.stand.Refusals() {
		if !slices.Contains(t.refusals, r) {
			t.refusals = append(t.refusals, r)
		}
	}
	t.stand.Close()
}
