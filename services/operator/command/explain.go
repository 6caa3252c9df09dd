package command

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/screen"
	"github.com/hotpair/hotpair/services/operator/wording"
)

func explainCommand() *cobra.Command {
	f := &flags{}
	return argued("explain", "Explain why the pair is in its state, and what the next failure would do",
		`Says why the pair is in its state, and what would happen if the active host, the standby, the link, the witness or the
power of both were lost now. The predictions are exact: a copy of each host's role machine is run through the loss, and
shows what the host would do, and when. Executing its orders takes a few milliseconds more (see the times in hotpair
events). Then come, for each host, the conditions before it may serve next, and the worst cases that the settings
imply.`,
		`  hotpair explain
  hotpair explain --host b                         # as the other host sees it
  hotpair explain --json | jq -r '.next[] | select(.level == "bad") | .verdict'`,
		f, noArguments, func(ctx context.Context, c *cobra.Command, _ []string) error {
			e, err := asked(ctx, c, f, operator.CallExplain, operator.None{})
			if err != nil {
				return err
			}
			return f.show(c, e, func(s *screen.Screen) { explainScreen(s, e) })
		})
}

func explainScreen(s *screen.Screen, e operator.Explanation) {
	s.Headline(operator.LevelOf(e.Level), e.Summary)
	for _, why := range e.Why {
		for i, line := range wording.Wrap(why, screen.Width-4) {
			s.Line(map[bool]string{true: "  - ", false: "    "}[i == 0] + line)
		}
	}
	s.Line("")
	s.Line("What would happen now:")
	for _, f := range e.Next {
		s.Row(f.Loss, f.Verdict)
	}
	if e.NotAsked != "" {
		s.Row("", "("+e.NotAsked+")")
	}
	for _, host := range e.Hosts {
		s.Line("")
		s.Line(fmt.Sprintf("Before %s (%s, %s) may take the next epoch:", host.Host, host.Role, host.Mode))
		for _, c := range host.Conditions {
			mark := "ok"
			if !c.Met {
				mark = "NOT MET"
			}
			since := ""
			if !c.Since.IsZero() && !e.Time.IsZero() {
				since = " for " + wording.Ago(e.Time.Sub(c.Since))
			}
			s.Line("  " + screen.Pad(c.Name, 25) + screen.Pad(mark, 9) + c.Value + since)
			if !c.Met {
				s.Row("", "needed: "+c.Needed+"; "+c.Verdict)
			}
		}
	}
	s.Line("")
	s.Line("What the settings imply, at worst:")
	for _, t := range e.Times {
		s.Line("  " + screen.Pad(t.Name, 38) + screen.Pad(wording.After(t.MS), 9) + t.Rule)
	}
}
