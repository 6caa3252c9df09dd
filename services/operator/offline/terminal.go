package offline

import (
	"context"
	"fmt"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/screen"
	"github.com/hotpair/hotpair/services/operator/usage"
	"github.com/hotpair/hotpair/services/operator/wording"
	"github.com/hotpair/hotpair/services/terminal"
)

// ReadmitCommand gives terminal readmit.
func ReadmitCommand() *cobra.Command {
	var dir, epoch string
	var asJSON bool
	c := usage.Command("readmit", "Take back the epoch that this terminal has accepted (its agent must be stopped)",
		`An agent refuses every host of a lower epoch than it has accepted, for good. If something that is not the pair has taken it over,
like a copy that was restored from a backup, the real hosts are refused from then on. This takes that epoch back, at the
terminal, by somebody who knows which pair is the right one: the next host that attaches is accepted, but not the one whose
epoch it was. Stop that one first, and take its other host down with it.

It says which epoch of which host it is, and does nothing until that number is typed, or given with --epoch. Applications may have been
told of updates that only that host has: the audit of the pair names them.`,
		`  HOTPAIR_DATA=/var/lib/hotpair-terminal hotpair terminal readmit
  hotpair terminal readmit --data /var/lib/hotpair-terminal --epoch 1000007`,
		cobra.NoArgs, func(ctx context.Context, c *cobra.Command, _ []string) error {
			if dir == "" {
				dir = os.Getenv(config.Prefix + "_DATA")
			}
			if dir == "" {
				return fmt.Errorf("%w: terminal readmit needs --data or HOTPAIR_DATA: the directory of the agent", operator.ErrUsage)
			}
			was, err := terminal.Readmit(dir, func(a terminal.Accepted) error {
				s := &screen.Screen{Colour: screen.IsTerminal(c.ErrOrStderr())}
				s.Headline(operator.Bad, fmt.Sprintf("This terminal has accepted epoch %d of host %s (identity %s) of pair %s", a.Epoch, a.Host, a.Identity, a.PairID))
				fmt.Fprint(c.ErrOrStderr(), s.Out.String())
				want, given := strconv.FormatUint(a.Epoch, 10), epoch
				if given == "" {
					return screen.Confirm(ctx, c.InOrStdin(), c.ErrOrStderr(), want)
				}
				if given != want {
					return fmt.Errorf("%w: epoch %s was accepted here, not %s; nothing was done", operator.ErrRefused, want, wording.Printable(given))
				}
				return nil
			})
			switch {
			case err != nil:
				return fmt.Errorf("terminal readmit: %w", err)
			case asJSON:
				return screen.JSON(c.OutOrStdout(), was)
			}
			s := &screen.Screen{Colour: screen.IsTerminal(c.OutOrStdout())}
			s.Headline(operator.Good, fmt.Sprintf("Epoch %d of host %s is taken back; start the agent: the next other host of pair %s that attaches is accepted", was.Epoch, was.Host, was.PairID))
			fmt.Fprint(c.OutOrStdout(), s.Out.String())
			return nil
		})
	c.Flags().StringVar(&dir, "data", "", "directory of the agent (default HOTPAIR_DATA)")
	c.Flags().StringVar(&epoch, "epoch", "", "the epoch to take back; asked for when not given")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}
