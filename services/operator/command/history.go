package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/hosts"
	"github.com/hotpair/hotpair/services/operator/screen"
	"github.com/hotpair/hotpair/services/operator/wording"
)

func historyCommand() *cobra.Command {
	f := &flags{}
	var request bus.HistoryRequest
	var follow bool
	c := command("history", "Show the updates, and whether both hosts hold them",
		`Shows the update history, oldest first. Each update has a position (epoch/sequence) and a state: "notified" once it is
durable on the other host too, "not notified" while only this one has it. --key shows the updates of one key, as far
back as the history reaches.`,
		`  hotpair history                                  # the last 50 updates
  hotpair history --from 1000 --limit 20           # 20 updates from sequence 1000 on
  hotpair history --key account/17 --limit 5       # who changed this last?
  hotpair history --follow --service ledger        # what happens, until Ctrl-C
  hotpair history --json | jq '.updates[] | select(.notified | not)'
  hotpair history diverged                         # divergent updates`,
		f, func(ctx context.Context, c *cobra.Command, targets []hosts.Target) error {
			if request.Limit < 1 || request.Limit > operator.MaxHistory {
				return fmt.Errorf("%w: --limit is 1 to %d", operator.ErrUsage, operator.MaxHistory)
			}
			bar := screen.NewProgress(c.ErrOrStderr(), "history")
			page, err := f.readHistory(ctx, c, request, bar)
			bar.End()
			if err != nil {
				return fmt.Errorf("history: %w", err)
			}
			if follow {
				return f.followHistory(ctx, c, request, page)
			}
			return f.show(c, page, func(s *screen.Screen) { historyScreen(s, page) })
		})
	c.Flags().Uint64Var(&request.From, "from", 0, "first sequence to show; 0 shows the last --limit updates")
	c.Flags().IntVar(&request.Limit, "limit", operator.DefaultHistory, fmt.Sprintf("how many, 1 to %d", operator.MaxHistory))
	c.Flags().StringVar(&request.Key, "key", "", "only updates of this key, written as shown")
	c.Flags().StringVar(&request.Service, "service", "", "only updates of this service")
	c.Flags().BoolVar(&follow, "follow", false, "keep showing new updates, until Ctrl-C; with --json one object on each line")
	c.AddCommand(divergedCommand())
	return c
}

// readHistory reads the history from whichever host answers, the active first.
func (f *flags) readHistory(ctx context.Context, c *cobra.Command, q bus.HistoryRequest, bar *screen.Progress) (all bus.HistoryPage, err error) {
	targets, err := f.Find()
	if err != nil {
		return all, err
	}
	looks := hosts.LookAt(ctx, targets)
	if looks[0].Err != nil {
		return all, hosts.AllDown(looks)
	}
	var failures error
	for _, l := range looks {
		if l.Err != nil {
			fmt.Fprintln(c.ErrOrStderr(), wording.Printable(l.Sentence()))
			continue
		}
		all, err := historyOf(ctx, l.Client(), q, bar)
		if err == nil || ctx.Err() != nil {
			return all, err
		}
		failures = errors.Join(failures, fmt.Errorf("%s: %w", l.Name, err))
	}
	return all, failures
}

// historyOf asks one host until enough updates are found, or all of its history was searched.
func historyOf(ctx context.Context, client *operator.Client, q bus.HistoryRequest, bar *screen.Progress) (all bus.HistoryPage, err error) {
	wanted, first := q.Limit, true
	for {
		page, err := operator.CallHistory.Ask(ctx, client, q)
		if err != nil {
			return all, err
		}
		if first {
			all, first = page, false
		} else {
			if q.From > 0 {
				all.Updates = append(all.Updates, page.Updates...)
			} else {
				all.Updates = append(page.Updates, all.Updates...)
			}
			all.First, all.Last, all.Next, all.Prior = page.First, page.Last, page.Next, page.Prior
		}
		kept := max(float64(all.Last-min(all.First, all.Last)), 1)
		switch q.Limit = wanted - len(all.Updates); {
		case q.Limit <= 0 || all.Next == 0 && all.Prior == 0:
			return all, nil
		case all.Next > 0:
			q.From = all.Next
			bar.Show(float64(all.Next-min(all.First, all.Next))/kept, wording.Count(uint64(len(all.Updates)), "update")+" found")
		default:
			q.Before = all.Prior
			bar.Show(float64(all.Last-min(all.Prior, all.Last))/kept, wording.Count(uint64(len(all.Updates)), "update")+" found")
		}
	}
}

