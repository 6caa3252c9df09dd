package command

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/hosts"
	"github.com/hotpair/hotpair/services/operator/screen"
	"github.com/hotpair/hotpair/services/operator/wording"
)

// followPace is how often a command asks for the progress of work on a host.
const followPace = 200 * time.Millisecond

func verifyCommand() *cobra.Command {
	f := &flags{}
	var repair, last, stop bool
	c := command("verify", "Compare both hosts' databases while they are in service",
		`Compares everything that both hosts hold, section by section, each at one position of the history: data of all services,
recorded answers, epochs and the history itself. The pair keeps accepting updates. Keys that differ are named, with the
difference (missing or extra on the standby, or different) and the host on which the value is damaged.

With --repair the standby's keys are made equal to those of the active, never the reverse. A key whose value is damaged
on the active itself is left alone: switch over to the other host first, then repair.

Exit code 1 if something differs (and was not repaired) or could not be compared. Ctrl-C ends the comparison.`,
		`  hotpair verify                                   # both databases, now
  hotpair verify --repair && hotpair verify        # repair the standby, look again
  hotpair verify --last                            # what came of the last one, without comparing
  hotpair verify --json | jq '.named[] | "\(.space) \(.key)"'`,
		f, func(ctx context.Context, c *cobra.Command, targets []hosts.Target) error {
			client, err := f.client(ctx, c)
			if err != nil {
				return err
			}
			var s bus.VerifyState
			switch {
			case stop && (last || repair) || last && repair:
				return fmt.Errorf("%w: give one of --repair, --last and --stop", operator.ErrUsage)
			case stop:
				s, err = operator.CallStopVerify.Ask(ctx, client, operator.None{})
			case last:
				s, err = operator.CallVerifyState.Ask(ctx, client, operator.None{})
			default:
				s, err = followVerify(ctx, client, operator.VerifyRequest{Repair: repair}, screen.NewProgress(c.ErrOrStderr(), "verify"))
			}
			if err != nil {
				return fmt.Errorf("verify: %w", err)
			}
			if err := f.show(c, s, func(drawn *screen.Screen) { verifyScreen(drawn, s) }); err != nil {
				return err
			}
			switch {
			case stop || s.Clean() || last && (s.ID == "" || s.Running):
				return nil
			case s.Unfinished != "":
				return fmt.Errorf("verify: %w: %s", operator.ErrUnfinished, s.Unfinished)
			}
			return fmt.Errorf("verify: %w in %s", operator.ErrDiffers, wording.Count(uint64(s.Different-s.Repaired), "key"))
		})
	c.Flags().BoolVar(&repair, "repair", false, "make the standby's keys equal to those of the active")
	c.Flags().BoolVar(&last, "last", false, "show the running comparison, or the last one")
	c.Flags().BoolVar(&stop, "stop", false, "end the running comparison")
	return c
}

// followVerify begins a comparison, shows its progress, and ends it when the command is interrupted.
func followVerify(ctx context.Context, client *operator.Client, q operator.VerifyRequest, bar *screen.Progress) (bus.VerifyState, error) {
	defer bar.End()
	begun, err := operator.CallVerify.Ask(ctx, client, q)
	if err != nil {
		return begun, err
	}
	for failures := 0; ; {
		select {
		case <-time.After(followPace):
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), hosts.Within)
			defer cancel()
			s, err := operator.CallStopVerify.Ask(last, client, operator.None{})
			return s, errors.Join(operator.ErrUnfinished, err)
		}
		s, err := operator.CallVerifyState.Ask(ctx, client, operator.None{})
		switch {
		case ctx.Err() != nil:
			continue
		case err != nil:
			if failures++; failures > 10 {
				return s, fmt.Errorf("it is not known whether the comparison continues, see hotpair verify --last: %w", err)
			}
			continue
		case s.ID != begun.ID:
			return s, fmt.Errorf("%w: the comparison ended with the term of the host that led it", operator.ErrUnfinished)
		case !s.Running:
			return s, nil
		}
		failures = 0
		words := s.Bucket + ", " + wording.Count(uint64(s.Keys), "key")
		if s.Different > 0 {
			words += ", " + operator.Differing(s)
		}
		bar.Show(s.Done, words)
	}
}

func verifyScreen(s *screen.Screen, v bus.VerifyState) {
	level := operator.Good
	if v.ID != "" && !v.Running && !v.Clean() {
		level = operator.Bad
	}
	s.Headline(level, operator.VerifySentence(v))
	if v.ID == "" {
		return
	}
	s.Line("")
	ended := time.Now()
	if !v.Running {
		ended = v.Ended
	}
	s.Row("begun", wording.Time(v.Began)+" by "+v.By+", took "+wording.Ago(ended.Sub(v.Began)))
	s.Row("read", fmt.Sprintf("%s in %s on each host, last at %s; %d read again", wording.Bytes(v.Bytes), wording.Count(uint64(v.Sections), "section"), v.Position, v.Retries))
	if len(v.Named) == 0 {
		return
	}
	s.Line("")
	s.Line(screen.Pad("SPACE", 16) + screen.Pad("ON "+v.Peer, 12) + screen.Pad("DAMAGED ON", 12) + screen.Pad("REPAIRED", 10) + "KEY")
	for _, d := range v.Named {
		repaired := "no"
		if d.Repaired {
			repaired = "yes"
		}
		s.Line(screen.Pad(d.Space, 16) + screen.Pad(d.Kind, 12) + screen.Pad(wording.Or(d.Damaged, "-"), 12) + screen.Pad(repaired, 10) + d.Key)
	}
	if rest := v.Different - len(v.Named); rest > 0 {
		s.Line(fmt.Sprintf("and %d more", rest))
	}
}
