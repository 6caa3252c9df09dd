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
		Long: `Lists the operations of the HTTP interface: name, method and path, which host answers, and what it does. "own" is the asked
host; "active" is the one that serves: a standby passes the call on; "known" is the same, but a host that can't reach the
active answers with what it knows; "either" too, and that host can also execute the call; "both" joins the answers of both
hosts. The role says who may call: "anyone" on the host's own machine; the others are roles of operators, each of which
includes the ones before. Costly calls are answered one at a time. The command asks no host.

GET /api/v1/openapi.json at any host describes the whole interface, with the fields of requests and answers.`,
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
