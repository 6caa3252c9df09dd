package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// shipped are the build flags of a release: the same bytes wherever the clone is, and without debug information.
func shipped() []string { return []string{"-trimpath", "-buildvcs=true", "-ldflags=-s -w"} }

// build is a release in progress.
type build struct {
	options
	version version
	flags   []string // of the compiler
	work    string
	out     string // folder of the results
	pages   []file // man pages
	shells  []file // completions
}

// file is one file of a package.
type file struct {
	Name string // where it goes, below the root of an archive or an absolute path of a package
	From string // on disk
	Mode os.FileMode
}

// host is the complete program; agent is that of terminals, which are machines of all kinds.
const (
	host  = "."
	agent = "./services/terminal/hotpair-terminal"
)

// machine is a system and a processor, in the compiler's names; without either it is this one.
type machine struct{ OS, Arch string }

// compiled builds a program for a machine.
func (b *build) compiled(ctx context.Context, program string, m machine, name string, args ...string) (string, error) {
	into := filepath.Join(b.work, name)
	c := exec.CommandContext(ctx, "go", slices.Concat([]string{"build", "-o", into}, b.flags, args, []string{program})...)
	c.Dir = b.Root
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOAMD64=v1", "GOARM64=v8.0", "GOARM=7", "GOOS="+m.OS)
	if m.Arch != "" {
		c.Env = append(c.Env, "GOARCH="+m.Arch)
	}
	if said, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, said)
	}
	return into, nil
}

// manual writes the manual pages and completions, which need a special build.
func (b *build) manual(ctx context.Context) error {
	program, err := b.compiled(ctx, host, machine{OS: "linux"}, "manual-program", "-tags=manual")
	if err != nil {
		return fmt.Errorf("manual: %w", err)
	}
	dir := filepath.Join(b.work, "manual")
	c := exec.CommandContext(ctx, program, "manual", dir)
	c.Env = append(os.Environ(), "SOURCE_DATE_EPOCH="+strconv.FormatInt(b.version.Time.Unix(), 10))
	if said, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("manual: %w\n%s", err, said)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("manual: %w", err)
	}
	for _, e := range entries {
		f := file{Name: e.Name(), From: filepath.Join(dir, e.Name()), Mode: 0o644}
		if ext := filepath.Ext(e.Name()); ext == ".1" || ext == ".5" {
			b.pages = append(b.pages, f)
		} else {
			b.shells = append(b.shells, f)
		}
	}
	return nil
}

// target builds all for one processor.
func (b *build) target(ctx context.Context, arch string) error {
	if !slices.Contains([]string{"amd64", "arm64", "arm"}, arch) {
		return fmt.Errorf("%w: want amd64, arm64 or arm", errTarget)
	}
	program, err := b.compiled(ctx, host, machine{"linux", arch}, "hotpair-"+arch)
	if err != nil {
		return err
	}
	for _, form := range []struct {
		what string
		pack func(program, arch string) error
	}{{"archive", b.archive}, {"Debian package", b.debian}, {"image", b.image}, {"bill of materials", b.bill}} {
		if err := form.pack(program, arch); err != nil {
			return fmt.Errorf("%s: %w", form.what, err)
		}
	}
	return nil
}

// named is the path of a release file for a Linux processor.
func (b *build) named(arch, suffix string) string {
	return b.called("hotpair", machine{"linux", arch}, suffix)
}

// called is the path of a release file.
func (b *build) called(program string, m machine, suffix string) string {
	return filepath.Join(b.out, strings.Join([]string{program, b.version.Name, m.OS, platform(m.Arch)}, "_")+suffix)
}

// platform is the name of a processor in file names.
func platform(arch string) string {
	if arch == "arm" {
		return "armv7"
	}
	return arch
}
