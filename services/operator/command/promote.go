package command

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/hosts"
	"github.com/hotpair/hotpair/services/operator/screen"
	"github.com/hotpair/hotpair/services/operator/wording"
)

func promoteCommand() *cobra.Command {
	f := &flags{}
	var force bool
	var accept string
	c := argued("promote", "Make a host serve by force, accepting a loss of updates",
		`For the day on which the host that served last will not come back: makes the asked host serve although it may lack
acknowledged updates. The command shows how many are known to be missing and which terminals still see the other host
serve, and does nothing until that number is typed, or given with --accept-loss. The number is a lower bound: updates that
the other host acknowledged after it was last heard are not known here. If the other host comes back, it becomes standby;
updates that only it has are kept as divergent in files, and an alarm says so. A host with an incomplete snapshot can't be promoted.

The asked host is the one that will serve, so name it: --host, or --http.`,
		`  hotpair promote --force --host b                 # says what is lost, and asks
  hotpair promote --force --host b --accept-loss 41
  hotpair explain --host b                         # first: why does it not serve?`,
		f, noArguments, func(ctx context.Context, c *cobra.Command, _ []string) error {
			if !force {
				return fmt.Errorf("%w: hotpair promote takes --force: it may lose acknowledged updates; without a loss there is hotpair switchover", operator.ErrUsage)
			}
			return f.promote(ctx, c, accept)
		})
	c.Flags().BoolVar(&force, "force", false, "yes, updates may be lost")
	c.Flags().StringVar(&accept, "accept-loss", "", "the number of updates that may be lost, or unknown; the command asks if not given")
	return c
}

func (f *flags) promote(ctx context.Context, c *cobra.Command, accept string) error {
	targets, err := f.Find()
	if err != nil {
		return err
	}
	if len(targets) != 1 {
		return fmt.Errorf("%w: choose with --host the host that is to serve", operator.ErrUsage)
	}
	looks := hosts.LookAt(ctx, targets)
	if looks[0].Err != nil {
		return hosts.AllDown(looks)
	}
	client := looks[0].Client()
	plan, err := operator.CallPromotePlan.Ask(ctx, client, operator.None{})
	if err != nil {
		return fmt.Errorf("promote: %w", err)
	}
	if !f.json || accept == "" {
		s := &screen.Screen{Colour: screen.IsTerminal(c.ErrOrStderr())}
		planScreen(s, plan)
		fmt.Fprint(c.ErrOrStderr(), s.Out.String())
	}
	if plan.Refused != "" {
		return fmt.Errorf("promote refused, nothing was done: %s", wording.Printable(plan.Refused))
	}
	if accept == "" {
		if err := screen.Confirm(ctx, c.InOrStdin(), c.ErrOrStderr(), plan.AcceptLoss); err != nil {
			return fmt.Errorf("promote: %w", err)
		}
		accept = plan.AcceptLoss
	}
	ctx, cancel := context.WithTimeout(ctx, operator.CallPromote.Within+hosts.Within)
	defer cancel()
	done, err := operator.CallPromote.Ask(ctx, client, operator.PromoteRequest{AcceptLoss: accept})
	switch {
	case errors.Is(err, operator.ErrRefused):
		return fmt.Errorf("promote refused, nothing was done: %w", err)
	case err != nil:
		return fmt.Errorf("promote: %w", err)
	}
	return f.show(c, done, func(s *screen.Screen) {
		s.Headline(operator.Warning, fmt.Sprintf("%s serves, epoch %d, after %s; see hotpair status for the audit of acknowledged updates", done.Active, done.Epoch, wording.Milliseconds(done.Took)))
	})
}

func planScreen(s *screen.Screen, p operator.PromotePlan) {
	switch {
	case p.Refused != "":
		s.Headline(operator.Bad, p.Host+" can't be promoted: "+p.Refused)
	case p.Needless:
		s.Headline(operator.Good, p.Host+" holds every acknowledged update: nothing is lost")
	case p.AcceptLoss == operator.UnknownLoss:
		s.Headline(operator.Bad, "It is not known how many acknowledged updates are lost if "+p.Host+" serves")
	default:
		s.Headline(operator.Bad, fmt.Sprintf("At least %s acknowledged update(s) are lost if %s serves", p.AcceptLoss, p.Host))
	}
	s.Row("own", p.Host+" has updates up to "+p.Own)
	other := wording.Or(p.Active, "nobody") + " is active by the pair record; "
	switch {
	case p.Needless:
	case p.Other == "":
		other += "this host has heard nothing about its updates since its main started"
	default:
		other += "it had acknowledged up to " + p.Other + " when it was last heard"
	}
	if !p.Heard.IsZero() {
		other += " (" + wording.Time(p.Heard) + " UTC)"
	}
	s.Row("other", strings.TrimSuffix(other, "; "))
	if len(p.Fresh) > 0 {
		s.Row("terminals", fmt.Sprintf("%d of %d still see the other host serve: %s", len(p.Fresh), p.Asked, strings.Join(p.Fresh, ", ")))
	} else {
		s.Row("terminals", fmt.Sprintf("none of %d sees the other host serve", p.Asked))
	}
	if p.Note != "" {
		s.Row("note", p.Note)
	}
}

func admitCommand() *cobra.Command {
	f := &flags{}
	return argued("admit HOST|witness", "Admit a replaced host or witness",
		`A replaced host (new data directory, so a new identity) joins automatically while the other one serves. Only when nobody
serves, because the pair record still requires the old identity, the host with the data must be told that the old one will
never come back: hotpair admit NAME, asked of that host. It serves then, and the new host receives a snapshot.

A replaced witness has an empty register. The pair keeps serving, but the record can't change, so the next failure would stop
the service: hotpair admit witness moves the record to the witness that answers now. Both hosts must see the same one.`,
		`  hotpair admit a                                  # a's machine burnt down while both were off
  hotpair admit witness                            # after its disk was replaced`,
		f, func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("give one name: that of a host, or witness")
			}
			return nil
		}, func(ctx context.Context, c *cobra.Command, args []string) error {
			done, err := asked(ctx, c, f, operator.CallAdmit, operator.AdmitRequest{Who: args[0]})
			switch {
			case err != nil:
				return err
			}
			return f.show(c, done, func(s *screen.Screen) {
				if args[0] == operator.AdmitWitness {
					s.Headline(operator.Good, fmt.Sprintf("witness %s has the pair record now, version %d", done.WitnessID, done.RecordVersion))
				} else {
					s.Headline(operator.Good, fmt.Sprintf("%s serves, epoch %d; %s joins as soon as it has a snapshot", done.Active, done.Epoch, args[0]))
				}
			})
		})
}
