//go:build !windows

package program

import (
	"context"
	"io"

	"github.com/spf13/cobra"
)

// serviceCommand is nil here: systemd and launchd use files.
func (Program) serviceCommand() *cobra.Command { return nil }

func asService(*cobra.Command) *string { return new(string) }

func during(ctx context.Context, _ string, log io.Writer, run func(context.Context, environment) error) error {
	return run(ctx, environment{log: log, up: func() {}})
}
