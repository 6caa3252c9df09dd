package command

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/certificates"
	"github.com/hotpair/hotpair/services/operator/roster"
	"github.com/hotpair/hotpair/services/operator/screen"
	"github.com/hotpair/hotpair/services/operator/wording"
)

func terminalsToken() *cobra.Command {
	f := &flags{}
	var life, file, out string
	c := argued("token ID...", "Make another one-time token for terminals (a secret)",
		`Gives a token by which the agent of a terminal enrols: hotpair terminal enrol TOKEN. It is shown here and nowhere else, holds for a day, and is bound to the
first key that comes with it. A token that is out for the same terminal is worth nothing from then on. A terminal that has
enrolled stays as it is until its new token is used, by a new machine in its place; then the old key is worth nothing.
A terminal that was withdrawn comes back in this way, with a new key.`,
		`  hotpair terminals token till-7
  hotpair terminals token till-7 --for 72h
  hotpair terminals token --file ids.txt --tokens tokens.txt     # a thousand at once`,
		f, cobra.ArbitraryArgs, func(ctx context.Context, c *cobra.Command, args []string) error {
			rows, err := roster.Read(args, file, screen.Input(ctx, c.InOrStdin()))
			if err != nil {
				return err
			}
			ids, err := roster.IDs(rows)
			if err != nil {
				return err
			}
			client, err := f.client(ctx, c)
			if err != nil {
				return err
			}
			given, err := roster.Tokens(ctx, c, client, roster.Wish{IDs: ids, For: life, File: out})
			if err != nil {
				err = fmt.Errorf("terminals token: %s made: %w", wording.Count(uint64(len(given)), "token"), err)
				return errors.Join(err, roster.ShowTokens(c, given, out))
			}
			if f.json {
				return screen.JSON(c.OutOrStdout(), certificates.TerminalTokens{Tokens: given})
			}
			return roster.ShowTokens(c, given, out)
		})
	c.Flags().StringVar(&life, "for", "", "how long they hold, 1m to 720h (default 24h)")
	c.Flags().StringVar(&file, "file", "", "read ids from a file, one on each line (what stands behind = is passed over); - is standard input")
	c.Flags().StringVar(&out, "tokens", "", "write the tokens to this new file, one ID and TOKEN on each line, instead of showing them")
	return c
}

func terminalsRevoke() *cobra.Command {
	f := &flags{}
	return argued("revoke ID...", "Withdraw the certificates of terminals",
		`For a terminal that was stolen, lost, or is not to come in any more. Its certificate and the token that is out for it are worth nothing from then on, on both
hosts, after restarts and takeovers too; sessions that stand are ended. It stays in the table; hotpair terminals remove takes
it out. With a new token (hotpair terminals token ID) another machine can enrol in its place.

Data that are restored from a backup of before do not know of it: withdraw again what was withdrawn since. Tokens
that were out then are void.`,
		`  hotpair terminals revoke till-7 --reason "stolen on 3 May"
  hotpair terminals list --json | jq '.terminals[] | select(.certificate.state == "withdrawn")'`,
		f, cobra.MinimumNArgs(1), func(ctx context.Context, c *cobra.Command, args []string) error {
			done, err := asked(ctx, c, f, operator.CallRevokeTerminals, certificates.RevokeTerminals{IDs: args})
			if err != nil {
				return err
			}
			return f.show(c, done, func(s *screen.Screen) {
				s.Headline(operator.Good, "withdrawn: "+wording.Printable(strings.Join(done.IDs, ", ")))
				s.Line("Both hosts leave them now. A new machine comes in their place with hotpair terminals token.")
			})
		})
}
