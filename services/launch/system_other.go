//go:build !linux

package launch

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// Context must be the first call of a program's main function: it returns a context that ends with the first signal
// to stop; the second one ends the process.
func Context(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(parent, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// outlive lets this process live on without a log and without the terminal that it was started from, as on Linux.
func outlive() {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	signal.Ignore(syscall.SIGHUP)
}

func logOutput() *os.File { return os.Stderr }

// Hosts run on Linux only, so no process has a parent of hotpair here: the following functions have nothing to do.

func sayLastWords(error) {}

func sealed() ([]string, error) { return os.Environ(), nil }

func inherit([]string) error { return nil }
