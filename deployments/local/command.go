package local

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/process"
)

// Command is "hotpair cluster" with its orders.
func Command() *cobra.Command {
	var o Options
	web := true
	c := &cobra.Command{
		Use:   "cluster",
		Short: "Run the whole pair on this machine: hosts a and b, witness, terminals",
		Long: `Run the whole pair on this machine: hosts a and b, the witness and terminals, every
one a process of its own. Prints one line when the pair is in sync and serves, then
one for each change. Ctrl-C stops all in order. No host is ever restarted by itself.

From another shell, "hotpair cluster kill a" and the other orders play an outage;
"hotpair status" shows the pair. Settings (HOTPAIR_LEASE and others, see
"hotpair help env") are handed on to the hosts. Between its parts is TLS, with an
authority of the cluster's own (root.key). The pair is made as by hotpair init, and its
parts start as after hotpair join. Logs, data, bundles and cluster.json, which says how
to start each part by hand, are in the directory.`,
		Example: `  hotpair cluster --terminals 10 --load
  hotpair cluster --load tickets
  hotpair cluster --dir /var/tmp/pair --port 9000`,
		Args: func(cmd *cobra.Command, args []string) error {
			rest, err := o.named(args)
			if err != nil {
				return err
			}
			return cobra.NoArgs(cmd, rest)
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Screen, o.Silent = cmd.OutOrStdout(), !web
			cluster, err := New(o)
			if err != nil {
				return err
			}
			// Who reads no more of it, as head does, ends the cluster in order, as Ctrl-C and a terminal window that is closed do.
			ctx, stop := process.WithReader(cmd.Context())
			defer stop()
			return cluster.Run(ctx)
		},
	}
	f := c.Flags()
	f.StringVar(&o.Dir, "dir", "", "directory for all data; a used one is continued (default: a temporary one, removed at the end)")
	f.IntVar(&o.Port, "port", DefaultPort, "base of all ports; 0 picks free ones, for a used directory those that it had")
	f.IntVar(&o.Terminals, "terminals", 5, "number of terminals")
	// For measuring: who runs terminals elsewhere has to derive their keys from the secret in a bundle of the cluster; and puts a root into its
	// directory before, of which they have certificates, where the wires are to be TLS.
	f.StringVar(&o.TerminalsFile, "terminals-file", "", "file of terminals that run elsewhere, as id=nats://host:port in lines; none are started")
	f.Lookup("terminals-file").Hidden = true
	f.IntVar(&o.Each, "each", PartSize, "terminals of one process; always the same for a directory")
	f.Lookup("each").Hidden = true
	f.BoolVar(&o.Plain, "plain", false, "plain text between the parts instead of TLS, to compare with")
	f.BoolVar(&web, "http", true, "let applications ask the terminals over HTTP too")
	f.StringVar(&o.Files, "files", "", "folder with the files of a kiosk, which each terminal serves over HTTP (default: a page of its own)")
	f.StringVar(&o.Load, "load", "", "let the terminals work, and check at the end that nothing was lost or doubled: "+strings.Join(Loads(), ", "))
	f.Lookup("load").NoOptDefVal = DefaultLoad
	f.BoolVar(&o.JSON, "json", false, "print JSON, one object a line")
	for _, order := range []struct{ do, short string }{
		{Kill, "Kill all processes of a host at once (SIGKILL), as a dead machine"},
		{Stop, "Stop a host in order (SIGTERM to its supervisor)"},
		{Start, "Start a host that does not run"},
		{Freeze, "Freeze all processes of a host (SIGSTOP)"},
		{Thaw, "Continue a frozen host (SIGCONT)"},
	} {
		c.AddCommand(orderCommand(order.do, order.short))
	}
	c.AddCommand(fleetCommand())
	return c
}

func orderCommand(do, short string) *cobra.Command {
	var dir string
	var asJSON bool
	c := &cobra.Command{
		Use:       do + " HOST",
		Short:     short,
		Long:      short + ".\nHOST is " + strings.Join(OrderHosts(), ", ") + ". Returns when it is done.",
		ValidArgs: OrderHosts(),
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || !slices.Contains(OrderHosts(), args[0]) {
				return fmt.Errorf("%w: give one of %s", ErrOption, strings.Join(OrderHosts(), ", "))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			order := Order{Do: do, Host: args[0]}
			took, err := order.find(cmd.Context(), dir)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(struct {
					Order
					Took float64 `json:"took_ms"`
				}{order, float64(took.Microseconds()) / 1000})
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s %s: done in %s\n", do, args[0], took.Round(100*time.Microsecond))
			return err
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "directory of the cluster (default: the cluster on the default ports)")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func (o Order) find(ctx context.Context, dir string) (time.Duration, error) {
	dir, err := Find(ctx, dir)
	if err != nil {
		return 0, err
	}
	return Send(ctx, dir, o)
}

// fleetCommand is how the cluster starts its terminals; nobody else needs it.
func fleetCommand() *cobra.Command {
	var f Fleet
	var web bool
	c := &cobra.Command{
		Use:    "terminals",
		Short:  "Run the agents of a cluster's terminals",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			settings, err := config.Load[config.Cluster](os.Environ())
			if err != nil {
				return err
			}
			f.Silent, f.Environ = !web, append(config.Passed(os.Environ()), config.Environ(&settings.Log)...)
			return f.Run(cmd.Context(), settings.Logger(cmd.ErrOrStderr(), "", terminals))
		},
	}
	c.Flags().StringVar(&f.Dir, "dir", "", "directory of the cluster")
	c.Flags().IntVar(&f.Port, "port", 0, "base of the cluster's ports")
	c.Flags().IntVar(&f.Each, "each", PartSize, "terminals of one process")
	c.Flags().IntVar(&f.Part, "part", 0, "the part of them that this process runs alone")
	c.Flags().BoolVar(&f.Plain, "plain", false, "speak plain text")
	c.Flags().IntVar(&f.Terminals, "terminals", 0, "number of terminals")
	c.Flags().BoolVar(&web, "http", true, "take applications over HTTP")
	c.Flags().StringVar(&f.Files, "files", "", "folder with the files of a kiosk")
	return c
}
