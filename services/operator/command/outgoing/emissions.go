package outgoing

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/outbox"
	"github.com/hotpair/hotpair/services/courier/waybill"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/command"
	"github.com/hotpair/hotpair/services/operator/screen"
	"github.com/hotpair/hotpair/services/operator/wording"
)

// EmissionsCommand returns hotpair emissions.
func EmissionsCommand() *cobra.Command {
	q := waybill.ListEmissions{}
	show := func(ctx context.Context, c *cobra.Command, a command.Asking, _ []string) error {
		all, err := allEmissions(ctx, c, a, q)
		if err != nil {
			return err
		}
		return a.Show(c, all, func(s *screen.Screen) { emissionsScreen(s, all, q.Waiting) })
	}
	flags := func(c *cobra.Command) *cobra.Command {
		c.Flags().StringVar(&q.Target, "target", "", "only those of this target")
		c.Flags().StringVar(&q.Lane, "lane", "", "only those of this lane of the target")
		c.Flags().BoolVar(&q.Waiting, "waiting", false, "show waiting emissions instead of parked ones")
		return c
	}
	c := flags(command.Argued("emissions", "Show parked emissions of services, and release or drop them",
		`Emissions of services are sent to their target until it accepts them, in order within a lane. An emission that the target
refuses for good (400, 409, 410, 413, 422), or that is too old, is parked, and the alarm emissions-parked is raised. A parked
emission blocks its lane, unless the target is set to skip.`,
		`  hotpair emissions
  hotpair emissions --target billing --waiting
  hotpair emissions release billing/seat-12A
  hotpair emissions release --held`,
		cobra.NoArgs, show))
	c.AddCommand(
		flags(command.Argued("list", "Show parked or waiting emissions", `The same as hotpair emissions.`, `  hotpair emissions list --json`, cobra.NoArgs, show)),
		releaseCommand(), dropCommand())
	return c
}

// allEmissions reads all pages into one.
func allEmissions(ctx context.Context, c *cobra.Command, a command.Asking, q waybill.ListEmissions) (all waybill.ListedEmissions, err error) {
	if q.Lane != "" && q.Target == "" {
		return all, fmt.Errorf("%w: --lane needs --target", operator.ErrUsage)
	}
	client, err := a.Client(ctx, c)
	if err != nil {
		return all, err
	}
	list := []waybill.ShownEmission{}
	for q.Limit = waybill.MostListed; ; {
		page, err := operator.CallEmissions.Ask(ctx, client, q)
		if err != nil {
			return all, fmt.Errorf("emissions: %w", err)
		}
		all = page
		list = append(list, page.Emissions...)
		if q.After = page.Next; q.After == "" {
			all.Emissions = list
			return all, nil
		}
	}
}

func emissionsScreen(s *screen.Screen, l waybill.ListedEmissions, waiting bool) {
	line := fmt.Sprintf("%s, %d of them parked", wording.Count(uint64(l.Waiting+l.Parked), "emission"), l.Parked)
	if l.Deferred {
		line += "; all are deferred until hotpair emissions release --held"
	}
	s.Line(line)
	for i := range l.Emissions {
		e := &l.Emissions[i]
		s.Line(wording.Printable(e.Target+"/"+e.Lane+"/"+e.Number) + " of " + wording.Printable(e.Service) + ", emitted " + e.Emitted.UTC().Format(time.DateTime) + " UTC")
		switch {
		case waiting:
		case e.Blocks:
			s.Line("  blocks its lane: " + wording.Printable(e.Why))
		default:
			s.Line("  parked: " + wording.Printable(e.Why))
		}
	}
}

// lane reads TARGET/LANE or TARGET/LANE/NUMBER.
func lane(text string) (q waybill.ChangeEmissions, err error) {
	parts := strings.SplitN(text, "/", 3)
	if len(parts) < 2 || !bus.ValidName(parts[0]) || !outbox.ValidLane(parts[1]) {
		return q, fmt.Errorf("%w: %q is not TARGET/LANE or TARGET/LANE/NUMBER, as hotpair emissions shows them", operator.ErrUsage, text)
	}
	q.Target, q.Lane = parts[0], parts[1]
	if len(parts) == 3 {
		q.Number = parts[2]
		if _, err := waybill.Parse(q.Number); err != nil {
			return q, fmt.Errorf("%w: %w", operator.ErrUsage, err)
		}
	}
	return q, nil
}

func releaseCommand() *cobra.Command {
	deferred := false
	c := command.Argued("release TARGET/LANE[/NUMBER]", "Send parked or deferred emissions again",
		`Sends a parked emission again, or all that are parked in a lane: in their places if the lane has waited for them, otherwise
after all waiting ones. Needs the role operate.

After a forced promotion or a restore no emission is sent until --held: some of the waiting ones may have been sent before, and
some that were sent are undone. First compare hotpair emissions --waiting with what the targets have. Needs the role admin.`,
		`  hotpair emissions release billing/seat-12A
  hotpair emissions release billing/seat-12A/7/123/0
  hotpair emissions release --held --reason "the targets were asked"`,
		cobra.RangeArgs(0, 1), func(ctx context.Context, c *cobra.Command, a command.Asking, args []string) error {
			if deferred == (len(args) == 1) {
				return fmt.Errorf("%w: name a lane as TARGET/LANE, or give --held", operator.ErrUsage)
			}
			if deferred {
				done, err := ask(ctx, c, a, operator.CallReleaseDeferred, operator.None{})
				if err != nil {
					return err
				}
				return a.Show(c, done, func(s *screen.Screen) { s.Headline(operator.Good, "emissions are sent again") })
			}
			return change(ctx, c, a, operator.CallReleaseEmission, args[0], "released")
		})
	c.Flags().BoolVar(&deferred, "held", false, "send all emissions that are deferred after a forced promotion or a restore")
	return c
}

func dropCommand() *cobra.Command {
	return command.Argued("drop TARGET/LANE[/NUMBER]", "Drop emissions: their target never gets them",
		`Drops a parked or waiting emission, or all that are parked in a lane. Their target never gets them, and the service is not
told. Needs the role admin.`,
		`  hotpair emissions drop billing/seat-12A/7/123/0 --reason "booked by hand"`,
		cobra.ExactArgs(1), func(ctx context.Context, c *cobra.Command, a command.Asking, args []string) error {
			return change(ctx, c, a, operator.CallDropEmission, args[0], "dropped")
		})
}

func change(ctx context.Context, c *cobra.Command, a command.Asking, op operator.Operation[waybill.ChangeEmissions, waybill.EmissionsChanged], which, became string) error {
	q, err := lane(which)
	if err != nil {
		return err
	}
	done, err := ask(ctx, c, a, op, q)
	if err != nil {
		return err
	}
	return a.Show(c, done, func(s *screen.Screen) {
		s.Headline(operator.Good, fmt.Sprintf("%s of lane %s of target %s %s", wording.Count(uint64(done.Count), "emission"), q.Lane, q.Target, became))
		if done.Skipped > 0 {
			s.Line(wording.Count(uint64(done.Skipped), "emission") + " can't be read and stay parked: hotpair emissions lists them, hotpair emissions drop removes them")
		}
	})
}
