package conformance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/screen"
	"github.com/hotpair/hotpair/services/operator/usage"
	"github.com/hotpair/hotpair/services/scaffold/folder"
)

// ErrBroken says that the program violates a rule; the output says which.
var ErrBroken = errors.New("the program violates rules")

// Bounds of what can be asked for.
const (
	leastWithin, mostWithin = 100 * time.Millisecond, 5 * time.Minute
	mostNames               = 64
)

// Command returns "hotpair service check".
func Command() *cobra.Command {
	var f flags
	c := usage.Command("check [flags] -- COMMAND [ARGUMENT…]", "Test a service program against the rules of the protocol, with faults",
		`Runs the program of a service on a separate host with a real updater, and tests each rule of PROTOCOL.md: the updater or its answer is
lost, a commit conflicts, a request is repeated, the program is killed at work. Prints passed, failed or not tried for each rule.

--cases names a file with requests of the service: a JSON list of {"operation": …, "body": …}, with "code", "message" and "answer" to
compare, "as" to use the answer in later requests, "fire" for the run of a timer of an earlier case, and "query": true for operations
that only read. Without it each operation is called with {}, and rules that need a request that writes are not tested.

A program whose main function is business.Main serves only under its own name, which is read from hotpair.json in this folder, or given
with --name.

The program gets the environment that a host sets: PATH, HOME, TMPDIR, TZ and the language, and nothing else of this shell.`,
		`  hotpair service check -- ./run
  hotpair service check --cases cases.json -- ./run
  hotpair service check --cases cases.json --json -- ./run | jq -r '.rules[] | select(.outcome == "failed") | .rule'`,
		cobra.MinimumNArgs(1), func(ctx context.Context, c *cobra.Command, args []string) error { return f.run(ctx, c, args) })
	flags := c.Flags()
	flags.StringVar(&f.cases, "cases", "", "file with requests of the service, in JSON")
	flags.StringVar(&f.name, "name", "", "name of the service (default: from hotpair.json of this folder, otherwise as the program announces)")
	flags.StringSliceVar(&f.terminals, "terminals", []string{"t1", "t2"}, "ids of terminals; the first one sends the requests")
	flags.StringSliceVar(&f.targets, "targets", nil, "names of targets that the service emits to; nothing is sent")
	flags.StringSliceVar(&f.only, "only", nil, "test these rules only")
	flags.DurationVar(&f.start, "start", 30*time.Second, "time for the program to get ready")
	flags.DurationVar(&f.within, "within", 10*time.Second, "time for one request")
	flags.DurationVar(&f.timeout, "timeout", 10*time.Minute, "time for the whole test")
	flags.BoolVar(&f.list, "list", false, "list the rules and exit")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	args := c.Args
	c.Args = func(c *cobra.Command, given []string) error {
		if f.list && len(given) == 0 {
			return nil
		}
		return args(c, given)
	}
	return c
}

type flags struct {
	cases, name              string
	terminals, targets, only []string
	start, within, timeout   time.Duration
	list, json               bool
}

func (f *flags) run(ctx context.Context, c *cobra.Command, args []string) error {
	if f.list {
		return listRules(c, f.json)
	}
	o, err := f.options(args)
	if err != nil {
		return fmt.Errorf("%w: %w; see %s --help", operator.ErrUsage, err, c.CommandPath())
	}
	o.Told = func(r Result) { fmt.Fprintln(c.ErrOrStderr(), r.line()) }
	ctx, cancel := context.WithTimeoutCause(ctx, f.timeout, fmt.Errorf("the test did not finish within %s (--timeout)", f.timeout))
	defer cancel()
	report, err := Run(ctx, o)
	if report != nil {
		if f.json {
			err = errors.Join(err, screen.JSON(c.OutOrStdout(), report))
		} else {
			err = errors.Join(err, report.write(c.OutOrStdout()))
		}
	}
	if err == nil && report.Failed > 0 {
		err = ErrBroken
	}
	return err
}

// options reads what was given.
func (f *flags) options(args []string) (o Options, err error) {
	o = Options{Environ: os.Environ(), Terminals: f.terminals, Targets: f.targets, Only: f.only, Start: f.start, Within: f.within}
	if o.Command, err = command(args); err != nil {
		return o, err
	}
	if o.Name, err = f.service(); err != nil {
		return o, err
	}
	if f.cases != "" {
		if o.Cases, err = ReadCases(f.cases); err != nil {
			return o, err
		}
	}
	return o, o.check(f.timeout)
}

// service is the name that was given, or that of the folder; "" is neither.
func (f *flags) service() (string, error) {
	if f.name != "" {
		return f.name, nil
	}
	s, err := folder.Read(".")
	switch {
	case errors.Is(err, folder.ErrNone):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("%w; or give --name", err)
	}
	return s.Name, nil
}

func (o Options) check(timeout time.Duration) error {
	switch {
	case o.Name != "" && !bus.ValidName(o.Name):
		return fmt.Errorf("--name %.70q is invalid; use letters, digits, - and _", o.Name)
	case o.Within < leastWithin || o.Within > mostWithin:
		return fmt.Errorf("--within %s; want %s to %s", o.Within, leastWithin, mostWithin)
	case o.Start < leastWithin || o.Start > mostWithin:
		return fmt.Errorf("--start %s; want %s to %s", o.Start, leastWithin, mostWithin)
	case timeout <= 0:
		return fmt.Errorf("--timeout %s is not above 0", timeout)
	case len(o.Terminals) == 0:
		return errors.New("--terminals is empty; want at least one")
	}
	for flag, names := range map[string][]string{"--terminals": o.Terminals, "--targets": o.Targets} {
		if len(names) > mostNames {
			return fmt.Errorf("%s has %d names, at most %d", flag, len(names), mostNames)
		}
		for i, name := range names {
			if !bus.ValidName(name) {
				return fmt.Errorf("%s: %.70q is invalid; use letters, digits, - and _", flag, name)
			}
			if slices.Contains(names[:i], name) {
				return fmt.Errorf("%s has %s twice", flag, name)
			}
		}
	}
	for _, name := range o.Only {
		if !slices.Contains(RuleNames(), name) {
			return fmt.Errorf("--only: unknown rule %.70q; the rules are %s", name, strings.Join(RuleNames(), ", "))
		}
	}
	return nil
}

// command finds the program as a shell does.
func command(args []string) ([]string, error) {
	path, err := exec.LookPath(args[0])
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		if info, here := os.Stat(args[0]); here == nil && !info.IsDir() && !strings.Contains(args[0], "/") {
			return nil, fmt.Errorf("there is no program %q in PATH; for the file in this folder use ./%s", args[0], args[0])
		}
		return nil, fmt.Errorf("the program can't be run: %w", err)
	}
	return append([]string{path}, args[1:]...), nil
}

// listRules prints what would be tried.
func listRules(c *cobra.Command, asJSON bool) error {
	type shown struct {
		Rule    string `json:"rule"`
		Heading string `json:"heading"`
		Asks    string `json:"asks"`
	}
	list := make([]shown, len(rules))
	for i, r := range rules {
		list[i] = shown{r.name, r.heading, r.asks}
	}
	if asJSON {
		return screen.JSON(c.OutOrStdout(), list)
	}
	for _, r := range list {
		if _, err := fmt.Fprintf(c.OutOrStdout(), "%-18s %s\n", r.Rule, r.Asks); err != nil {
			return err
		}
	}
	return nil
}
