package subject

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/hotpair/hotpair/simulator/bench/result"
)

// Measure is the whole of a command that measures one thing: it reads the flags, those of its own among them, runs measure with a result to
// fill, keeps that if there is something in it, and ends with 1 if something failed. settings are told with the result.
func Measure(what string, settings func() map[string]string, measure func(ctx context.Context, binary string, r *result.Result) error) {
	binary := flag.String("binary", "./hotpair", "hotpair to measure")
	keep := flag.String("keep", "", "folder in which to keep the result; empty for none")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := kept(ctx, what, *binary, *keep, settings(), measure); err != nil {
		fmt.Fprintln(os.Stderr, err)
		stop()
		os.Exit(1)
	}
}

func kept(ctx context.Context, what, binary, keep string, settings map[string]string, measure func(context.Context, string, *result.Result) error) error {
	version, err := VersionOf(ctx, binary)
	if err != nil {
		return err
	}
	r := &result.Result{Time: time.Now(), What: what, Version: version, Machine: Machine(), Settings: settings}
	failed := measure(ctx, binary, r)
	if keep == "" || len(r.Series) == 0 {
		return failed
	}
	path, err := r.Save(keep)
	fmt.Println("kept in", path)
	if failed != nil {
		return failed
	}
	return err
}
