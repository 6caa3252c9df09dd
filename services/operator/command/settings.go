package command

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/screen"
)

func settingsCommand() *cobra.Command {
	f := &flags{}
	var all bool
	c := argued("settings", "Show the settings of both hosts, and what differs",
		`Shows the settings that the main of each host runs with, which are those of its last start. First those that differ and should
be equal, then the others that should be equal, then those of one host: its name, addresses, directories, files, alarms and
log. --all also shows settings left at their defaults. Of a secret it shows only whether it is set, so two secrets may differ.`,
		`  hotpair settings
  hotpair settings --all
  hotpair settings --json | jq -r '.settings[] | select(.differs) | .name'`,
		f, noArguments, func(ctx context.Context, c *cobra.Command, _ []string) error {
			p, err := asked(ctx, c, f, operator.CallSettings, operator.None{})
			if err != nil {
				return err
			}
			return f.show(c, p, func(s *screen.Screen) { screen.Settings(s, p, all) })
		})
	c.Flags().BoolVar(&all, "all", false, "also show settings left at their defaults (--json always does)")
	return c
}
