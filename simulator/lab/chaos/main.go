// Chaos runs a pair of hosts in a lab and injects random faults, drawn from a seed, for a given time. It prints what
// it does and closes with one line; it exits with 1 if anything was lost, doubled, stale, or did not heal. Then it
// keeps the directory with all logs, data and the picture of a contradictory history.
//
//	go run ./simulator/lab/chaos -for=10m -seed=7
//
// It needs root and iproute2.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/hotpair/hotpair/services/process"
	"github.com/hotpair/hotpair/simulator/lab"
	"github.com/hotpair/hotpair/simulator/pair"
)

func main() {
	ctx, stop := process.Context(context.Background())
	code := run(ctx)
	stop()
	os.Exit(code)
}

func run(ctx context.Context) int {
	o := lab.ChaosOptions{Lab: lab.Options{Log: os.Stdout}}
	var keep, disks bool
	flag.DurationVar(&o.For, "for", time.Minute, "how long new rounds of faults are started")
	flag.DurationVar(&o.Round, "round", 15*time.Second, "how long faults are injected before all is healed and checked")
	flag.Uint64Var(&o.Seed, "seed", rand.Uint64(), "seed of all faults and operations (default a random one, printed)")
	flag.DurationVar(&o.Lab.Lease, "lease", time.Second, "HOTPAIR_LEASE of both hosts")
	flag.IntVar(&o.Lab.Terminals, "terminals", 3, "number of terminals")
	flag.IntVar(&o.Lab.History, "history", 0, "HOTPAIR_HISTORY_MAX_UPDATES; with few, such as 100, a returning host needs a snapshot (default as shipped)")
	flag.StringVar(&o.Lab.Binary, "binary", "", "hotpair binary to test (default: built from this module)")
	flag.BoolVar(&o.Lab.Plain, "plain", false, "without certificates, all connections in plain text")
	flag.BoolVar(&disks, "disks", false, "inject disk faults too: the hosts' data go through a file system that fails on demand (needs FUSE)")
	flag.BoolVar(&keep, "keep", false, "keep the directory even if nothing was found")
	flag.Parse()
	var err error
	if o.Lab.Dir, err = os.MkdirTemp("", "hotpair-chaos-"); err != nil {
		return fail(err)
	}
	fmt.Printf("chaos: seed %d, directory %s\n", o.Seed, o.Lab.Dir)
	if o.Lab.Binary == "" {
		o.Lab.Binary = filepath.Join(o.Lab.Dir, "hotpair")
		build := exec.CommandContext(ctx, "go", "build", "-o", o.Lab.Binary, "github.com/hotpair/hotpair")
		build.Stdout, build.Stderr = os.Stdout, os.Stderr
		if err := build.Run(); err != nil {
			return fail(fmt.Errorf("build hotpair: %w", err))
		}
	}
	if disks {
		for _, host := range pair.Hosts() {
			d, err := mount(o.Lab.Dir, host)
			if err != nil {
				return fail(err)
			}
			defer d.Close() // the errors have been printed already
			if o.Lab.Disks == nil {
				o.Lab.Disks = map[string]*lab.Disk{}
			}
			o.Lab.Disks[host] = d
		}
	}
	tally, err := lab.Chaos(ctx, o)
	for _, text := range append(tally.All(), tally.Unhealed...) {
		fmt.Println("found:", text)
	}
	fmt.Println("chaos:", tally.Kinds())
	fmt.Println(tally.String())
	if err != nil {
		if !errors.Is(err, lab.ErrFound) {
			fmt.Fprintln(os.Stderr, "chaos:", err)
		}
		fmt.Println("chaos: everything is kept in", o.Lab.Dir)
		return 1
	}
	if keep {
		return 0
	}
	for _, d := range o.Lab.Disks {
		if err := d.Close(); err != nil {
			return fail(err)
		}
	}
	if err := os.RemoveAll(o.Lab.Dir); err != nil {
		return fail(err)
	}
	return 0
}

// mount makes the disk of a host, with its files below the directory.
func mount(dir, host string) (*lab.Disk, error) {
	behind, at := filepath.Join(dir, "disk-"+host), filepath.Join(dir, host)
	for _, d := range []string{behind, at} {
		if err := os.Mkdir(d, 0o700); err != nil {
			return nil, err
		}
	}
	return lab.NewDisk(behind, at)
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, "chaos:", err)
	return 1
}
