package program

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/terminal/winservice"
)

func (p Program) serviceCommand() *cobra.Command { return p.services(winservice.System{}) }

// asService adds the flag by which the service manager starts the agent.
func asService(c *cobra.Command) *string {
	name := c.Flags().String("service", "", "run as the service of this name (used by the service manager)")
	_ = c.Flags().MarkHidden("service") // which is there
	return name
}

// during runs the agent as it was started: by the service manager, or by a person.
func during(ctx context.Context, service string, log io.Writer, run func(context.Context, environment) error) error {
	if service == "" {
		return run(ctx, environment{log: log, up: func() {}})
	}
	return winservice.Run(ctx, service, func(ctx context.Context, log io.Writer, up func()) error {
		err := run(ctx, environment{log, up})
		if err != nil {
			// Faults in settings are reported before there is a log.
			fmt.Fprintf(log, "level=ERROR msg=\"the agent has ended\" error=%q\n", err)
		}
		return err
	}, exitCode)
}
