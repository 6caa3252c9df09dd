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
	c := command("upgrade", "Say which level the pair is at, and what finishes an upgrade",
		`A level is what both hosts agree on: the forms of messages, updates and files. A program knows a range of levels, so that
hosts of two versions serve side by side and one after the other can be upgraded in service. The pair stays at its level
meanwhile, and the version before can be put back at any time. hotpair upgrade finish ends that: the pair rises to the
newest level that both hosts know, and what is new is used from then on.`,
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
		`Does what can't be undone: from then on a version that does not know the level is refused as a host of this pair, with its
data too. Finish an upgrade when both hosts run the new version and nothing speaks for going back. It is refused unless
both hosts are in sync and know a newer level; then nothing was done. The service goes on meanwhile.`,
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
		`Looks at both hosts, and says what comes next: the standby first, then a switchover, then the other one. Before each step the
loss of either host must be no loss (hotpair doctor), and all terminals must be served as before; at the first doubt it stops,
and leaves everything as it is. A person installs, or a command does (--run); the switchover it makes itself. What comes next
depends on what the hosts run and on nothing else: begun again it goes on, and the way back is the same with the version
before, until hotpair upgrade finish. The witness and the agents follow by hand.`,
		`  hotpair upgrade run                                    # to the version of this program
  hotpair upgrade run --run 'ssh root@$HOTPAIR_UPGRADE_HOST "apt-get install -y ./hotpair_0.3.0_amd64.deb && systemctl restart hotpair"'
  hotpair upgrade run --to v0.2.0                        # the way back`,
		f, func(ctx context.Context, c *cobra.Command, targets []hosts.Target) error {
			say := func(s rollout.Step) { rollout.Told(c.OutOrStdout(), s) }
			if f.json {
				say = func(s rollout.Step) { _ = screen.JSON(c.OutOrStdout(), s) } // whoever reads it has gone, and the rollout goes on
			}
			config := rollout.Config{Target: to, Install: rollout.Shell(run, to, c.ErrOrStderr()), Within: within, Say: say}
			if err := config.Check(); err != nil {
				return err
			}
			return rollout.Walk(ctx, rollout.Reached{Targets: targets}, config)
		})
	c.Flags().StringVar(&to, "to", version.Name(), "version that both hosts are to run, as hotpair version calls it")
	c.Flags().StringVar(&run, "run", "", "command that installs it on the host in HOTPAIR_UPGRADE_HOST and restarts that, run by sh")
	c.Flags().DurationVar(&within, "within", within, "how long the pair may take to be whole again after each step")
	return c
}
