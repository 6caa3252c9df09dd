package command

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/wording"
)

func alarmsCommand() *cobra.Command {
	f := &flags{}
	c := command("alarms", "Show what is wrong now, and what to do about it",
		`Lists the alarms that are raised, the worst first, each with its id, the host that sees it, since when, and the remedy.
An alarm ends by itself when its cause is gone. One that says "acknowledge" stays, over takeovers and restarts, until
an operator has said with alarms ack that it was seen.

HOTPAIR_ALARM_COMMAND and HOTPAIR_ALARM_WEBHOOK of a host are told of each alarm that it raises or clears.`,
		`  hotpair alarms
  hotpair alarms --json | jq -r '.alarms[].id'
  hotpair alarms ack updates-lost                  # seen, and dealt with`,
		f, func(ctx context.Context, c *cobra.Command, targets []target) error {
			return f.alarms(ctx, c, targets)
		})
	c.AddCommand(ackAlarmCommand())
	return c
}

func (f *flags) alarms(ctx context.Context, c *cobra.Command, _ []target) error {
	ctx, cancel := context.WithTimeout(ctx, operator.CallAlarms.Within)
	defer cancel()
	client, _, err := f.client(ctx, c)
	if err != nil {
		return err
	}
	list, err := operator.CallAlarms.Ask(ctx, client, operator.None{})
	if err != nil {
		return fmt.Errorf("alarms: %w", err)
	}
	if f.json {
		return printJSON(c, list)
	}
	s := &screen{colour: isTerminal(c.OutOrStdout())}
	alarmsScreen(s, list)
	fmt.Fprint(c.OutOrStdout(), s.out.String())
	return nil
}

func ackAlarmCommand() *cobra.Command {
	f := &flags{}
	return argued("ack ID", "Acknowledge an alarm that only an operator ends",
		`Says that an operator has seen an alarm and dealt with it. It ends on both hosts; who acknowledged it stands in the
events. Alarms that end by themselves are refused. Any host of the pair can be asked; somebody must serve.`,
		`  hotpair alarms ack updates-lost`,
		f, cobra.ExactArgs(1), func(ctx context.Context, c *cobra.Command, args []string) error {
			return f.ackAlarm(ctx, c, args[0])
		})
}

func (f *flags) ackAlarm(ctx context.Context, c *cobra.Command, id string) error {
	if !bus.ValidName(id) {
		return fmt.Errorf("%w: %q is no alarm's id; hotpair alarms lists them", operator.ErrUsage, id)
	}
	ctx, cancel := context.WithTimeout(ctx, operator.CallAckAlarm.Within+lookWithin)
	defer cancel()
	client, _, err := f.client(ctx, c)
	if err != nil {
		return err
	}
	done, err := operator.CallAckAlarm.Ask(ctx, client, operator.AckRequest{ID: id})
	if err != nil {
		return fmt.Errorf("alarms ack: %w", err)
	}
	if f.json {
		return printJSON(c, done)
	}
	s := &screen{colour: isTerminal(c.OutOrStdout())}
	s.headline(operator.Good, "acknowledged: "+done.Alarm.ID)
	s.row("was", done.Alarm.Text)
	fmt.Fprint(c.OutOrStdout(), s.out.String())
	return nil
}

// alarmsScreen shows alarms with their remedies.
func alarmsScreen(s *screen, list operator.AlarmList) {
	switch {
	case len(list.Alarms) == 0:
		s.headline(operator.Good, "no alarms")
	case list.Alarms[0].Severity == bus.Critical:
		s.headline(operator.Bad, wording.Count(uint64(len(list.Alarms)), "alarm"))
	default:
		s.headline(operator.Warning, wording.Count(uint64(len(list.Alarms)), "alarm"))
	}
	for _, a := range list.Alarms {
		s.line("")
		title := a.ID + ", " + a.Severity + ", on " + a.Host + " since " + wording.Time(a.Since)
		if a.Acknowledge {
			title += ", acknowledge"
		}
		s.line(title)
		s.row("", a.Text)
		s.row("do", a.Remedy)
	}
	for _, k := range list.Hooks {
		if k.Failed+k.Dropped+uint64(k.Waiting) == 0 {
			continue
		}
		s.line("")
		text := fmt.Sprintf("%s of %s: %d told, %d waiting, %d failed, %d dropped", k.Name, list.Host, k.Told, k.Waiting, k.Failed, k.Dropped)
		if k.Problem != "" {
			text += "; last: " + k.Problem
		}
		s.row("hook", text)
	}
}
