// Bench measures the pair as its users feel it, beside the physical limit of the same machine in the same run.
//
//	go run ./simulator/bench -binary ./hotpair path       rate and latency of kv.put, terminal to terminal
//	go run ./simulator/bench -binary ./hotpair takeover   longest gap between acknowledgements for each kind of loss
//	go run ./simulator/bench -binary ./hotpair idle       memory and processor of an idle host
//
// Figures of a shared machine are worth as much as what ran beside them: ratios to the limit, medians with their spread.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// settings of a run, from the command line.
type settings struct {
	Binary    string        `json:"-"`
	Terminals int           `json:"terminals"`
	Clients   int           `json:"clients"`
	Duration  time.Duration `json:"duration_ns"`
	Trials    int           `json:"trials"`
	Kinds     []string      `json:"kinds,omitempty"`
	Lease     time.Duration `json:"lease_ns"`
}

// result is what is kept of a run.
type result struct {
	Time     time.Time      `json:"time"`
	Machine  machine        `json:"machine"`
	What     string         `json:"what"`
	Settings settings       `json:"settings"`
	Path     []pathResult   `json:"path,omitempty"`
	Takeover []trialsResult `json:"takeover,omitempty"`
	Idle     *idleResult    `json:"idle,omitempty"`
}

type machine struct {
	CPUs   int    `json:"cpus"`
	Model  string `json:"model"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
}

var errUsage = errors.New("wrong usage")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		if errors.Is(err, errUsage) {
			os.Exit(2)
		}
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	var s settings
	flags.StringVar(&s.Binary, "binary", "./hotpair", "the hotpair binary to measure")
	flags.IntVar(&s.Terminals, "terminals", 50, "terminals of the cluster (takeover, idle)")
	flags.IntVar(&s.Clients, "clients", 8, "closed-loop writers (takeover)")
	flags.DurationVar(&s.Duration, "duration", 5*time.Second, "length of each measurement (path)")
	flags.IntVar(&s.Trials, "trials", 20, "trials of each kind (takeover)")
	flags.DurationVar(&s.Lease, "lease", time.Second, "HOTPAIR_LEASE of the cluster")
	kinds := flags.String("kinds", strings.Join(allKinds(), ","), "kinds of loss (takeover)")
	keep := flags.String("keep", "", "directory in which the result is kept as JSON")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	s.Kinds = strings.Split(*kinds, ",")
	binary, err := filepath.Abs(s.Binary)
	if err != nil {
		return err
	}
	s.Binary = binary
	r := result{Time: time.Now().UTC().Truncate(time.Second), Machine: thisMachine(), What: flags.Arg(0), Settings: s}
	switch r.What {
	case "path":
		r.Path, err = measurePath(ctx, s, out)
	case "takeover":
		r.Takeover, err = measureTakeovers(ctx, s, out)
	case "idle":
		r.Idle, err = measureIdle(ctx, s, out)
	default:
		return fmt.Errorf("%w: say what to measure: path, takeover or idle", errUsage)
	}
	if err != nil || *keep == "" {
		return err
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	name := filepath.Join(*keep, fmt.Sprintf("%s-%s.json", r.Time.Format("20060102-150405"), r.What))
	return os.WriteFile(name, append(text, '\n'), 0o644)
}

func thisMachine() machine {
	m := machine{CPUs: runtime.NumCPU(), Go: runtime.Version()}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, ok := strings.CutPrefix(line, "model name\t: "); ok {
				m.Model = strings.TrimSpace(name)
				break
			}
		}
	}
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = strings.TrimSpace(string(text))
	}
	return m
}
