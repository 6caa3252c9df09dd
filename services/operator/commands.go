package operator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

const whereHelp = `
Where the host is: --http, else --dir (the directory of a hotpair cluster), else HOTPAIR_HTTP, else the cluster that
runs on this machine, else http://127.0.0.1:7704. Of a cluster all hosts are asked and the one that serves is preferred.

Exit code: 0 done, 1 failed, 2 wrong usage.`

// Commands gives status, history and switchover. Their errors are for printing as they are; ErrUsage means exit code 2.
func Commands() []*cobra.Command {
	return slices.Concat([]*cobra.Command{statusCommand(), historyCommand(), switchoverCommand(), eventsCommand(), alarmsCommand()}, dataCommands(), decisionCommands())
}

// flags that every command has.
type flags struct {
	place
	json bool
}

// command makes a command that takes no arguments.
func command(use, short, long, example string, f *flags, run func(ctx context.Context, c *cobra.Command, targets []target) error) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short, Long: long + "\n" + whereHelp, Example: example,
		SilenceUsage: true, SilenceErrors: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("%w: hotpair %s takes no argument %q; see hotpair %s --help", ErrUsage, use, args[0], use)
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			f.env, f.temp = os.Environ(), os.TempDir()
			targets, err := f.find()
			if err != nil {
				return err
			}
			return run(ctx, c, targets)
		},
	}
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return fmt.Errorf("%w: %w; see hotpair %s --help", ErrUsage, err, use)
	})
	c.Flags().StringVar(&f.http, "http", "", "the host's operator interface, like http://127.0.0.1:7704")
	c.Flags().StringVar(&f.dir, "dir", "", "directory of a hotpair cluster")
	c.Flags().StringVar(&f.host, "host", "", "of a cluster, only this host (a or b)")
	c.Flags().BoolVar(&f.json, "json", false, "print JSON, as the HTTP interface gives it")
	return c
}

func statusCommand() *cobra.Command {
	f := &flags{}
	var watch bool
	every := time.Second
	c := command("status", "Show how the pair is",
		`Shows on one screen who serves, whether the other host could take over now, what is missing if it could not,
and what happened last. The first line says it all: green is "either host may fail", yellow is "serves, without
reserve", red is "can't do its part". With --watch it is drawn anew until Ctrl-C, and says how old what it shows is when
no host answers any more.`,
		`  hotpair status                                   # the pair, as the host that serves sees it
  hotpair status --host b                          # the same from the other side
  hotpair status --watch --interval 200ms          # during a switchover or game day
  hotpair status --json | jq -r .active            # for scripts
  hotpair status --http http://10.0.0.1:7704`,
		f, func(ctx context.Context, c *cobra.Command, targets []target) error {
			if watch {
				return f.watch(ctx, c, targets, every)
			}
			return f.status(ctx, c, targets)
		})
	c.Flags().BoolVarP(&watch, "watch", "w", false, "draw it anew until Ctrl-C; with --json one line each time")
	c.Flags().DurationVar(&every, "interval", every, "how often with --watch, at least 50ms")
	return c
}

func (f *flags) status(ctx context.Context, c *cobra.Command, targets []target) error {
	looks := lookAt(ctx, targets)
	if looks[0].err != nil {
		return allDown(looks)
	}
	s := &screen{colour: isTerminal(c.OutOrStdout())}
	for _, l := range looks[1:] {
		if l.err != nil {
			// Beside the screen, so that --json stays what it is.
			fmt.Fprintln(c.ErrOrStderr(), printable(l.sentence()))
		}
	}
	if f.json {
		return printJSON(c, looks[0].status)
	}
	statusScreen(s, looks[0].status)
	fmt.Fprint(c.OutOrStdout(), s.out.String())
	return nil
}

func switchoverCommand() *cobra.Command {
	f := &flags{}
	var at string
	var cancel bool
	c := command("switchover", "Make the other host active, without losing a request",
		`Drains the active, hands over to the standby and prints the steps (B3 to B9) as they are made, each with the time
since the first. Requests of terminals wait meanwhile, none fails. It is refused, with the reason, unless the standby is
in sync and fit; then nothing has happened. Any host of the pair can be asked. With --at the active does it by
itself at that time; if the standby is not in sync then, an event says that it did not happen.`,
		`  hotpair switchover                               # before maintenance of the host that serves
  hotpair switchover && hotpair status
  hotpair switchover --at 03:00                    # the next 3 o'clock here; also +10m, or RFC 3339
  hotpair switchover --cancel
  hotpair switchover --json | jq .took_ns`,
		f, func(ctx context.Context, c *cobra.Command, targets []target) error {
			switch {
			case cancel && at != "":
				return fmt.Errorf("%w: --at and --cancel exclude each other", ErrUsage)
			case cancel || at != "":
				return f.plan(ctx, c, at, cancel)
			}
			return f.switchover(ctx, c, targets)
		})
	c.Flags().StringVar(&at, "at", "", "do it at this time: 03:00, +10m or 2026-03-04T03:00:00Z")
	c.Flags().BoolVar(&cancel, "cancel", false, "drop what is scheduled")
	return c
}

func (f *flags) switchover(ctx context.Context, c *cobra.Command, targets []target) error {
	looks := lookAt(ctx, targets)
	if looks[0].err != nil {
		return allDown(looks)
	}
	for _, l := range looks[1:] {
		if l.err != nil {
			fmt.Fprintln(c.ErrOrStderr(), printable(l.sentence()))
		}
	}
	// One host is asked, once: a second try at the other could switch back what the first one did.
	ctx, cancel := context.WithTimeout(ctx, switchoverWithin+lookWithin)
	defer cancel()
	shown := &live{out: c.OutOrStdout(), seen: map[string]bool{}}
	stop := func() {}
	if !f.json {
		stop = shown.follow(ctx, looks)
	}
	done, err := looks[0].client().Switchover(ctx)
	stop()
	var problem *Problem
	if errors.As(err, &problem) && problem.Result != nil {
		done = *problem.Result
	}
	s := &screen{colour: isTerminal(c.OutOrStdout())}
	switch {
	case f.json && err == nil:
		return printJSON(c, done)
	case f.json && problem != nil:
		return errors.Join(printJSON(c, problem), fmt.Errorf("switchover: %w", err))
	}
	done.Steps = shown.left(done.Steps)
	switchoverScreen(s, done, err)
	fmt.Fprint(c.OutOrStdout(), s.out.String())
	switch {
	case errors.Is(err, ErrRefused):
		return fmt.Errorf("switchover refused, nothing was done: %w", err)
	case problem == nil && err != nil && !errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("switchover: whether it happened is not known, see hotpair status: %w", err)
	case err != nil:
		return fmt.Errorf("switchover: %w", err)
	}
	return nil
}

func (l look) sentence() string {
	if l.name == "" {
		return l.err.Error()
	}
	return l.name + ": " + l.err.Error()
}

// allDown says of each host why it gave no answer.
func allDown(looks []look) error {
	var all []error
	for _, l := range looks {
		if l.name == "" {
			all = append(all, l.err)
			continue
		}
		all = append(all, fmt.Errorf("%s: %w", l.name, l.err))
	}
	return errors.Join(all...)
}

func printJSON(c *cobra.Command, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("print: %w", err)
	}
	_, err = fmt.Fprintln(c.OutOrStdout(), string(text))
	return err
}
