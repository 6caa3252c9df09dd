package command

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/screen"
	"github.com/hotpair/hotpair/services/operator/wording"
	"github.com/hotpair/hotpair/services/regular"
)

// terminalsCommand is hotpair terminals with what can be done to them.
func terminalsCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "terminals", Short: "List, add, remove and probe the terminals of the pair",
		Long: `The terminals that both hosts dial. They come from HOTPAIR_TERMINALS until the first change made here; from then on
from a table in the replicated database, on both hosts alike, and a change takes effect at once, without a restart.`,
		Example: `  hotpair terminals list
  hotpair terminals probe                          # what is wrong with those that are unreachable?
  hotpair terminals add till-7=nats://10.0.3.7:4223
  hotpair terminals key till-7                     # what the new terminal must be given
  hotpair terminals remove till-6`,
		SilenceUsage: true, SilenceErrors: true,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.Args = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		return fmt.Errorf("%w: hotpair terminals takes list, add, remove, probe, key or rotate-receipts, not %q", operator.ErrUsage, args[0])
	}
	c.AddCommand(terminalsList(), terminalsAdd(), terminalsRemove(), terminalsProbe(), terminalsKey(), terminalsReceipts())
	return c
}

func terminalsAdd() *cobra.Command {
	f := &flags{}
	var file string
	c := argued("add ID=nats://HOST:PORT...", "Add terminals",
		`Adds terminals to the table. Both hosts dial them at once; whoever serves attaches them. The agent at a new terminal needs its
id and its key, which the command names. Nothing is added if one of the terminals can't be: a wrong address, an id or
address that is there already. With --file many are added, 500 at a time.`,
		`  hotpair terminals add till-7=nats://10.0.3.7:4223
  hotpair terminals add --file new-tills.txt       # one ID=nats://HOST:PORT on each line; - is standard input
  hotpair terminals add till-8=nats://10.0.3.8:4223 && hotpair terminals probe till-8`,
		f, cobra.ArbitraryArgs, func(ctx context.Context, c *cobra.Command, args []string) error {
			if file != "" {
				lines, err := readLines(file, screen.Input(ctx, c.InOrStdin()))
				if err != nil {
					return err
				}
				args = append(args, lines...)
			}
			add, err := parseTerminals(args)
			if err != nil {
				return err
			}
			client, err := f.client(ctx, c)
			if err != nil {
				return err
			}
			done, err := inBatches(c, "add", add, func(part []operator.TerminalAddress) (operator.TerminalsChanged, error) {
				return operator.CallAddTerminals.Ask(ctx, client, operator.AddTerminals{Terminals: part})
			})
			if err != nil {
				return err
			}
			if f.json {
				return screen.JSON(c.OutOrStdout(), done)
			}
			out := c.OutOrStdout()
			fmt.Fprintf(out, "%s added; the table has %d now\n", wording.Count(uint64(len(add)), "terminal"), done.Total)
			if done.Began {
				fmt.Fprintln(out, "HOTPAIR_TERMINALS no longer counts: its list is in the table")
			}
			fmt.Fprintf(out, "each agent needs HOTPAIR_TERMINAL_ID and its own HOTPAIR_TERMINAL_KEY: hotpair terminals key %s\n", wording.Printable(add[0].ID))
			return nil
		})
	c.Flags().StringVar(&file, "file", "", "read terminals from a file, one ID=nats://HOST:PORT on each line")
	return c
}

func terminalsRemove() *cobra.Command {
	f := &flags{}
	return argued("remove ID...", "Remove terminals",
		`Takes terminals out of the table. Both hosts leave them at once; requests that wait there wait on, until the terminal is
added again or they run out of time.`,
		`  hotpair terminals remove till-6
  hotpair terminals list --json | jq -r '.terminals[].id | select(startswith("test-"))' | xargs hotpair terminals remove`,
		f, cobra.MinimumNArgs(1), func(ctx context.Context, c *cobra.Command, args []string) error {
			client, err := f.client(ctx, c)
			if err != nil {
				return err
			}
			done, err := inBatches(c, "remove", args, func(part []string) (operator.TerminalsChanged, error) {
				return operator.CallRemoveTerminals.Ask(ctx, client, operator.RemoveTerminals{IDs: part})
			})
			if err != nil {
				return err
			}
			if f.json {
				return screen.JSON(c.OutOrStdout(), done)
			}
			fmt.Fprintf(c.OutOrStdout(), "%s removed; the table has %d now\n", wording.Count(uint64(len(args)), "terminal"), done.Total)
			return nil
		})
}

