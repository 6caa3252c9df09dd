package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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

// eventsScreen shows events, oldest first, with a heading above the first ones.
func eventsScreen(s *screen.Screen, events []operator.Event, first bool) {
	if first {
		s.Line(screen.Pad("TIME (UTC)", 25) + screen.Pad("HOST", 7) + screen.Pad("EPOCH", 7) + screen.Pad("STEP", 6) + "EVENT")
	}
	for _, e := range events {
		epoch := ""
		if e.Epoch > 0 {
			epoch = strconv.FormatUint(e.Epoch, 10)
		}
		text := e.Text
		if e.Took > 0 {
			text += " (" + wording.Milliseconds(e.Took) + ")"
		}
		switch {
		case e.ID == 0:
			text += " [only on " + e.Host + " yet]"
		case e.Late:
			text += " [late]"
		}
		label := screen.Pad(e.Time.UTC().Format("2006-01-02 15:04:05.000"), 25) + screen.Pad(e.Host, 7) + screen.Pad(epoch, 7) + screen.Pad(e.Step, 6)
		for _, line := range wording.Wrap(wording.Printable(text), screen.Width-45) {
			s.Line(label + line)
			label = strings.Repeat(" ", 45)
		}
	}
}

// followAgain is the pause before the hosts are asked again when none answered, or the one that did has no log.
const followAgain = time.Second

// eventsFlags are the flags of hotpair events.
type eventsFlags struct {
	flags
	follow bool
	since  string
	limit  int
	kind   string
}

func eventsCommand() *cobra.Command {
	f := &eventsFlags{}
	c := command("events", "Show what happened, the same on both hosts",
		`Shows the event log of the pair, oldest first: role changes with their steps (B1 to B9) and times, restarts, solo and
paired, calls of operators and their origin, audits, alarms. It is kept in the replicated database, so it survives
takeovers and restarts. Events of a host that was cut off arrive later and are marked late, with that host's time.

Kinds: `+strings.Join(bus.EventKinds(), ", ")+`.`,
		`  hotpair events                                   # the last 50
  hotpair events --since 1h                        # what woke me up?
  hotpair events --since 2026-03-01T02:00:00Z --kind alarm
  hotpair events --follow                          # as they come, over takeovers too
  hotpair events --json | jq -r '.events[] | select(.step) | [.step, .text] | @tsv'`,
		&f.flags, func(ctx context.Context, c *cobra.Command, targets []hosts.Target) error {
			return f.run(ctx, c, targets)
		})
	c.Flags().BoolVar(&f.follow, "follow", false, "keep showing new events, until Ctrl-C; with --json one event a line")
	c.Flags().StringVar(&f.since, "since", "", "only what happened after a time (2026-03-01T02:00:00Z) or within a duration (90m)")
	c.Flags().IntVar(&f.limit, "limit", 0, fmt.Sprintf("at most this many events; %d, or all with --since", operator.DefaultEvents))
	c.Flags().StringVar(&f.kind, "kind", "", "only events of this kind")
	return c
}

func (f *eventsFlags) run(ctx context.Context, c *cobra.Command, targets []hosts.Target) error {
	since, err := operator.ParseSince(f.since, time.Now())
	if err := errors.Join(err, operator.CheckKind(f.kind)); err != nil {
		return err
	}
	if f.limit < 0 {
		return fmt.Errorf("%w: --limit is 1 or more", operator.ErrUsage)
	}
	limit := f.limit
	if limit == 0 && since.IsZero() {
		limit = operator.DefaultEvents
	}
	q := operator.EventsQuery{Kind: f.kind}
	if !since.IsZero() {
		q.Since = since.UTC().Format(time.RFC3339Nano) // all pages mean the same time
	}
	walk := &eventsWalk{flags: f, command: c, targets: targets, limit: limit}
	page, err := walk.first(ctx, q)
	if err != nil {
		return err
	}
	switch {
	case !f.follow && f.json:
		return screen.JSON(c.OutOrStdout(), page)
	case !f.follow && len(page.Events) == 0:
		fmt.Fprintln(c.OutOrStdout(), "no events")
		return nil
	}
	if err := walk.show(page.Events); err != nil || !f.follow {
		return err
	}
	return walk.follow(ctx, page)
}

