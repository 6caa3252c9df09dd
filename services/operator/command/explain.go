package command

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/wording"
)

func explainCommand() *cobra.Command {
	f := &flags{}
	return argued("explain", "Explain why the pair is so, and what the next failure would do",
		`Says why the pair is in its state, and what would happen if the active host, the standby, the link, the witness or the
power of both were lost now. Nothing of this is a rule of thumb: each host's role machine is copied and lives through the
loss, so it says what would be done, and when. What orders take on this machine (a few milliseconds, see the times in
hotpair events) comes on top. Then, for each host, what must be so before it may serve next; and the worst cases that the
settings imply.`,
		`  hotpair explain
  hotpair explain --host b                         # as the other host sees it
  hotpair explain --json | jq -r '.next[] | select(.level == "bad") | .verdict'`,
		f, noArguments, func(ctx context.Context, c *cobra.Command, _ []string) error {
			e, err := asked(ctx, c, f, operator.CallExplain, operator.None{})
			if err != nil {
				return err
			}
			if f.json {
				return printJSON(c, e)
			}
			s := &screen{colour: isTerminal(c.OutOrStdout())}
			explainScreen(s, e)
			_, err = fmt.Fprint(c.OutOrStdout(), s.out.String())
			return err
		})
}

func explainScreen(s *screen, e operator.Explanation) {
	s.headline(operator.LevelOf(e.Level), e.Summary)
	for _, why := range e.Why {
		for i, line := range wording.Wrap(why, width-4) {
			s.line(map[bool]string{true: "  - ", false: "    "}[i == 0] + line)
		}
	}
	s.line("")
	s.line("What would happen now:")
	for _, f := range e.Next {
		s.row(f.Loss, f.Verdict)
	}
	if e.NotAsked != "" {
		s.row("", "("+e.NotAsked+")")
	}
	for _, host := range e.Hosts {
		s.line("")
		s.line(fmt.Sprintf("Before %s (%s, %s) may take the next epoch:", host.Host, host.Role, host.Mode))
		for _, c := range host.Conditions {
			mark := "ok"
			if !c.Met {
				mark = "NOT MET"
			}
			since := ""
			if !c.Since.IsZero() && !e.Time.IsZero() {
				since = " for " + wording.Ago(e.Time.Sub(c.Since))
			}
			s.line("  " + pad(c.Name, 25) + pad(mark, 9) + c.Value + since)
			if !c.Met {
				s.row("", "needed: "+c.Needed+"; "+c.Verdict)
			}
		}
	}
	s.line("")
	s.line("What the settings imply, at worst:")
	for _, t := range e.Times {
		s.line("  " + pad(t.Name, 38) + pad(wording.After(t.MS), 9) + t.Rule)
	}
}
