// Release builds all artefacts of a version of hotpair into one folder: Debian packages, archives, images, the agent
// of terminals for each of their systems, bills of materials, and the checksums of all. The same commit gives the
// same bytes on any machine with the same Go.
//
//	go run -C deployments/release . -out ../../dist
//
// The version is the tag of the commit. Without a tag, or with uncommitted files, it builds only with -snapshot, and
// the version shows it.
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
	flag.StringVar(&o.Root, "root", "../..", "clone of the repository to build from")
	flag.StringVar(&o.Out, "out", "../../dist", "folder to build into; the result of an earlier build is replaced")
	flag.StringVar(&targets, "targets", "amd64,arm64,arm", "Linux processors to build for")
	flag.StringVar(&agents, "agents", strings.Join(allAgents(), ","), "systems and processors to build the terminal agent for; none for no agent")
	flag.BoolVar(&o.Snapshot, "snapshot", false, "build without a tag or with uncommitted changes; the version shows it")
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
	errTarget   = errors.New("unsupported processor")
	errUntagged = errors.New("not a version")
	errUnit     = errors.New("can't derive the unit of the agent")
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
		return fmt.Errorf("remove the earlier build: %w", err)
	}
	if err := os.Rename(b.out, o.Out); err != nil {
		return fmt.Errorf("move the build into place: %w", err)
	}
	fmt.Printf("%s is in %s\n", v.Name, o.Out)
	return nil
}
