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
		Long: `Run the whole pair on this machine: hosts a and b, the witness and terminals, each as
a separate process. Prints one line when the pair is in sync and serves, then one for
each change. Ctrl-C stops all cleanly. Hosts are never restarted automatically.

From another shell, "hotpair cluster kill a" and the other orders simulate outages;
"hotpair status" shows the pair. Settings (HOTPAIR_LEASE and others, see
"hotpair help env") are passed on to the hosts. The parts communicate over TLS, with
the cluster's own authority (root.key). The pair is made as by hotpair init, and its
parts start as after hotpair join. The directory contains logs, data, bundles and
cluster.json, which shows how to start each part by hand.`,
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
			// If the reader of its output goes away, as head does, the cluster stops cleanly, as on Ctrl-C or when
			// the terminal window is closed.
			ctx, stop := process.WithReader(cmd.Context())
			defer stop()
			return cluster.Run(ctx)
		},
	}
	f := c.Flags()
	f.StringVar(&o.Dir, "dir", "", "directory for all data; an existing cluster is continued (default: a temporary directory, removed at the end)")
	f.IntVar(&o.Port, "port", DefaultPort, "first of all ports; 0 picks free ones, or those of an existing cluster")
	f.IntVar(&o.Terminals, "terminals", 5, "number of terminals")
	// For measurements: external terminals need their keys, derived from the secret in a bundle of the cluster; for
	// TLS, put the root of their certificates into the directory first.
	f.StringVar(&o.TerminalsFile, "terminals-file", "", "file of terminals that run elsewhere, one id=nats://host:port per line; none are started here")
	f.Lookup("terminals-file").Hidden = true
	f.IntVar(&o.Each, "each", PartSize, "terminals per process; must not change for a directory")
	f.Lookup("each").Hidden = true
	f.BoolVar(&o.Plain, "plain", false, "plain text between the parts instead of TLS, for comparison")
	f.BoolVar(&web, "http", true, "accept requests of applications over HTTP too")
	f.StringVar(&o.Files, "files", "", "folder with the files of a kiosk, which each terminal serves over HTTP (default: a built-in page)")
	f.StringVar(&o.Load, "load", "", "run a load at the terminals, and check at the end that nothing was lost or doubled: "+strings.Join(Loads(), ", "))
	f.Lookup("load").NoOptDefVal = DefaultLoad
	f.BoolVar(&o.JSON, "json", false, "print JSON, one object per line")
	for _, order := range []struct{ do, short string }{
		{Kill, "Kill all processes of a host at once (SIGKILL), like a dead machine"},
		{Stop, "Stop a host cleanly (SIGTERM to its supervisor)"},
		{Start, "Start a stopped host"},
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
		Long:      short + ".\nHOST is " + strings.Join(OrderHosts(), ", ") + ". Returns when done.",
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

// fleetCommand is for the cluster only, which starts its terminals with it.
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
	c.Flags().IntVar(&f.Port, "port", 0, "first of the cluster's ports")
	c.Flags().IntVar(&f.Each, "each", PartSize, "terminals per process")
	c.Flags().IntVar(&f.Part, "part", 0, "the part of them that this process runs")
	c.Flags().BoolVar(&f.Plain, "plain", false, "speak plain text")
	c.Flags().IntVar(&f.Terminals, "terminals", 0, "number of terminals")
	c.Flags().BoolVar(&web, "http", true, "accept requests of applications over HTTP")
	c.Flags().StringVar(&f.Files, "files", "", "folder with the files of a kiosk")
	return c
}
