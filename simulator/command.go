package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/hotpair/hotpair/deployments/local"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/process"
)

// flags of "hotpair simulate".
type flags struct {
	options   Options
	terminals int
	dir       string
	json      bool
}

// Command is "hotpair simulate".
func Command() *cobra.Command {
	f := &flags{}
	c := &cobra.Command{
		Use:   "simulate",
		Short: "Run a load at many terminals, and check that nothing was lost or doubled",
		Long: `Run a load at many terminals: clients at each terminal send requests like applications.
Shows the rate while it runs, and at the end rate, latency, the gap of every takeover
as the terminals saw it, and the verdict: every acknowledged update is read back, every
request id repeated. Exits with 1 if anything is missing or doubled, the ledger's total
has changed, or nothing was checked.

Workload tickets sells seats. Reservations expire, boards at the terminals get notices,
and an accounting that the simulator runs as a target of the pair gets emissions: each
must happen exactly once. The pair has one accounting, so run only one such load at a
time.

With --queue the terminals keep writes on their disks until they are done, each client's
in its own lane, and the outcomes are read from there.

With --dir the clients use the terminals of a running hotpair cluster; kill its hosts
meanwhile. Without it the simulator starts and stops its own cluster.`,
		Example: `  hotpair simulate --terminals 50 --clients 64 --duration 1m
  hotpair simulate --dir /var/tmp/pair --workload ledger --rate 500`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flags().Changed("seed") {
				f.options.Seed = rand.Uint64()
			}
			ctx, stop := process.WithReader(cmd.Context())
			defer stop()
			return f.run(ctx, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	n := c.Flags()
	n.IntVar(&f.terminals, "terminals", 0, "number of terminals (default 5; with --dir all that the cluster has)")
	n.IntVar(&f.options.Clients, "clients", 0, "total number of clients (default one per terminal)")
	n.DurationVar(&f.options.Duration, "duration", 30*time.Second, "how long the load runs; 0 until interrupted")
	n.StringVar(&f.options.Workload, "workload", Mixed, strings.Join(Workloads(), ", "))
	n.IntVar(&f.options.Rate, "rate", 0, "total operations per second; 0 as fast as answers arrive")
	n.BoolVar(&f.options.Queue, "queue", false, "let the terminals queue writes until they are done (Hotpair-Queue)")
	n.StringVar(&f.dir, "dir", "", "directory of a running cluster")
	n.BoolVar(&f.json, "json", false, "print the report as JSON")
	n.Uint64Var(&f.options.Seed, "seed", 0, "seed of the random operations (default a random one, printed)")
	n.DurationVar(&f.options.Deadline, "deadline", 10*time.Second, "of each request")
	return c
}

func (f *flags) run(ctx context.Context, out, progress io.Writer) error {
	f.options.Progress, f.options.Live = progress, isScreen(progress)
	report, err := f.simulate(ctx)
	if err != nil {
		return err
	}
	if f.json {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(report)
	} else {
		err = report.Write(out)
	}
	if err == nil && !report.Verdict.OK {
		err = ErrVerdict
	}
	return err
}

func (f *flags) simulate(ctx context.Context) (Report, error) {
	if f.dir != "" {
		return f.join(ctx, f.dir)
	}
	f.options.Alone = true
	if f.terminals == 0 {
		f.terminals = 5
	}
	// Options are checked before processes are started for them.
	trial := f.options
	trial.Terminals, trial.Hosts = make([]Terminal, max(f.terminals, 0)), make([]*operator.Client, 1)
	if _, err := trial.withDefaults(); err != nil {
		return Report{}, err
	}
	cluster, err := local.New(local.Options{Terminals: f.terminals, Services: local.ServicesOf(f.options.Workload)})
	if err != nil {
		return Report{}, err
	}
	// The cluster outlives an interrupt: the verdict needs it. It ends when the report is there.
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- cluster.Run(serving) }()
	var report Report
	select {
	case err := <-ended:
		stop()
		return Report{}, err
	case <-ctx.Done():
		err = ctx.Err()
	case <-cluster.Ready():
		report, err = f.join(ctx, cluster.Directory())
	}
	stop()
	return report, errors.Join(err, <-ended)
}

// join runs a load at the terminals of the cluster in dir.
func (f *flags) join(ctx context.Context, dir string) (Report, error) {
	file, err := local.ReadFile(dir)
	if err != nil {
		return Report{}, err
	}
	if f.terminals < 0 || f.terminals > len(file.Terminals) {
		return Report{}, fmt.Errorf("%w: --terminals %d: the cluster has %d", ErrOption, f.terminals, len(file.Terminals))
	}
	o := f.options
	for _, host := range file.Hosts {
		o.Hosts = append(o.Hosts, host.Client())
	}
	for i, t := range file.Terminals {
		if f.terminals == 0 || i < f.terminals {
			o.Terminals = append(o.Terminals, Terminal{ID: t.ID, Address: t.Address})
		}
	}
	return Run(ctx, o)
}

// isScreen reports whether a line can be overwritten.
func isScreen(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