// followHistory prints the updates found and then new ones, from whichever host answers: a takeover does not end it.
func (f *flags) followHistory(ctx context.Context, c *cobra.Command, q bus.HistoryRequest, page bus.HistoryPage) error {
	out := c.OutOrStdout()
	failing := false
	for {
		for _, u := range page.Updates {
			if f.json {
				line, err := json.Marshal(u)
				if err != nil {
					return err
				}
				fmt.Fprintln(out, string(line))
				continue
			}
			s := &screen.Screen{}
			updateLine(s, u)
			fmt.Fprint(out, s.Out.String())
		}
		q.From, q.Before, q.Limit = max(page.Last+1, q.From), 0, operator.MaxHistory
		if n := len(page.Updates); n > 0 && page.Next == 0 && page.Updates[n-1].Position.Sequence > page.Last {
			q.From = page.Updates[n-1].Position.Sequence + 1
		}
		if page.Next > 0 {
			q.From = page.Next
		}
		select {
		case <-time.After(followPace):
		case <-ctx.Done():
			return nil // Ctrl-C is how it ends
		}
		next, err := f.readHistory(ctx, c, q, screen.NewProgress(c.ErrOrStderr(), "history"))
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			if !failing {
				fmt.Fprintln(c.ErrOrStderr(), wording.Printable(err.Error()))
			}
			failing = true
			page = bus.HistoryPage{Last: q.From - 1}
			continue
		}
		failing = false
		page = next
	}
}

func divergedCommand() *cobra.Command {
	f := &flags{}
	var limit int
	var forget bool
	c := argued("diverged [FILE]", "Show divergent updates, which only one host had",
		`A host that comes back with updates that the other one never had keeps these divergent updates in files in its data
directory, and continues with the pair's history. Without FILE the files are listed, with FILE the updates in it. Each host
has its own: --host chooses. When you have repeated the updates that still matter, --forget: the files (or FILE) are kept
under another name, and no longer counted and shown.`,
		`  hotpair history diverged --host b
  hotpair history diverged --host b 000001.aside
  hotpair history diverged --host b --forget       # whoever knows the business has looked at them
  hotpair history diverged 000001.aside --json | jq -r '.updates[].keys[]'`,
		f, cobra.MaximumNArgs(1), func(ctx context.Context, c *cobra.Command, args []string) error {
			targets, err := f.Find()
			if err != nil {
				return err
			}
			if forget {
				return f.forget(ctx, c, targets, args)
			}
			return f.diverged(ctx, c, targets, args, limit)
		})
	c.Flags().BoolVar(&forget, "forget", false, "no longer count and show them; the files are kept under another name")
	c.Flags().IntVar(&limit, "limit", operator.MaxHistory, fmt.Sprintf("how many updates of a file, 1 to %d", operator.MaxHistory))
	return c
}

func (f *flags) diverged(ctx context.Context, c *cobra.Command, targets []hosts.Target, args []string, limit int) error {
	if limit < 1 || limit > operator.MaxHistory {
		return fmt.Errorf("%w: --limit is 1 to %d", operator.ErrUsage, operator.MaxHistory)
	}
	q := bus.DivergentRequest{Limit: limit}
	if len(args) == 1 {
		q.File = args[0]
	}
	looks := hosts.LookAt(ctx, targets)
	if looks[0].Err != nil {
		return hosts.AllDown(looks)
	}
	if q.File != "" {
		looks = looks[:1] // file names differ between the hosts
	}
	pages := map[string]bus.DivergentPage{}
	s := &screen.Screen{Colour: screen.IsTerminal(c.OutOrStdout())}
	for _, l := range looks {
		if l.Err != nil {
			fmt.Fprintln(c.ErrOrStderr(), wording.Printable(l.Sentence()))
			continue
		}
		page, err := operator.CallDiverged.Ask(ctx, l.Client(), q)
		if err != nil {
			return fmt.Errorf("history diverged: %s: %w", l.Name, err)
		}
		pages[l.Name] = page
		divergedScreen(s, l.Name, page, q.File != "")
		if f.json && q.File != "" {
			return screen.JSON(c.OutOrStdout(), page)
		}
	}
	if f.json {
		return screen.JSON(c.OutOrStdout(), pages)
	}
	fmt.Fprint(c.OutOrStdout(), s.Out.String())
	return nil
}

