// Command fuzzers runs every fuzz target of the module for a while, one after the other, and says of each how many inputs it tried. An
// input that fails one is kept by go test in testdata/fuzz of its package, and is a test from then on.
//
//	go run ./simulator/fuzzers -for 10m
//	go run ./simulator/fuzzers -for 1m -match 'wire|backup'
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// grace is what building a package with coverage and ending its workers may take beside the time for a target.
const grace = 5 * time.Minute

// target is one fuzz target.
type target struct{ pkg, name string }

func main() {
	each := flag.Duration("for", 10*time.Minute, "how long each target is tried")
	match := flag.String("match", "", "only targets whose package and name match this expression, like wire|Backup")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *each, *match); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, each time.Duration, match string) error {
	wanted, err := regexp.Compile("(?i)" + match)
	if err != nil {
		return fmt.Errorf("-match: %w", err)
	}
	all, err := targets(".")
	if err != nil {
		return err
	}
	var failed []error
	for _, t := range all {
		if !wanted.MatchString(t.pkg + " " + t.name) {
			continue
		}
		tried, err := try(ctx, t, each)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			failed = append(failed, err)
			fmt.Printf("FAILED %-40s %s\n", t.pkg, t.name)
			continue
		}
		fmt.Printf("%-7s%-40s %-28s %s\n", "ok", t.pkg, t.name, tried)
	}
	return errors.Join(failed...)
}

// targets finds the fuzz targets of the module below a directory.
func targets(root string) (all []target, err error) {
	declared := regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`)
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range declared.FindAllSubmatch(text, -1) {
			all = append(all, target{pkg: "./" + filepath.ToSlash(filepath.Dir(path)), name: string(m[1])})
		}
		return nil
	})
	return all, err
}

// try runs one target, and gives the last line of its progress.
func try(ctx context.Context, t target, each time.Duration) (tried string, err error) {
	ctx, cancel := context.WithTimeout(ctx, each+grace)
	defer cancel()
	c := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-fuzz", "^"+t.name+"$", "-fuzztime", each.String(), t.pkg)
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.WaitDelay = 10 * time.Second
	out, err := c.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", t.pkg, t.name, err, out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "execs:") {
			tried = strings.TrimSpace(strings.TrimPrefix(line, "fuzz:"))
		}
	}
	if tried == "" {
		return "", fmt.Errorf("%s %s: it tried nothing\n%s", t.pkg, t.name, out)
	}
	return tried, nil
}