// eventsWalk reads the log from whichever host answers: both have the same.
type eventsWalk struct {
	flags   *eventsFlags
	command *cobra.Command
	targets []hosts.Target
	limit   int // 0: all
	client  *operator.Client
	shown   bool
	known   map[eventName]bool // events shown that no log has yet
	noted   string
}

// eventName identifies an event before the log has given it a number.
type eventName struct {
	host                string
	incarnation, number uint64
}

// look finds the best host that answers.
func (w *eventsWalk) look(ctx context.Context) error {
	looks, err := hosts.LookAround(ctx, w.command, w.targets)
	if err != nil {
		return err
	}
	w.client = looks[0].Client()
	return nil
}

// page reads one page.
func (w *eventsWalk) page(ctx context.Context, q operator.EventsQuery, wait time.Duration) (bus.EventsPage, error) {
	ctx, cancel := context.WithTimeout(ctx, operator.CallHistory.Within+wait)
	defer cancel()
	if wait > 0 {
		q.Wait = wait.String()
	}
	page, err := operator.CallEvents.Ask(ctx, w.client, q)
	if page.Note != w.noted && err == nil {
		w.noted = page.Note
		if page.Note != "" {
			fmt.Fprintln(w.command.ErrOrStderr(), wording.Printable(page.Note))
		}
	}
	return page, err
}

// first reads the existing events, at most limit, over all pages.
func (w *eventsWalk) first(ctx context.Context, q operator.EventsQuery) (bus.EventsPage, error) {
	if err := w.look(ctx); err != nil {
		return bus.EventsPage{}, err
	}
	rest := w.limit
	var all bus.EventsPage
	for {
		q.Limit = bus.MaxEvents
		if rest > 0 {
			q.Limit = min(q.Limit, rest)
		}
		page, err := w.page(ctx, q, 0)
		if err != nil {
			return all, fmt.Errorf("events: %w", err)
		}
		page.Events, all.Events = append(all.Events, page.Events...), nil
		all = page
		if q.Since == "" || page.Note != "" || page.Next > page.Last || w.limit > 0 && len(all.Events) >= w.limit {
			return all, nil
		}
		rest, q.From = w.limit-len(all.Events), page.Next
	}
}

// follow shows new events until ctx ends, which is no error.
func (w *eventsWalk) follow(ctx context.Context, page bus.EventsPage) error {
	from := page.Next
	for ctx.Err() == nil {
		page, err := w.page(ctx, operator.EventsQuery{From: from, Limit: bus.MaxEvents, Kind: w.flags.kind}, operator.WaitMost)
		if err == nil {
			if err := w.show(page.Events); err != nil {
				return err
			}
			from = max(page.Next, 1)
			if page.Note == "" {
				continue
			}
		}
		select {
		case <-time.After(followAgain):
		case <-ctx.Done():
			return nil
		}
		if err := w.look(ctx); err != nil && ctx.Err() == nil {
			fmt.Fprintln(w.command.ErrOrStderr(), wording.Printable(err.Error()))
		}
	}
	return nil
}

// show prints events; one that was shown before the log had it is not shown again.
func (w *eventsWalk) show(events []operator.Event) error {
	s := &screen.Screen{Colour: screen.IsTerminal(w.command.OutOrStdout())}
	for _, e := range events {
		name := eventName{e.Host, e.Incarnation, e.Number}
		if w.known[name] {
			if e.ID > 0 {
				delete(w.known, name)
			}
			continue
		}
		if e.ID == 0 {
			if w.known == nil {
				w.known = map[eventName]bool{}
			}
			w.known[name] = true
		}
		if w.flags.json {
			text, err := json.Marshal(e)
			if err != nil {
				return fmt.Errorf("print: %w", err)
			}
			s.Out.Write(append(text, '\n'))
			continue
		}
		eventsScreen(s, []operator.Event{e}, !w.shown)
		w.shown = true
	}
	_, err := fmt.Fprint(w.command.OutOrStdout(), s.Out.String())
	return err
}
