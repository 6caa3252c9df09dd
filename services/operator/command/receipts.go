package command

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/screen"
)

func terminalsReceipts() *cobra.Command {
	f := &flags{}
	return argued("rotate-receipts", "Sign receipts with a new key",
		`Each answer to a terminal carries a receipt code that the pair can verify: after a takeover the terminals show their receipts,
and each is looked up. The key of these codes is data of the pair, the same on both hosts, not a setting; the pair makes a new
one automatically when its secret has changed. This command makes one now, for example after the database was leaked:
anyone with the key can forge receipts, and so a loss that never happened.

Two keys are valid at a time, so earlier receipts can still be verified. Therefore the command is refused within ten minutes
of the last change. Nothing has to be done at terminals.`,
		`  hotpair terminals rotate-receipts`,
		f, cobra.NoArgs, func(ctx context.Context, c *cobra.Command, _ []string) error {
			done, err := asked(ctx, c, f, operator.CallRotateReceipts, operator.None{})
			if err != nil {
				return err
			}
			return f.show(c, done, func(s *screen.Screen) {
				s.Headline(operator.Good, "receipts are signed with a new key since "+done.Made.UTC().Format(time.DateTime)+" UTC; earlier ones can still be verified")
			})
		})
}
