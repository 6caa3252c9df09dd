package lab

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hotpair/hotpair/services/pace"
	"github.com/hotpair/hotpair/simulator/pair"
	"github.com/hotpair/hotpair/simulator/tills"
)

// LinesOptions configures faults of the lines between terminals and hosts, while applications queue requests.
type LinesOptions struct {
	Seed uint64
	Cut  time.Duration // how long each terminal's line is cut
	// Every is about how often a host is killed or frozen, or one of its processes.
	Every time.Duration
	Pause time.Duration // between two orders of a lane, about
	Lanes int           // of each terminal
	// Ahead is how far the clock of a terminal is set ahead of this machine's before its line is cut.
	Ahead map[string]time.Duration
}

// LinesTally is the result.
type LinesTally struct {
	Took      time.Duration
	Killed    int            // agents
	Faults    map[string]int // of hosts, by kind
	Takeovers uint64
	tills.Verdict
}

// String is the closing line.
func (t *LinesTally) String() string {
	return fmt.Sprintf("%s, %d takeovers, %d agents and %s killed: %d accepted (%d of them while the line was cut, %d when asked again, %d refused for want of room), %d done, %d refused as they had to be, %d unknown; %d tellings heard, %d outcomes found only by asking, %d listed for who was away; %d looked behind their lane; caught up within %s; %d lost, %d doubled, %d stale, %d otherwise wrong",
		t.Took.Round(time.Second), t.Takeovers, t.Killed, kindsOf(t.Faults), t.Accepted, t.Verdict.Cut, t.Again, t.Full, t.Done, t.Refused, t.Unknown, t.Heard, t.Asked, t.Listed, t.Looked, t.Caught.Round(time.Millisecond),
		len(t.Lost), len(t.Doubled), len(t.Stale), len(t.Wrong))
}

// outage is a terminal's line being cut.
type outage struct {
	terminal string
	at       time.Duration // its beginning
	how      Cut
	inward   bool // seen from the hosts, otherwise from the terminal
	// The agent is killed this long after the cut, and again when a number of outcomes have come since the line is
	// back; or the active is killed then. They stay down this long.
	within   time.Duration
	outcomes int
	active   bool
	down     time.Duration
}

// mostOutcomes is the most outcomes before one is killed: fewer than are queued while a line is cut.
const mostOutcomes = 40

// drawOutages draws one for each terminal, at different times, so that the last one begins when the first one ends.
func drawOutages(r *rand.Rand, terminals int, cut time.Duration) (list []outage) {
	step := cut / time.Duration(terminals)
	for i := range terminals {
		list = append(list, outage{
			terminal: pair.TerminalID(i), at: time.Duration(i)*step + time.Duration(r.Int64N(int64(step))), how: pick(r, Cuts()), inward: r.IntN(2) == 0,
			within: cut/4 + time.Duration(r.Int64N(int64(cut/2))), outcomes: 1 + r.IntN(mostOutcomes), active: i%3 == 2, down: time.Duration(r.Int64N(int64(time.Second))),
		})
	}
	return list
}

// ofHosts are the faults of hosts meanwhile. The first comes first.
func ofHosts() []fault {
	return []fault{{"kill active", 5, killActive}, {"kill process", 4, killProcess}, {"freeze host", 1, freezeHost}, {"kill both hosts", 1, killBoth}}
}

// killActive kills the host that serves.
func killActive(l *Lab, r *rand.Rand) func(context.Context) (injected, error) {
	host, hold := pick(r, pair.Hosts()), lasting(l, r)
	return func(ctx context.Context) (injected, error) { return killTree(l, l.serving(ctx, host), hold)(ctx) }
}