// forget makes the chosen hosts no longer count their divergent updates.
func (f *flags) forget(ctx context.Context, c *cobra.Command, targets []hosts.Target, args []string) error {
	looks := hosts.LookAt(ctx, targets)
	if looks[0].Err != nil {
		return hosts.AllDown(looks)
	}
	var q bus.ForgetDivergent
	if len(args) == 1 {
		if len(targets) > 1 {
			return fmt.Errorf("%w: file names differ between the hosts: choose one with --host", operator.ErrUsage)
		}
		q.File = args[0]
	}
	all := map[string]bus.DivergentForgotten{}
	for _, l := range looks {
		if l.Err != nil {
			fmt.Fprintln(c.ErrOrStderr(), wording.Printable(l.Sentence()))
			continue
		}
		done, err := operator.CallForgetDiverged.Ask(ctx, l.Client(), q)
		if err != nil {
			return fmt.Errorf("history diverged --forget: %s: %w", l.Name, err)
		}
		all[l.Name] = done
	}
	return f.show(c, all, func(s *screen.Screen) {
		for _, name := range slices.Sorted(maps.Keys(all)) {
			s.Row("host "+name, wording.Or(strings.Join(all[name].Files, ", "), "nothing")+" forgotten; the files are kept in aside/ of its data directory")
		}
	})
}

func divergedScreen(s *screen.Screen, host string, page bus.DivergentPage, one bool) {
	if len(page.Files) == 0 {
		s.Line("host " + host + ": no divergent updates")
		return
	}
	for _, file := range page.Files {
		text := wording.Count(uint64(file.Records), "record")
		if file.First != "" {
			text += ", " + file.First + " to " + file.Last
		}
		s.Line("host " + host + "  " + screen.Pad(file.Name, 18) + text)
		s.Row("", wording.Or(file.Problem, file.Reason))
	}
	if !one {
		return
	}
	s.Line("")
	for _, u := range page.Updates {
		if u.Unreadable > 0 {
			s.Line(fmt.Sprintf("a damaged record of %d bytes that can't be read as an update", u.Unreadable))
			continue
		}
		s.Line(screen.Pad(u.Position.String(), 12) + screen.Pad(u.Time.UTC().Format("2006-01-02 15:04:05.000"), 25) + updateText(u.HistoryUpdate))
	}
	if page.Next > 0 {
		s.Line(fmt.Sprintf("and more from record %d on", page.Next))
	}
}

// updateLine shows one update of the history.
func updateLine(s *screen.Screen, u bus.HistoryUpdate) {
	state := "not notified"
	if u.Notified {
		state = "notified"
	}
	s.Line(screen.Pad(u.Position.String(), 12) + screen.Pad(u.Time.UTC().Format("2006-01-02 15:04:05.000"), 25) + screen.Pad(state, 14) + updateText(u))
}

// historyScreen shows a page of the update history, oldest first.
func historyScreen(s *screen.Screen, page bus.HistoryPage) {
	if len(page.Updates) == 0 {
		s.Line("no updates here" + keptSuffix(page))
		return
	}
	s.Line(screen.Pad("POSITION", 12) + screen.Pad("TIME (UTC)", 25) + screen.Pad("STATE", 14) + "UPDATE")
	for _, u := range page.Updates {
		updateLine(s, u)
	}
	first, last := page.Updates[0].Position.Sequence, page.Updates[len(page.Updates)-1].Position.Sequence
	s.Line("")
	s.Line("sequences " + wording.Grouped(first) + " to " + wording.Grouped(last) + keptSuffix(page))
}

func keptSuffix(page bus.HistoryPage) string {
	if page.Last == 0 {
		return ": the history is empty"
	}
	return "; kept are " + wording.Grouped(page.First) + " to " + wording.Grouped(page.Last)
}

func updateText(u bus.HistoryUpdate) string {
	if u.Kind == "began" {
		return "epoch " + strconv.FormatUint(u.Position.Epoch, 10) + " began on " + u.Host
	}
	text := u.Service
	if len(u.Keys) > 0 {
		text += " " + strings.Join(u.Keys, ", ")
	}
	if u.Request != "" {
		text += " (request " + u.Request + ")"
	}
	return strings.TrimSpace(text)
}
