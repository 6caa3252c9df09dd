package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/hosts"
	"github.com/hotpair/hotpair/services/operator/screen"
)

const whereHelp = `
The host is found by --http, else --dir (the directory of a hotpair cluster), else HOTPAIR_HTTP, else the unix socket in
HOTPAIR_DATA, else the cluster that runs on this machine, else the unix socket of the host of /etc/hotpair/host.env,
or in /var/lib/hotpair, else http://127.0.0.1:7704. In a cluster all hosts are asked and the active is preferred. Over
the unix socket root and the host's own user need no token; over HTTP give the token of an operator: --token-file, or
HOTPAIR_TOKEN.

Exit code: 0 done, 1 failed, 2 wrong usage.`

// Commands returns the commands that ask hosts. Their errors can be printed as they are; ErrUsage means exit code 2.
func Commands() []*cobra.Command {
	return []*cobra.Command{
		statusCommand(), historyCommand(), switchoverCommand(), eventsCommand(), alarmsCommand(), operationsCommand(),
		terminalsCommand(), timersCommand(), verifyCommand(),
		operatorsCommand(), whoamiCommand(), explainCommand(), doctorCommand(), settingsCommand(), pauseCommand(), resumeCommand(), promoteCommand(), admitCommand(), upgradeCommand(),
	}
}

// changing are the commands that change something and therefore take --reason.
var changing = []string{"switchover", "ack", "diverged", "pause", "resume", "promote", "admit", "add", "remove", "token", "revoke", "rotate", "rotate-receipts", "verify", "backup", "now", "finish", "run", "release", "drop", "set", "restart"}

// flags that every command has.
type flags struct {
	hosts.Place
	json bool
}

// command makes a command that takes no arguments.
func command(use, short, long, example string, f *flags, run func(ctx context.Context, c *cobra.Command, targets []hosts.Target) error) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short, Long: long + "\n" + whereHelp, Example: example,
		SilenceUsage: true, SilenceErrors: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("%w: hotpair %s takes no argument %q; see hotpair %s --help", operator.ErrUsage, use, args[0], use)
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			f.Env, f.Temp, f.Unit = os.Environ(), os.TempDir(), hosts.UnitFile
			targets, err := f.Find()
			if err != nil {
				return err
			}
			return run(ctx, c, targets)
		},
	}
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return fmt.Errorf("%w: %w; see hotpair %s --help", operator.ErrUsage, err, use)
	})
	c.Flags().StringVar(&f.HTTP, "http", "", "address of a host, like https://192.0.2.1:7704, with --ca")
	c.Flags().StringVar(&f.Dir, "dir", "", "directory of a hotpair cluster")
	c.Flags().StringVar(&f.Host, "host", "", "ask only this host of the cluster (a or b)")
	c.Flags().StringVar(&f.CA, "ca", "", "file with the certificates to trust over https, in PEM; else the system's")
	c.Flags().StringVar(&f.TokenFile, "token-file", "", "file with the operator's token; else HOTPAIR_TOKEN")
	c.Flags().BoolVar(&f.json, "json", false, "print JSON, as the HTTP interface gives it")
	if name, _, _ := strings.Cut(use, " "); slices.Contains(changing, name) {
		c.Flags().StringVar(&f.Reason, "reason", "", "reason, recorded in the events; HOTPAIR_REASONS of the hosts may require it")
	}
	return c
}

// argued makes a command that takes arguments; shown is how help names them.
func argued(use, short, long, example string, f *flags, args cobra.PositionalArgs, run func(ctx context.Context, c *cobra.Command, args []string) error) *cobra.Command {
	c := command(use, short, long, example, f, nil)
	c.Args = func(c *cobra.Command, given []string) error {
		if err := args(c, given); err != nil {
			return fmt.Errorf("%w: %w; see %s --help", operator.ErrUsage, err, c.CommandPath())
		}
		return nil
	}
	c.RunE = func(c *cobra.Command, given []string) error {
		ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		f.Env, f.Temp, f.Unit = os.Environ(), os.TempDir(), hosts.UnitFile
		return run(ctx, c, given)
	}
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fmt.Errorf("%w: %w; see %s --help", operator.ErrUsage, err, c.CommandPath())
	})
	return c
}

// client returns the client of the best host, and prints why the others don't answer.
func (f *flags) client(ctx context.Context, c *cobra.Command) (*operator.Client, error) {
	targets, err := f.Find()
	if err != nil {
		return nil, err
	}
	looks, err := hosts.LookAround(ctx, c, targets)
	if err != nil {
		return nil, err
	}
	return looks[0].Client(), nil
}

// Asking lets a command of another package ask hosts.
type Asking struct{ *flags }

// Argued makes a command of another package, which takes arguments.
func Argued(use, short, long, example string, args cobra.PositionalArgs, run func(ctx context.Context, c *cobra.Command, a Asking, args []string) error) *cobra.Command {
	a := Asking{&flags{}}
	return argued(use, short, long, example, a.flags, args, func(ctx context.Context, c *cobra.Command, given []string) error { return run(ctx, c, a, given) })
}

// Client returns the client of the best host, and prints why the others don't answer.
func (a Asking) Client(ctx context.Context, c *cobra.Command) (*operator.Client, error) {
	return a.client(ctx, c)
}

// Show prints an answer as JSON, or as a screen.
func (a Asking) Show(c *cobra.Command, answer any, draw func(*screen.Screen)) error {
	return a.show(c, answer, draw)
}

// JSON reports whether JSON is to be printed.
func (a Asking) JSON() bool { return a.json }

// noArguments refuses arguments.
func noArguments(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%s takes no argument %q", c.CommandPath(), args[0])
	}
	return nil
}

// asked asks the best host, once.
func asked[Q, A any](ctx context.Context, c *cobra.Command, f *flags, op operator.Operation[Q, A], q Q) (A, error) {
	var none A
	client, err := f.client(ctx, c)
	if err != nil {
		return none, err
	}
	ctx, cancel := context.WithTimeout(ctx, op.Within+hosts.Within)
	defer cancel()
	answer, err := op.Ask(ctx, client, q)
	switch {
	case errors.Is(err, operator.ErrRefused):
		return answer, fmt.Errorf("%s refused, nothing was done: %w", c.Name(), err)
	case err != nil:
		return answer, fmt.Errorf("%s: %w", c.Name(), err)
	}
	return answer, nil
}

// show prints an answer as JSON, or as a screen.
func (f *flags) show(c *cobra.Command, answer any, draw func(*screen.Screen)) error {
	if f.json {
		return screen.JSON(c.OutOrStdout(), answer)
	}
	s := &screen.Screen{Colour: screen.IsTerminal(c.OutOrStdout())}
	draw(s)
	_, err := fmt.Fprint(c.OutOrStdout(), s.Out.String())
	return err
}
