// Bench measures the pair as its users feel it, beside the physical limit of the same machine in the same run, and beside
// what a user would pick instead. README.md says how, RESULTS.md what came of it.
//
//	go run ./simulator/bench path        rate, latency, processor and bytes of requests, terminal to terminal
//	go run ./simulator/bench parts       the parts of that path, each alone
//	go run ./simulator/bench takeover    longest gap between answers for each kind of loss, and where it went
//	go run ./simulator/bench standins    the same with stand-ins for the terminals: what the hosts alone need
//	go run ./simulator/bench peers       the same work and the same losses for etcd and Redis with Sentinel
//	go run ./simulator/bench growth      rate and latency as keys, history and terminals grow
//	go run ./simulator/bench idle        what a host costs that has nothing to do
//	go run ./simulator/bench shapes      the bare chain with its bus in several places
//	go run ./simulator/bench sides       two builds, or one under two settings, in turns
//	go run ./simulator/bench steady      no takeover while the machine is loaded from outside
//	go run ./simulator/bench compare     newest results against those that were kept last; ends with 1 when worse
//	go run ./simulator/bench report      RESULTS.md, and all that was measured, out of the newest results
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/hotpair/hotpair/simulator/bench/chain"
	"github.com/hotpair/hotpair/simulator/bench/result"
	"github.com/hotpair/hotpair/simulator/bench/subject"
)

var errUsage = errors.New("wrong usage")

// measurement is one command that measures.
type measurement interface {
	// options binds what can be set to flags.
	options(f *options)
	// measure adds what it measures to the result of the run. It ends soon after ctx.
	measure(ctx context.Context, r *run) error
}

// run is one run of a measurement.
type run struct {
	binary string // hotpair
	out    io.Writer
	result *result.Result
}

func (r *run) say(format string, a ...any) {
	// A screen that can't be written is no reason to stop.
	_, _ = fmt.Fprintf(r.out, format+"\n", a...)
}

func measurements() map[string]measurement {
	return map[string]measurement{
		"path": &pathBench{}, "parts": &partsBench{}, "takeover": &takeoverBench{}, "standins": &takeoverBench{standins: true}, "peers": &peersBench{},
		"growth": &growthBench{}, "idle": &idleBench{}, "steady": &steadyBench{}, "shapes": &shapesBench{}, "sides": &sidesBench{},
	}
}

func main() {
	ctx, stop := interrupted()
	err := command(ctx, os.Args[1:], os.Stdout)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// interrupted gives a context that ends with the first signal to end.
func interrupted() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
}

func command(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		return fmt.Errorf("%w: give a command: path, parts, takeover, standins, peers, growth, idle, steady, shapes, sides, compare or report", errUsage)
	}
	switch args[0] {
	case "compare":
		return compare(ctx, args[1:], out)
	case "report":
		return report(args[1:], out)
	case commandBurn:
		return burn(ctx, args[1:])
	case chain.Command:
		return chain.Run(ctx, args[1:], out)
	}
	m, known := measurements()[args[0]]
	if !known {
		return fmt.Errorf("%w: no command %q", errUsage, args[0])
	}
	return measure(ctx, args[0], m, args[1:], out)
}

func measure(ctx context.Context, what string, m measurement, args []string, out io.Writer) error {
	f := newOptions(what)
	binary := f.String("binary", "./hotpair", "the hotpair binary to measure")
	keep := f.String("keep", "", "folder in which to keep the result as JSON")
	m.options(f)
	if err := f.parse(args); err != nil {
		return err
	}
	path, err := filepath.Abs(*binary)
	if err != nil {
		return fmt.Errorf("binary: %w", err)
	}
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("%w: -binary: %w: build it with task build", errUsage, err)
	}
	version, err := subject.VersionOf(ctx, path)
	if err != nil {
		return err
	}
	r := &run{binary: path, out: out, result: &result.Result{
		Time: time.Now().UTC().Truncate(time.Second), What: what, Version: version, Machine: subject.Machine(), Settings: f.settings("binary", "keep"),
	}}
	began := time.Now()
	r.say("%s of %s", what, r.result.Version)
	err = m.measure(ctx, r)
	for _, note := range r.result.Notes {
		r.say("note: %s", note)
	}
	r.say("%s took %s", what, time.Since(began).Round(time.Second))
	if *keep == "" || len(r.result.Series) == 0 {
		return err
	}
	if err != nil && !errors.Is(err, errUnsteady) {
		r.result.Note("the run ended early: %v", err)
	}
	name, failed := r.result.Save(*keep)
	if failed == nil {
		r.say("kept as %s", name)
	}
	return errors.Join(err, failed)
}

// options are flags with a second default each, for the short form of a measurement.
type options struct {
	*flag.FlagSet
	short  *bool
	quick  map[string]string
	chosen map[string]bool
}

func newOptions(what string) *options {
	f := &options{FlagSet: flag.NewFlagSet("bench "+what, flag.ContinueOnError), quick: map[string]string{}, chosen: map[string]bool{}}
	f.short = f.Bool("short", false, "a quick run with few rounds: it shows that everything works, but its numbers mean little")
	return f
}

// inShort gives the value that a flag has in the short form unless it is set.
func (f *options) inShort(name, value string) { f.quick[name] = value }

func (f *options) parse(args []string) error {
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	if f.NArg() > 0 {
		return fmt.Errorf("%w: unknown flag %q", errUsage, f.Arg(0))
	}
	f.Visit(func(g *flag.Flag) { f.chosen[g.Name] = true })
	if !*f.short {
		return nil
	}
	for name, value := range f.quick {
		if f.chosen[name] {
			continue
		}
		if err := f.Set(name, value); err != nil {
			return fmt.Errorf("%w: -%s: %w", errUsage, name, err)
		}
	}
	return nil
}

// settings gives the value of every flag but some.
func (f *options) settings(but ...string) map[string]string {
	settings := map[string]string{}
	f.VisitAll(func(g *flag.Flag) {
		if !slices.Contains(but, g.Name) {
			settings[g.Name] = g.Value.String()
		}
	})
	return settings
}

// numbers is a flag of several numbers, as 1,8,64.
type numbers []int

func (n *numbers) String() string {
	return strings.Trim(strings.Join(strings.Fields(fmt.Sprint(*n)), ","), "[]")
}

func (n *numbers) Set(text string) error {
	*n = nil
	for field := range strings.SplitSeq(text, ",") {
		var v int
		if _, err := fmt.Sscanf(strings.TrimSpace(field), "%d", &v); err != nil || v < 1 {
			return fmt.Errorf("%q is not a number above 0", field)
		}
		*n = append(*n, v)
	}
	return nil
}

// names is a flag of several words, separated by commas.
type names []string

func (n *names) String() string { return strings.Join(*n, ",") }

func (n *names) Set(text string) error {
	*n = strings.Split(text, ",")
	return nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
