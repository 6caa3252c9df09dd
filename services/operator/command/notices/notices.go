// Package notices has the command that shows the notices of services to terminals.
package notices

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/command"
	"github.com/hotpair/hotpair/services/operator/screen"
	"github.com/hotpair/hotpair/services/operator/wording"
	"github.com/hotpair/hotpair/services/terminalif/delivery"
)

// Command returns hotpair notices.
func Command() *cobra.Command {
	q := delivery.WaitingQuestion{}
	c := command.Argued("notices", "Show notices of services to terminals, and which still wait",
		`Services send notices to some terminals, or to all. A notice is kept until its terminal has stored it, for at most seven days,
10,000 notices or 4 MiB for each terminal, 64 MiB for notices to all. A terminal that was away gets the waiting notices in
order when it is back, and is told how many were removed before that. Receipts of terminals are recorded every half minute,
so a notice that was just delivered may still be shown as waiting.`,
		`  hotpair notices
  hotpair notices --waiting
  hotpair notices --waiting --json | jq -r '.terminals[] | .id'`,
		cobra.NoArgs, func(ctx context.Context, c *cobra.Command, f command.Asking, _ []string) error {
			list, err := all(ctx, c, f, q)
			if err != nil {
				return err
			}
			return f.Show(c, list, func(s *screen.Screen) { draw(s, list) })
		})
	c.Flags().BoolVar(&q.Waiting, "waiting", false, "only terminals with waiting notices")
	return c
}

// all reads all pages into one.
func all(ctx context.Context, c *cobra.Command, f command.Asking, q delivery.WaitingQuestion) (list delivery.WaitingNotices, err error) {
	client, err := f.Client(ctx, c)
	if err != nil {
		return list, err
	}
	list.Terminals = []delivery.Recipient{}
	for q.Limit = delivery.MostListed; ; {
		page, err := operator.CallNotices.Ask(ctx, client, q)
		if err != nil {
			return list, err
		}
		list.Common = page.Common
		list.Terminals = append(list.Terminals, page.Terminals...)
		if q.After = page.Next; q.After == "" {
			return list, nil
		}
	}
}

func draw(s *screen.Screen, list delivery.WaitingNotices) {
	waiting := 0
	for _, t := range list.Terminals {
		if t.Waiting+t.WaitingCommon > 0 {
			waiting++
		}
	}
	s.Line(fmt.Sprintf("%s to all terminals so far, %d of them kept (%s); notices wait for %s",
		wording.Count(list.Common.Total, "notice"), list.Common.Kept, wording.Bytes(int64(list.Common.Bytes)), wording.Count(uint64(waiting), "terminal")))
	for _, t := range list.Terminals {
		line := screen.Pad(wording.Printable(t.ID), 24) + screen.Pad(wording.Count(t.Own.Total, "own notice"), 20) + fmt.Sprintf("%d wait", t.Waiting)
		if t.WaitingCommon > 0 {
			line += fmt.Sprintf(", and %d of those to all", t.WaitingCommon)
		}
		if !t.Oldest.IsZero() {
			line += ", since " + t.Oldest.UTC().Format(time.DateTime) + " UTC"
		}
		if t.Leaving {
			line += "; no longer a terminal of the pair"
		}
		if t.Unreadable != "" {
			line += "; can't be read, and is not sent: " + wording.Printable(t.Unreadable)
		}
		s.Line(line)
	}
}
