package command

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/screen"
)

// operationsCommand lists the table of operations.
func operationsCommand() *cobra.Command {
	f := &flags{}
	c := &cobra.Command{
		Use: "operations", Short: "List what a host can be asked over HTTP",
		Long: `Lists the operations of the HTTP interface: name, method and path, who answers, and what it does. "own" is the host that is
asked; "active" is the one that serves: a standby passes the call on; "known" is the same, but a host that can't reach the active
answers as far as it knows; "either" too, and that host does it as well; "both" joins what both hosts say. The role says who may
call: "anyone" asks from the host's own machine, the others are those of operators, each of which may do what the ones before
may. What is costly is done one at a time. No host is asked.

GET /api/v1/openapi.json at any host has the whole interface, with the fields of requests and answers.`,
		Example: `  hotpair operations
  hotpair operations --json | jq -r '.[] | select(.role == "admin") | .name'`,
		SilenceUsage: true, SilenceErrors: true,
		Args: func(c *cobra.Command, args []string) error {
			if err := noArguments(c, args); err != nil {
				return fmt.Errorf("%w: %w", operator.ErrUsage, err)
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error {
			return f.show(c, operator.Operations(), func(s *screen.Screen) { operationsScreen(s, operator.Operations()) })
		},
	}
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fmt.Errorf("%w: %w; see %s --help", operator.ErrUsage, err, c.CommandPath())
	})
	c.Flags().BoolVar(&f.json, "json", false, "print JSON")
	return c
}

func operationsScreen(s *screen.Screen, list []operator.Info) {
	for _, o := range list {
		who := string(o.Role)
		if o.Costly {
			who += ", costly"
		}
		s.Line(screen.Pad(o.Name, 24) + screen.Pad(o.Method, 6) + screen.Pad(o.Path, 34) + screen.Pad(string(o.Where), 8) + who)
		s.Row("", o.Says)
	}
}
