// Package launch starts and ends a process of hotpair, or of a service: it hides the secrets first, loads the
// settings from the environment, checks the parent, logs without blocking, and reports a failure where operators see
// it.
package launch

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/logs"
)

// Exit codes of a process.
const (
	Done   = 0
	Failed = 1
	Usage  = 2 // wrong arguments or environment: a retry is useless
)

// Settings are read by every process: among other things, how it logs.
type Settings interface {
	Logger(w io.Writer, host, process string) *slog.Logger
}

// Process is one process, which is configured by its environment.
type Process[T Settings, P config.Spec[T]] struct {
	Name string
	// Host gives the name of its host, for its log.
	Host func(T) string
	// Stderr receives its log.
	Stderr io.Writer
	// Older accepts settings that this program does not know: its parent may be of a later version.
	Older bool
	// Run does its work. lines receives output of other programs, which goes to its log.
	Run func(_ context.Context, _ T, log *slog.Logger, lines io.Writer) error
}

// Told is an error that the process has already logged.
type Told struct{ error }

// Unwrap returns the error.
func (t *Told) Unwrap() error { return t.error }

// Do loads the settings, checks the parent, and runs the process. Problems of its log neither block nor end it.
func (p Process[T, P]) Do(ctx context.Context) error {
	outlive()
	environ, err := p.environ()
	var c T
	if err == nil {
		c, err = config.Load[T, P](environ)
	}
	if err != nil {
		sayLastWords(err)
		return err
	}
	to := p.Stderr
	if to == os.Stderr {
		to = logOutput()
	}
	log, lines := logs.Start(to, func(w io.Writer) *slog.Logger { return c.Logger(w, p.Host(c), p.Name) })
	defer lines.Close()
	if err = inherit(environ); err == nil {
		err = p.Run(ctx, c, log, lines)
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		log.Info("stopped during startup", "error", err)
		err = nil
	}
	if err != nil {
		sayLastWords(err)
		log.Error("process ends", "error", err)
		return &Told{err}
	}
	return nil
}

// environ protects this process and returns its environment, with the secrets that its parent passed separately.
func (p Process[T, P]) environ() ([]string, error) {
	environ, err := sealed()
	if err == nil && p.Older {
		environ = config.Known(environ)
	}
	return environ, err
}
