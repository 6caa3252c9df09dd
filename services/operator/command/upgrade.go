package command

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/hosts"
	"github.com/hotpair/hotpair/services/operator/screen"
)

func upgradeCommand() *cobra.Command {
	f := &flags{}
	c := command("upgrade", "Say which level the pair is at, and what finishes an upgrade",
		`A level is what both hosts agree on: the forms of messages, updates and files. A program knows a range of levels, so that
hosts of two versions serve side by side and one after the other can be upgraded in service. The pair stays at its level
meanwhile, and the version before can be put back at any time. hotpair upgrade finish ends that: the pair rises to the
newest level that both hosts know, and what is new is used from then on.`,
		`  hotpair upgrade
  hotpair upgrade --json | jq .next`,
		f, func(ctx context.Context, c *cobra.Command, _ []hosts.Target) error {
			found, err := asked(ctx, c, f, operator.CallLevels, operator.None{})
			if err != nil {
				return err
			}
			return f.show(c, found, func(s *screen.Screen) { levelsScreen(s, found) })
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
			return g.show(c, done, func(s *screen.Screen) {
				if done.Rose {
					s.Headline(operator.Good, fmt.Sprintf("the pair is at level %d now", done.Level))
					return
				}
				levelsScreen(s, done)
			})
		}))
	return c
}

func levelsScreen(s *screen.Screen, l bus.Levels) {
	switch {
	case l.Next > l.Level && l.Hindered == "":
		s.Headline(operator.Good, fmt.Sprintf("the pair is at level %d and can rise to %d: hotpair upgrade finish", l.Level, l.Next))
	case l.Hindered != "":
		s.Headline(operator.Warning, fmt.Sprintf("the pair is at level %d, an upgrade is not finished", l.Level))
		s.Line(l.Hindered)
	default:
		s.Headline(operator.Good, fmt.Sprintf("the pair is at level %d, the newest that both hosts know", l.Level))
	}
	s.Line(fmt.Sprintf("%s knows %v", l.Host, l.Levels))
	if l.PeerLevels.Valid() {
		s.Line(fmt.Sprintf("%s knows %v", l.Peer, l.PeerLevels))
	} else {
		s.Line(l.Peer + " has not said what it knows")
	}
}