// Lines lets applications queue at all terminals, cuts the line of each for a while, and kills agents and hosts. Then
// everything is repaired, and the outcomes at the applications are compared with the database. Findings go to the
// tally; the error says that the lab failed.
func (l *Lab) Lines(ctx context.Context, o LinesOptions) (t LinesTally, err error) {
	t.Faults = map[string]int{}
	began := time.Now()
	if err := l.Heal(ctx); err != nil {
		return t, err
	}
	_, before := l.Active(ctx)
	config := tills.Config{Name: "lines", Seed: o.Seed, Pause: o.Pause, Lanes: o.Lanes}
	for i := range l.options.Terminals {
		id := pair.TerminalID(i)
		config.Terminals = append(config.Terminals, tills.Terminal{ID: id, Dialer: l.network.spaces[id],
			Apps: net.JoinHostPort("127.0.0.1", strconv.Itoa(pair.PortApps)), HTTP: net.JoinHostPort("127.0.0.1", strconv.Itoa(pair.PortPrograms))})
	}
	load, err := tills.Start(ctx, config)
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, load.Close()) }()
	random := rand.New(rand.NewPCG(o.Seed, 0))
	outages := drawOutages(random, l.options.Terminals, o.Cut)
	over := make(chan struct{})
	var lines, hosts errgroup.Group
	hosts.Go(func() error { return l.harmHosts(ctx, &t, random, o.Every, over) })
	for _, one := range outages {
		lines.Go(func() error { return l.outage(ctx, load, one, o.Cut, o.Ahead[one.terminal]) })
	}
	err = lines.Wait()
	close(over)
	if err := errors.Join(err, hosts.Wait(), l.Heal(ctx)); err != nil {
		return t, err
	}
	for _, one := range outages {
		if t.Killed++; one.active {
			t.Faults["kill active"]++
		} else {
			t.Killed++
		}
	}
	ending, cancel := context.WithTimeout(ctx, healWithin)
	defer cancel()
	if t.Verdict, err = load.Finish(ending); err != nil {
		return t, err
	}
	_, after := l.Active(ctx)
	t.Took, t.Takeovers = time.Since(began), after.Epoch-min(before.Epoch, after.Epoch)
	return t, nil
}

// outage cuts a line, kills the agent at it, joins the line, and kills the agent again while it catches up, or the
// active.
func (l *Lab) outage(ctx context.Context, load *tills.Tills, o outage, lasts, ahead time.Duration) error {
	kill := func(name string) error {
		err := l.Kill(ctx, name)
		_ = pace.Rest(ctx, o.down)
		return errors.Join(err, l.Run(name))
	}
	_ = pace.Rest(ctx, o.at)
	if ahead != 0 {
		if err := l.MoveClock(o.terminal, ahead); err != nil {
			return err
		}
	}
	l.say("line of %s is cut, %s", o.terminal, o.how)
	var failed []error
	for _, host := range pair.Hosts() {
		from, to := o.terminal, host
		if o.inward {
			from, to = to, from
		}
		failed = append(failed, l.Cut(from, to, o.how))
	}
	span := tills.Span{From: time.Now()}
	_ = pace.Rest(ctx, o.within)
	failed = append(failed, kill(o.terminal))
	_ = pace.Rest(ctx, lasts-time.Since(span.From))
	before := load.Heard(o.terminal)
	span.To = time.Now()
	for _, host := range pair.Hosts() {
		failed = append(failed, l.Join(Wire{host, o.terminal}))
	}
	if ahead == 0 { // otherwise its times belong to others
		load.Cut(o.terminal, span)
	}
	l.say("line of %s is back, %d orders were accepted", o.terminal, load.Accepted(o.terminal))
	if err := l.Await(ctx, healWithin, "outcome at "+o.terminal, func() bool { return load.Heard(o.terminal) >= before+o.outcomes }); err != nil {
		return errors.Join(append(failed, err)...)
	}
	who := o.terminal
	if o.active {
		who = l.serving(ctx, pair.HostA)
	}
	l.say("%s is killed while %s catches up", who, o.terminal)
	return errors.Join(append(failed, kill(who))...)
}

// harmHosts kills the active host, and then draws other faults, until it is over.
func (l *Lab) harmHosts(ctx context.Context, t *LinesTally, r *rand.Rand, every time.Duration, over <-chan struct{}) error {
	kinds := ofHosts()
	draw := kinds[0]
	for {
		select {
		case <-over:
			return nil
		case <-time.After(every/2 + time.Duration(r.Int64N(int64(every)))):
		}
		begin := draw.draw(l, r)
		i, err := begin(ctx)
		l.say("  %s, %s", i.what, i.hold.Round(time.Millisecond))
		if err != nil {
			return fmt.Errorf("%s: %w", i.what, err)
		}
		t.Faults[draw.name]++
		_ = pace.Rest(ctx, i.hold)
		if i.end != nil {
			if err := i.end(context.WithoutCancel(ctx)); err != nil {
				return fmt.Errorf("end of %s: %w", i.what, err)
			}
		}
		draw = weighed(kinds, r)
	}
}
