package command

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/hosts"
	"github.com/hotpair/hotpair/services/operator/screen"
	"github.com/hotpair/hotpair/services/operator/wording"
)

func switchoverCommand() *cobra.Command {
	f := &flags{}
	var at string
	var cancel bool
	c := command("switchover", "Make the other host active, without losing a request",
		`Drains the active, hands over to the standby and prints the steps (B3 to B9) as they happen, each with the time since
the first. Requests of terminals wait meanwhile, none fails. Unless the standby is in sync and fit the switchover is
refused with the reason, and nothing was done. The command waits up to 10 seconds for a host that is about to serve.
Any host of the pair can be asked. With --at the active switches over at that time; if the standby is not in sync then,
an event says that it did not happen.`,
		`  hotpair switchover                               # before maintenance of the host that serves
  hotpair switchover && hotpair status
  hotpair switchover --at 03:00                    # the next 3 o'clock here; also +10m, or RFC 3339
  hotpair switchover --cancel
  hotpair switchover --json | jq .took_ns`,
		f, func(ctx context.Context, c *cobra.Command, targets []hosts.Target) error {
			switch {
			case cancel && at != "":
				return fmt.Errorf("%w: --at and --cancel exclude each other", operator.ErrUsage)
			case cancel || at != "":
				return f.plan(ctx, c, at, cancel)
			}
			return f.switchover(ctx, c, targets)
		})
	c.Flags().StringVar(&at, "at", "", "switch over at this time: 03:00, +10m or 2026-03-04T03:00:00Z")
	c.Flags().BoolVar(&cancel, "cancel", false, "cancel the scheduled switchover")
	return c
}

func (f *flags) switchover(ctx context.Context, c *cobra.Command, targets []hosts.Target) error {
	looks, err := hosts.LookAround(ctx, c, targets)
	if err != nil {
		return err
	}
	// One host is asked, once: a second attempt at the other host could switch back.
	ctx, cancel := context.WithTimeout(ctx, operator.CallSwitchover.Within+hosts.Within)
	defer cancel()
	shown := screen.NewSteps(c.OutOrStdout())
	stop := func() {}
	if !f.json {
		stop = follow(ctx, shown, looks)
	}
	done, err := operator.CallSwitchover.Ask(ctx, looks[0].Client(), operator.None{})
	stop()
	var problem *operator.Problem
	if errors.As(err, &problem) && problem.Result != nil {
		done = *problem.Result
	}
	s := &screen.Screen{Colour: screen.IsTerminal(c.OutOrStdout())}
	switch {
	case f.json && err == nil:
		return screen.JSON(c.OutOrStdout(), done)
	case f.json && problem != nil:
		return errors.Join(screen.JSON(c.OutOrStdout(), problem), fmt.Errorf("switchover: %w", err))
	}
	done.Steps = shown.Left(done.Steps)
	switchoverScreen(s, done, err)
	fmt.Fprint(c.OutOrStdout(), s.Out.String())
	switch {
	case errors.Is(err, operator.ErrRefused):
		return fmt.Errorf("switchover refused, nothing was done: %w", err)
	case problem == nil && err != nil && !errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("switchover: it is not known whether it happened, see hotpair status: %w", err)
	case err != nil:
		return fmt.Errorf("switchover: %w", err)
	}
	return nil
}

// whenText parses a time: RFC 3339, a local time of day (the next one), or a duration from now.
func whenText(text string, now time.Time) (time.Time, error) {
	if rest, relative := strings.CutPrefix(text, "+"); relative {
		if d, err := time.ParseDuration(rest); err == nil && d > 0 {
			return now.Add(d), nil
		}
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	for _, layout := range []string{"15:04", "15:04:05"} {
		if clock, err := time.Parse(layout, text); err == nil {
			at := time.Date(now.Year(), now.Month(), now.Day(), clock.Hour(), clock.Minute(), clock.Second(), 0, now.Location())
			if !at.After(now) {
				at = at.AddDate(0, 0, 1)
			}
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%w: --at %q is not a time like 03:00, +10m or 2026-03-04T03:00:00Z", operator.ErrUsage, text)
}

// plan schedules or cancels.
func (f *flags) plan(ctx context.Context, c *cobra.Command, at string, cancel bool) error {
	var when time.Time
	var err error
	if !cancel {
		if when, err = whenText(at, time.Now()); err != nil {
			return err
		}
	}
	var done operator.Scheduled
	if cancel {
		done, err = asked(ctx, c, f, operator.CallCancelSchedule, operator.None{})
	} else {
		done, err = asked(ctx, c, f, operator.CallSchedule, operator.ScheduleRequest{At: when})
	}
	switch {
	case err != nil:
		return err
	}
	return f.show(c, done, func(s *screen.Screen) {
		if cancel {
			s.Headline(operator.Good, "cancelled: "+done.Host+" stays active at "+wording.Time(done.At)+" UTC")
		} else {
			s.Headline(operator.Good, done.Sentence(time.Now()))
			s.Line("hotpair switchover --cancel drops it. If main of " + done.Host + " ends before, the switchover is lost and an event says so.")
		}
	})
}

// switchoverScreen shows the steps of a switchover, with the time since the first.
func switchoverScreen(s *screen.Screen, done operator.Switchover, failure error) {
	for _, e := range done.Steps {
		s.Line(screen.StepRow(e))
	}
	if failure == nil {
		s.Headline(operator.Good, fmt.Sprintf("%s serves, epoch %d: switched over from %s in %s", done.Active, done.Epoch, wording.Or(done.From, "nobody"), wording.Milliseconds(done.Took)))
	}
}
