package command

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/certificates"
	"github.com/hotpair/hotpair/services/operator/roster"
	"github.com/hotpair/hotpair/services/operator/screen"
	"github.com/hotpair/hotpair/services/operator/wording"
)

// terminalsCommand returns hotpair terminals with its subcommands.
func terminalsCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "terminals", Short: "List, add, enrol, remove and probe the terminals of the pair",
		Long: `The terminals that both hosts dial. They come from HOTPAIR_TERMINALS until the first change by these commands; from then on
from a table in the replicated database, the same on both hosts, where changes take effect at once, without a restart.`,
		Example: `  hotpair terminals list
  hotpair terminals probe                          # what is wrong with those that are unreachable?
  hotpair terminals add till-7=nats://10.0.3.7:4223
  hotpair terminals token till-7                   # another token for a terminal that enrols
  hotpair terminals revoke till-7 --reason stolen
  hotpair terminals key till-7                     # what a terminal without a certificate must be given
  hotpair terminals remove till-6`,
		SilenceUsage: true, SilenceErrors: true,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.Args = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		return fmt.Errorf("%w: hotpair terminals takes list, add, remove, probe, token, revoke, key or rotate-receipts, not %q", operator.ErrUsage, args[0])
	}
	c.AddCommand(terminalsList(), terminalsAdd(), terminalsRemove(), terminalsProbe(), terminalsKey(), terminalsToken(), terminalsRevoke(), terminalsReceipts())
	return c
}

func terminalsAdd() *cobra.Command {
	f := &flags{}
	var file, tokens, life string
	c := argued("add ID=nats://HOST:PORT...", "Add terminals",
		`Adds terminals to the table. Both hosts dial them at once; the active attaches them. When the pair is its own authority, each
gets a one-time token, shown only here: hotpair terminal enrol TOKEN at the terminal does the rest. Otherwise the agent at a new
terminal needs its id and its key, as the command shows. If one of the terminals can't be added (wrong address, id or address
already in use), none is. With --file many are added, 500 at a time; --tokens writes their tokens to a file that only you can
read.`,
		`  hotpair terminals add till-7=nats://10.0.3.7:4223
  hotpair terminals add --file new-tills.txt --tokens tokens.txt
  hotpair terminals add --file new-tills.txt       # one ID=nats://HOST:PORT on each line; - is standard input
  hotpair terminals add till-8=nats://10.0.3.8:4223 && hotpair terminals probe till-8`,
		f, cobra.ArbitraryArgs, func(ctx context.Context, c *cobra.Command, args []string) error {
			rows, err := roster.Read(args, file, screen.Input(ctx, c.InOrStdin()))
			if err != nil {
				return err
			}
			add, err := roster.Terminals(rows)
			if err != nil {
				return err
			}
			client, err := f.client(ctx, c)
			if err != nil {
				return err
			}
			done, err := roster.InParts(c, "add", add, func(part []operator.TerminalAddress) (operator.TerminalsChanged, error) {
				return operator.CallAddTerminals.Ask(ctx, client, operator.AddTerminals{Terminals: part})
			})
			if err != nil {
				return err
			}
			wish := roster.Wish{For: life, File: tokens, Maybe: true}
			for _, a := range add {
				wish.IDs = append(wish.IDs, a.ID)
			}
			given, err := roster.Tokens(ctx, c, client, wish)
			if err != nil {
				err = fmt.Errorf("%s added, but only %s made: %w; hotpair terminals token makes the missing tokens", wording.Count(uint64(len(add)), "terminal"), wording.Count(uint64(len(given)), "token"), err)
				return errors.Join(err, roster.ShowTokens(c, given, tokens))
			}
			if f.json {
				return screen.JSON(c.OutOrStdout(), struct {
					operator.TerminalsChanged
					Tokens []certificates.TerminalToken `json:"tokens,omitempty"`
				}{done, given})
			}
			out := c.OutOrStdout()
			fmt.Fprintf(out, "%s added; the table has %d now\n", wording.Count(uint64(len(add)), "terminal"), done.Total)
			if done.Began {
				fmt.Fprintln(out, "HOTPAIR_TERMINALS is no longer used: its terminals are in the table")
			}
			if given == nil {
				fmt.Fprintf(out, "each agent needs HOTPAIR_TERMINAL_ID and its own HOTPAIR_TERMINAL_KEY: hotpair terminals key %s\n", wording.Printable(add[0].ID))
				return nil
			}
			return roster.ShowTokens(c, given, tokens)
		})
	c.Flags().StringVar(&tokens, "tokens", "", "write the tokens to this new file, one ID and TOKEN on each line, instead of showing them")
	c.Flags().StringVar(&life, "for", "", "how long the tokens are valid, 1m to 720h (default 24h)")
	c.Flags().StringVar(&file, "file", "", "read terminals from a file, one ID=nats://HOST:PORT on each line")
	return c
}

func terminalsRemove() *cobra.Command {
	f := &flags{}
	return argued("remove ID...", "Remove terminals",
		`Removes terminals from the table. Both hosts disconnect from them at once; requests that wait there keep waiting, until the
terminal is added again or they time out.`,
		`  hotpair terminals remove till-6
  hotpair terminals list --json | jq -r '.terminals[].id | select(startswith("test-"))' | xargs hotpair terminals remove`,
		f, cobra.MinimumNArgs(1), func(ctx context.Context, c *cobra.Command, args []string) error {
			client, err := f.client(ctx, c)
			if err != nil {
				return err
			}
			done, err := roster.InParts(c, "remove", args, func(part []string) (operator.TerminalsChanged, error) {
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

func terminalsKey() *cobra.Command {
	f := &flags{}
	return argued("key ID", "Print the key of one terminal (a secret)",
		`Prints the key that the agent of a terminal needs as HOTPAIR_TERMINAL_KEY. It is a secret: anyone who has it can pose as a
host to that terminal, but to no other. It is derived from the pair secret, so run the command on a host: it reads
HOTPAIR_PAIR_SECRET or HOTPAIR_PAIR_SECRET_FILE, with --dir the files of a cluster, else /etc/hotpair/host.env. The command
uses no network, and the terminal need not exist yet.`,
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
				fmt.Fprintln(c.ErrOrStderr(), "SECRET: give it only to the agent of "+args[0])
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "HOTPAIR_TERMINAL_ID=%s\nHOTPAIR_TERMINAL_KEY=%s\n", args[0], key)
			return err
		})
}
