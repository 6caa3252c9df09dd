package command

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/screen"
	"github.com/hotpair/hotpair/services/operator/wording"
)

// errNoTakeover ends hotpair doctor when a takeover could not succeed.
var errNoTakeover = errors.New("doctor: a takeover could not succeed now")

func doctorCommand() *cobra.Command {
	f := &flags{}
	return argued("doctor", "Find out whether a takeover could succeed right now",
		`Examines both hosts, from either: makes a durable write on both disks and measures it, checks disk space, permissions and
open-file limits, reads the witness, compares clocks and versions, counts the terminals that each host is connected to, and
predicts with the standby's role machine what it would do. Every finding that is not good comes with a remedy.

Exit code: 0 a takeover could succeed, 1 it could not (or no host answered), 2 wrong usage.`,
		`  hotpair doctor
  hotpair doctor || mail -s "the pair needs help" ops@example.org
  hotpair doctor --json | jq '.findings[] | select(.level != "good")'`,
		f, noArguments, func(ctx context.Context, c *cobra.Command, _ []string) error {
			d, err := asked(ctx, c, f, operator.CallDoctor, operator.None{})
			if err != nil {
				return err
			}
			err = f.show(c, d, func(s *screen.Screen) { doctorScreen(s, d) })
			if err == nil && !d.Takeover {
				err = errNoTakeover
			}
			return err
		})
}

func doctorScreen(s *screen.Screen, d operator.Diagnosis) {
	s.Headline(operator.LevelOf(d.Level), d.Verdict)
	if d.Level != operator.Good.String() {
		s.Line(d.Summary)
	}
	s.Line("")
	for _, f := range d.Findings {
		mark := map[string]string{operator.Good.String(): "ok", operator.Warning.String(): "WARNING"}[f.Level]
		s.Line("  " + screen.Pad(f.Host, 5) + screen.Pad(f.Check, 18) + screen.Pad(wording.Or(mark, "BAD"), 9) + f.Value)
		if f.Remedy != "" && f.Level != operator.Good.String() {
			for _, line := range wording.Wrap("→ "+f.Remedy, screen.Width-34) {
				s.Line(screen.Pad("", 34) + line)
			}
		}
	}
}
