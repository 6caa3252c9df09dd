// Release builds everything that a version of hotpair is made of, into one folder: Debian packages, archives, images,
// the agent of terminals for each of their systems, bills of materials, and the checksums of all. The same commit gives
// the same bytes, on any machine with the same Go.
//
//	go run -C deployments/release . -out ../../dist
//
// The version is the tag of the commit. Without a tag, or with files that are not committed, it builds only with
// -snapshot, and what it builds says so.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o := options{}
	var targets, agents string
	flag.StringVar(&o.Root, "root", "../..", "the clone to build from")
	flag.StringVar(&o.Out, "out", "../../dist", "the folder to build into; what an earlier build left there is replaced")
	flag.StringVar(&targets, "targets", "amd64,arm64,arm", "the processors of Linux to build for")
	flag.StringVar(&agents, "agents", strings.Join(allAgents(), ","), "the systems and processors to build the agent of terminals for; none for no agent")
	flag.BoolVar(&o.Snapshot, "snapshot", false, "build what has no tag, or is not committed; its version says so")
	flag.Parse()
	o.Targets = strings.Split(targets, ",")
	if agents != "none" {
		o.Agents = strings.Split(agents, ",")
	}
	if err := release(ctx, o, shipped()); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// options are what a release is built from and into.
type options struct {
	Root     string
	Out      string
	Targets  []string // values of GOARCH
	Agents   []string // GOOS/GOARCH
	Snapshot bool
}

var (
	errTarget   = errors.New("not a machine that a release is built for")
	errUntagged = errors.New("not a version")
	errUnit     = errors.New("a unit that the agent's can't be made from")
)

// release builds all of it, with these flags of the compiler. Files come into place at the end, when all are whole.
func release(ctx context.Context, o options, flags []string) error {
	v, err := versionOf(ctx, o.Root, o.Snapshot)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp(filepath.Dir(filepath.Clean(o.Out)), ".release-")
	if err != nil {
		return fmt.Errorf("folder to build in: %w", err)
	}
	defer os.RemoveAll(work)
	b := build{options: o, version: v, flags: flags, work: work, out: filepath.Join(work, "out")}
	if err := os.Mkdir(b.out, 0o755); err != nil {
		return fmt.Errorf("folder to build in: %w", err)
	}
	if err := b.manual(ctx); err != nil {
		return err
	}
	for _, arch := range o.Targets {
		if err := b.target(ctx, arch); err != nil {
			return fmt.Errorf("%s: %w", arch, err)
		}
	}
	for _, target := range o.Agents {
		if err := b.agent(ctx, target); err != nil {
			return fmt.Errorf("agent for %s: %w", target, err)
		}
	}
	if err := checksums(b.out); err != nil {
		return err
	}
	if err := os.RemoveAll(o.Out); err != nil {
		return fmt.Errorf("what an earlier build left: %w", err)
	}
	if err := os.Rename(b.out, o.Out); err != nil {
		return fmt.Errorf("move what was built into place: %w", err)
	}
	fmt.Printf("%s is in %s\n", v.Name, o.Out)
	return nil
}
