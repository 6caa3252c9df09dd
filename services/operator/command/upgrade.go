package command

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/hosts"
	"github.com/hotpair/hotpair/services/operator/rollout"
	"github.com/hotpair/hotpair/services/operator/screen"
	"github.com/hotpair/hotpair/services/version"
)

func upgradeCommand() *cobra.Command {
	f := &flags{}
	c := command("upgrade", "Show the level of the pair, and how to finish an upgrade",
		`A level is the set of formats that both hosts use: messages, updates and files. A program knows a range of levels, so that
hosts of two versions work together and can be upgraded one after the other, in service. Meanwhile the pair stays at its level,
and the previous version can be put back at any time. hotpair upgrade finish ends that: the pair rises to the newest level
that both hosts know, and uses its new formats from then on.`,
		`  hotpair upgrade
  hotpair upgrade run
  hotpair upgrade --json | jq .next`,
		f, func(ctx context.Context, c *cobra.Command, _ []hosts.Target) error {
			found, err := asked(ctx, c, f, operator.CallLevels, operator.None{})
			if err != nil {
				return err
			}
			return f.show(c, found, func(s *screen.Screen) { rollout.Screen(s, found) })
		})
	g := &flags{}
	c.AddCommand(command("finish", "Raise the pair to the newest level that both hosts know",
		`Can't be undone: from then on a version that does not know the level can't be a host of this pair, and can't read its data.
Finish an upgrade when both hosts run the new version and a downgrade is no longer needed. Refused, with nothing done, unless
both hosts are in sync and know a newer level. The service continues meanwhile.`,
		`  hotpair upgrade finish`,
		g, func(ctx context.Context, c *cobra.Command, _ []hosts.Target) error {
			done, err := asked(ctx, c, g, operator.CallRise, operator.None{})
			if err != nil {
				return err
			}
			return g.show(c, done, func(s *screen.Screen) { rollout.Screen(s, done) })
		}))
	c.AddCommand(walkCommand())
	return c
}

func walkCommand() *cobra.Command {
	f := &flags{}
	var to, run string
	within := 10 * time.Minute
	c := command("run", "Upgrade both hosts while they serve, one after the other",
		`Looks at both hosts, and determines the next step: the standby first, then a switchover, then the other host. Before each step
the pair must survive the loss of either host (hotpair doctor), and all terminals must be served as before; at the first doubt
it stops, and leaves everything as it is. You install the program, or a command does (--run); the switchover is automatic. The
next step depends only on what the hosts run: started again, the command continues, and a downgrade is the same with the
previous version, until hotpair upgrade finish. Upgrade the witness and the agents by hand.`,
		`  hotpair upgrade run                                    # to the version of this program
  hotpair upgrade run --run 'ssh root@$HOTPAIR_UPGRADE_HOST "apt-get install -y ./hotpair_0.3.0_amd64.deb && systemctl restart hotpair"'
  hotpair upgrade run --to v0.2.0                        # a downgrade`,
		f, func(ctx context.Context, c *cobra.Command, targets []hosts.Target) error {
			say := func(s rollout.Step) { rollout.Told(c.OutOrStdout(), s) }
			if f.json {
				say = func(s rollout.Step) { _ = screen.JSON(c.OutOrStdout(), s) } // if the output is gone, the rollout continues
			}
			config := rollout.Config{Target: to, Install: rollout.Shell(run, to, c.ErrOrStderr()), Within: within, Say: say}
			if err := config.Check(); err != nil {
				return err
			}
			return rollout.Walk(ctx, rollout.Reached{Targets: targets}, config)
		})
	c.Flags().StringVar(&to, "to", version.Name(), "version that both hosts are to run, as shown by hotpair version")
	c.Flags().StringVar(&run, "run", "", "command, run by sh, that installs the version on HOTPAIR_UPGRADE_HOST and restarts that host")
	c.Flags().DurationVar(&within, "within", within, "how long the pair may take to recover after each step")
	return c
}