// inBatches makes a change in parts that fit into a call each.
func inBatches[T any](c *cobra.Command, what string, all []T, change func([]T) (operator.TerminalsChanged, error)) (done operator.TerminalsChanged, err error) {
	bar := screen.NewProgress(c.ErrOrStderr(), what)
	defer bar.End()
	began := false
	for at := 0; at < len(all); at += operator.MaxChanged {
		part := all[at:min(at+operator.MaxChanged, len(all))]
		if done, err = change(part); err != nil {
			if at > 0 {
				return done, fmt.Errorf("terminals %s: the first %d are done, then: %w", what, at, err)
			}
			return done, fmt.Errorf("terminals %s: %w", what, err)
		}
		began = began || done.Began
		bar.Show(float64(at+len(part))/float64(len(all)), wording.Count(uint64(at+len(part)), "terminal"))
	}
	done.Began = began
	return done, nil
}

func parseTerminals(args []string) (add []operator.TerminalAddress, err error) {
	if len(args) == 0 {
		return nil, fmt.Errorf("%w: name terminals, as ID=nats://HOST:PORT", operator.ErrUsage)
	}
	for _, a := range args {
		id, address, _ := strings.Cut(a, "=")
		if err := config.CheckTerminal(id, address); err != nil {
			return nil, fmt.Errorf("%w: terminal %q: %w; write ID=nats://HOST:PORT", operator.ErrUsage, wording.Printable(a), err)
		}
		add = append(add, operator.TerminalAddress{ID: id, Address: address})
	}
	return add, nil
}

// readLines reads the lines of a file that are neither empty nor begin with #.
func readLines(name string, stdin io.Reader) (lines []string, err error) {
	from := stdin
	if name != "-" {
		file, err := regular.Open(name)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", operator.ErrUsage, err)
		}
		defer file.Close()
		from = file
	}
	in := bufio.NewScanner(from)
	for in.Scan() {
		if line := strings.TrimSpace(in.Text()); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", operator.ErrUsage, name, err)
	}
	return lines, nil
}

func terminalsKey() *cobra.Command {
	f := &flags{}
	return argued("key ID", "Print the key of one terminal (a secret)",
		`Prints the key that the agent of a terminal must be given as HOTPAIR_TERMINAL_KEY. It is a secret: whoever has it can pose as a
host to that terminal, though to no other. It is derived from the pair secret, so the command is for a host: it reads
HOTPAIR_PAIR_SECRET or HOTPAIR_PAIR_SECRET_FILE, with --dir the files of a cluster, else /etc/hotpair/host.env. Nothing is asked over a network, and the
terminal need not exist yet.`,
		`  hotpair terminals key till-7
  HOTPAIR_PAIR_SECRET_FILE=/etc/hotpair/secret hotpair terminals key till-7
  hotpair terminals key till-7 --json | jq -r .key | ssh till-7 'umask 77; cat >key'`,
		f, cobra.ExactArgs(1), func(_ context.Context, c *cobra.Command, args []string) error {
			if err := config.CheckTerminal(args[0], "nats://127.0.0.1:1"); err != nil {
				return fmt.Errorf("%w: terminal %q: %w", operator.ErrUsage, wording.Printable(args[0]), err)
			}
			secret, err := f.PairSecret()
			if err != nil {
				return fmt.Errorf("the key is derived from the pair secret: %w", err)
			}
			key := config.TerminalKey(secret.Reveal(), args[0])
			if f.json {
				return screen.JSON(c.OutOrStdout(), map[string]string{"id": args[0], "key": key})
			}
			if screen.IsTerminal(c.OutOrStdout()) {
				fmt.Fprintln(c.ErrOrStderr(), "SECRET: give it to the agent of "+args[0]+" and to nobody else")
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "HOTPAIR_TERMINAL_ID=%s\nHOTPAIR_TERMINAL_KEY=%s\n", args[0], key)
			return err
		})
}
