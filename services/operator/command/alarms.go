package command

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/hosts"
	"github.com/hotpair/hotpair/services/operator/screen"
	"github.com/hotpair/hotpair/services/operator/wording"
)

func alarmsCommand() *cobra.Command {
	f := &flags{}
	c := command("alarms", "Show what is wrong now, and what to do about it",
		`Lists the raised alarms, the worst first, each with its id, the host that sees it, since when, and the remedy.
An alarm clears when its cause is gone. One marked "acknowledge" stays, over takeovers and restarts, until an operator
acknowledges it with alarms ack.

HOTPAIR_ALARM_COMMAND and HOTPAIR_ALARM_WEBHOOK of a host are notified of each alarm that it raises or clears.`,
		`  hotpair alarms
  hotpair alarms --json | jq -r '.alarms[].id'
  hotpair alarms ack updates-lost                  # seen and dealt with`,
		f, func(ctx context.Context, c *cobra.Command, _ []hosts.Target) error {
			list, err := asked(ctx, c, f, operator.CallAlarms, operator.None{})
			if err != nil {
				return err
			}
			return f.show(c, list, func(s *screen.Screen) { alarmsScreen(s, list) })
		})
	c.AddCommand(ackAlarmCommand())
	return c
}

func ackAlarmCommand() *cobra.Command {
	f := &flags{}
	return argued("ack ID", "Acknowledge an alarm",
		`Acknowledges that an operator has seen an alarm and dealt with it. The alarm clears on both hosts, and the events say who
acknowledged it. Alarms that clear automatically are refused. Any host of the pair can be asked; one must serve.`,
		`  hotpair alarms ack updates-lost`,
		f, cobra.ExactArgs(1), func(ctx context.Context, c *cobra.Command, args []string) error {
			return f.ackAlarm(ctx, c, args[0])
		})
}

func (f *flags) ackAlarm(ctx context.Context, c *cobra.Command, id string) error {
	if !bus.ValidName(id) {
		return fmt.Errorf("%w: %q is not the id of an alarm; hotpair alarms lists them", operator.ErrUsage, id)
	}
	ctx, cancel := context.WithTimeout(ctx, operator.CallAckAlarm.Within+hosts.Within)
	defer cancel()
	client, err := f.client(ctx, c)
	if err != nil {
		return err
	}
	done, err := operator.CallAckAlarm.Ask(ctx, client, operator.AckRequest{ID: id})
	if err != nil {
		return fmt.Errorf("alarms ack: %w", err)
	}
	return f.show(c, done, func(s *screen.Screen) {
		s.Headline(operator.Good, "acknowledged: "+done.Alarm.ID)
		s.Row("was", done.Alarm.Text)
	})
}

// alarmsScreen shows alarms with their remedies.
func alarmsScreen(s *screen.Screen, list operator.AlarmList) {
	switch {
	case len(list.Alarms) == 0:
		s.Headline(operator.Good, "no alarms")
	case list.Alarms[0].Severity == bus.Critical:
		s.Headline(operator.Bad, wording.Count(uint64(len(list.Alarms)), "alarm"))
	default:
		s.Headline(operator.Warning, wording.Count(uint64(len(list.Alarms)), "alarm"))
	}
	for _, a := range list.Alarms {
		s.Line("")
		title := a.ID + ", " + a.Severity + ", on " + a.Host + " since " + wording.Time(a.Since)
		if a.Acknowledge {
			title += ", acknowledge"
		}
		s.Line(title)
		s.Row("", a.Text)
		s.Row("do", a.Remedy)
	}
	for _, k := range list.Hooks {
		if k.Failed+k.Dropped+uint64(k.Waiting) == 0 {
			continue
		}
		s.Line("")
		text := fmt.Sprintf("%s of %s: %d notified, %d waiting, %d failed, %d dropped", k.Name, list.Host, k.Told, k.Waiting, k.Failed, k.Dropped)
		if k.Problem != "" {
			text += "; last: " + k.Problem
		}
		s.Row("hook", text)
	}
}
