//go:build !linux

package launch

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// Context is how the main function of a program begins: the context that it gives ends with the first signal that asks for it, and the second
// one ends the process.
func Context(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(parent, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// outlive lets this process live on without its log and without the terminal that it was started from, as on Linux.
func outlive() {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	signal.Ignore(syscall.SIGHUP)
}

func logOutput() *os.File { return os.Stderr }

// Hosts run on Linux only, so that no process has a parent of ours here: what follows has nothing to do.

func sayLastWords(error) {}

func sealed() ([]string, error) { return os.Environ(), nil }

func inherit([]string) error { return nil }
