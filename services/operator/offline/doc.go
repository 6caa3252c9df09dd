// Package offline is the part of the operators' command line that asks no host: it works on backup files and on the data
// directory of a host that is stopped.
package offline

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/operator"
)

// command makes a command that takes arguments.
func command(use, short, long, example string, args cobra.PositionalArgs, run func(ctx context.Context, c *cobra.Command, args []string) error) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Long: long + "\n\nExit code: 0 done, 1 failed, 2 wrong usage.", Example: example,
		SilenceUsage: true, SilenceErrors: true}
	c.Args = func(c *cobra.Command, given []string) error {
		if err := args(c, given); err != nil {
			return fmt.Errorf("%w: %w; see %s --help", operator.ErrUsage, err, c.CommandPath())
		}
		return nil
	}
	c.RunE = func(c *cobra.Command, given []string) error {
		ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		return run(ctx, c, given)
	}
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fmt.Errorf("%w: %w; see %s --help", operator.ErrUsage, err, c.CommandPath())
	})
	return c
}

// placed has a command work on a place, by two flags.
func placed(c *cobra.Command, p *Place) {
	c.Flags().StringVar(&p.Dir, "data", "", "data directory (default HOTPAIR_DATA)")
	c.Flags().StringVar(&p.Host, "name", "", "name of the host (default HOTPAIR_HOST)")
}

// complete fills in from the environment what no flag said. The error is ErrUsage.
func (p *Place) complete(c *cobra.Command, environ []string) error {
	given := environ
	if p.Dir != "" {
		given = append(given[:len(given):len(given)], config.Prefix+"_DATA="+p.Dir)
	}
	if p.Host != "" {
		given = append(given[:len(given):len(given)], config.Prefix+"_HOST="+p.Host)
	}
	place, err := config.Load[config.Place](given)
	if err != nil {
		return fmt.Errorf("%w: %s needs --data and --name, or the environment of the host: %w", operator.ErrUsage, c.Name(), err)
	}
	p.Dir, p.Host = place.Data, place.Host
	return nil
}
