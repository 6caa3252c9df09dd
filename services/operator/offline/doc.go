// Package offline is the part of the operators' command line that asks no host: it works on backup files, keys, and
// the data directory of a stopped host.
package offline

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/operator"
)

// placed adds the two flags of a place to a command.
func placed(c *cobra.Command, p *Place) {
	c.Flags().StringVar(&p.Dir, "data", "", "data directory (default HOTPAIR_DATA)")
	c.Flags().StringVar(&p.Host, "name", "", "name of the host (default HOTPAIR_HOST)")
}

// complete fills in from the environment what the flags leave out. The error is ErrUsage.
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
