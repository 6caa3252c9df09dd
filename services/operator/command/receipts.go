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
	return argued("rotate-receipts", "Have receipts signed by a new key",
		`Each answer to a terminal carries a code by which the pair knows it again: after a takeover the terminals are asked what they
were told, and every receipt is looked up. The key of these codes is data of the pair, the same on both hosts, and no setting;
the pair makes another one by itself when its secret has changed. This command makes one now, as after a copy of the
database got into wrong hands: whoever has the key can make a terminal show a loss that there was not.

Two keys are valid at a time, so receipts of before are still known. That is why it is refused within ten minutes of the
last change. Terminals need nothing.`,
		`  hotpair terminals rotate-receipts`,
		f, cobra.NoArgs, func(ctx context.Context, c *cobra.Command, _ []string) error {
			done, err := asked(ctx, c, f, operator.CallRotateReceipts, operator.None{})
			if err != nil {
				return err
			}
			return f.show(c, done, func(s *screen.Screen) {
				s.Headline(operator.Good, "receipts are signed by a new key since "+done.Made.UTC().Format(time.DateTime)+" UTC; those of before are still known")
			})
		})
}
