package command

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/screen"
	"github.com/hotpair/hotpair/services/operator/wording"
	"github.com/hotpair/hotpair/services/terminalif/agenda"
)

func timersCommand() *cobra.Command {
	f := &flags{}
	q := agenda.List{}
	c := argued("timers", "Show timers of services, and release or drop them",
		`A timer is an operation that a service runs later. A failed one is retried with growing pauses; after 20 failures, or after
its service has ended three times, it is parked until it is released, and the alarm timers-parked is raised.`,
		`  hotpair timers
  hotpair timers --parked
  hotpair timers --service tickets --json | jq -r '.timers[] | .key'
  hotpair timers release tickets "seat 12A"`,
		f, noArguments, func(ctx context.Context, c *cobra.Command, _ []string) error {
			list, err := allTimers(ctx, c, f, q)
			if err != nil {
				return err
			}
			return f.show(c, list, func(s *screen.Screen) { timersScreen(s, list) })
		})
	c.Flags().StringVar(&q.Service, "service", "", "only timers of this service")
	c.Flags().BoolVar(&q.Parked, "parked", false, "only parked timers")
	c.AddCommand(
		timerCommand("release", "Run a parked timer again",
			`Makes a parked timer, which failed too often, due again at once. Needs the role operate.`,
			`  hotpair timers release tickets "seat 12A"`, operator.CallReleaseTimer, "is due again"),
		timerCommand("drop", "Drop a timer: its operation is not done",
			`Drops a timer, parked or not. Its operation is not done, and the service is not told. Needs the role admin.`,
			`  hotpair timers drop tickets "seat 12A" --reason "sold at the counter"`, operator.CallDropTimer, "is dropped"))
	return c
}

// allTimers reads all pages into one.
func allTimers(ctx context.Context, c *cobra.Command, f *flags, q agenda.List) (all agenda.Listed, err error) {
	client, err := f.client(ctx, c)
	if err != nil {
		return all, err
	}
	all.Timers = []agenda.Shown{}
	for q.Limit = agenda.MostListed; ; {
		page, err := operator.CallTimers.Ask(ctx, client, q)
		if err != nil {
			return all, err
		}
		all.Kept, all.Parked = page.Kept, page.Parked
		all.Timers = append(all.Timers, page.Timers...)
		if q.After = page.Next; q.After == "" {
			return all, nil
		}
	}
}

func timersScreen(s *screen.Screen, list agenda.Listed) {
	s.Line(fmt.Sprintf("%s, %d of them parked", wording.Count(uint64(list.Kept), "timer"), list.Parked))
	for _, t := range list.Timers {
		line := screen.Pad(wording.Printable(t.Service), 16) + screen.Pad(wording.Printable(t.Key), 24) + screen.Pad(wording.Printable(t.Operation), 16) +
			"due " + t.Due.UTC().Format(time.DateTime) + " UTC"
		if t.Parked {
			line += ", parked: " + wording.Printable(t.Why)
		}
		s.Line(line)
	}
}

func timerCommand(verb, short, long, example string, o operator.Operation[agenda.Change, agenda.Changed], became string) *cobra.Command {
	f := &flags{}
	return argued(verb+" SERVICE KEY", short, long, example, f, cobra.ExactArgs(2), func(ctx context.Context, c *cobra.Command, args []string) error {
		done, err := asked(ctx, c, f, o, agenda.Change{Service: args[0], Key: args[1]})
		if err != nil {
			return err
		}
		return f.show(c, done, func(s *screen.Screen) {
			s.Headline(operator.Good, fmt.Sprintf("timer %q of %s %s", args[1], args[0], became))
		})
	})
}
