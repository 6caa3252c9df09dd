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
		`Makes a token with which the agent of a terminal enrols: hotpair terminal enrol TOKEN. The token is shown only here, is valid
for a day, and is bound to the first key that uses it. It invalidates an earlier token of the same terminal. An enrolled
terminal keeps its certificate until a new machine uses the new token; then the old key is invalid.
A terminal whose certificate was withdrawn can enrol again in this way, with a new key.`,
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
	c.Flags().StringVar(&life, "for", "", "how long the tokens are valid, 1m to 720h (default 24h)")
	c.Flags().StringVar(&file, "file", "", "read ids from a file, one on each line (text after = is ignored); - is standard input")
	c.Flags().StringVar(&out, "tokens", "", "write the tokens to this new file, one ID and TOKEN on each line, instead of showing them")
	return c
}

func terminalsRevoke() *cobra.Command {
	f := &flags{}
	return argued("revoke ID...", "Withdraw the certificates of terminals",
		`For a terminal that was stolen or lost, or must no longer connect. Its certificate and its unused token become invalid on both
hosts, also after restarts and takeovers, and its sessions end. It stays in the table until hotpair terminals remove. With a
new token (hotpair terminals token ID) another machine can enrol in its place.

A restored older backup does not contain it: withdraw again what was withdrawn since the backup. Tokens that were unused at
the time of the backup are void.`,
		`  hotpair terminals revoke till-7 --reason "stolen on 3 May"
  hotpair terminals list --json | jq '.terminals[] | select(.certificate.state == "withdrawn")'`,
		f, cobra.MinimumNArgs(1), func(ctx context.Context, c *cobra.Command, args []string) error {
			done, err := asked(ctx, c, f, operator.CallRevokeTerminals, certificates.RevokeTerminals{IDs: args})
			if err != nil {
				return err
			}
			return f.show(c, done, func(s *screen.Screen) {
				s.Headline(operator.Good, "withdrawn: "+wording.Printable(strings.Join(done.IDs, ", ")))
				s.Line("Both hosts disconnect from them now. hotpair terminals token makes a token for a machine in their place.")
			})
		})
}
