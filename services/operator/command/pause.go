package command

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/screen"
)

func pauseCommand() *cobra.Command {
	f := &flags{}
	var request operator.PauseRequest
	c := argued("pause", "Suspend automatic takeover, for maintenance",
		`Until the pause ends neither host takes over or hands over automatically, whatever happens to the other: for work on the
network or the machines that would look like a failure. The pause is kept in the pair record, so both hosts know it and it
survives restarts; it ends after its time. Still allowed are: the active serving alone when the standby is gone, its own return
after a restart, and hotpair switchover. Needs an active and the witness. During the pause a failure of the active stops the
service until it returns, or until hotpair resume.`,
		`  hotpair pause                                    # for half an hour
  hotpair pause --for 2h
  hotpair resume                                   # as soon as you are done`,
		f, noArguments, func(ctx context.Context, c *cobra.Command, _ []string) error {
			if _, err := request.Duration(); err != nil {
				return fmt.Errorf("--for: %w", err)
			}
			result, err := asked(ctx, c, f, operator.CallPause, request)
			return f.paused(c, result, err)
		})
	c.Flags().StringVar(&request.For, "for", operator.DefaultPause.String(), "how long, up to 24h")
	return c
}

func resumeCommand() *cobra.Command {
	f := &flags{}
	return argued("resume", "End a pause of automatic takeover",
		`Ends the pause that hotpair pause began. If the active is gone by now the standby takes over at once.`,
		`  hotpair resume && hotpair status`,
		f, noArguments, func(ctx context.Context, c *cobra.Command, _ []string) error {
			result, err := asked(ctx, c, f, operator.CallResume, operator.None{})
			return f.paused(c, result, err)
		})
}

func (f *flags) paused(c *cobra.Command, result operator.PauseResult, err error) error {
	switch {
	case err != nil:
		return err
	}
	return f.show(c, result, func(s *screen.Screen) { pauseScreen(s, result) })
}

func pauseScreen(s *screen.Screen, result operator.PauseResult) {
	if result.Pause == nil {
		s.Headline(operator.Good, "automatic takeover is on again")
	} else {
		s.Headline(operator.Warning, result.Pause.Sentence())
		s.Line("A failure of " + result.Host + " now stops the service until it is back. End it with hotpair resume.")
	}
	if !result.PeerKnows {
		s.Line("The other host does not know of it yet; until it does it can't take over.")
	}
}
