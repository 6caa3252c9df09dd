// Package launch is how a process of hotpair begins and ends, whichever it is, and a service of anybody's too: its secrets
// are hidden first, its settings come from the environment, it makes sure of its parent, its log waits for nobody, and
// what it fails of is said where operators see it.
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
	Usage  = 2 // arguments or environment: trying again is no use
)

// Settings is what every process reads: among other things, how it logs.
type Settings interface {
	Logger(w io.Writer, host, process string) *slog.Logger
}

// Process is one process, which is set by its environment.
type Process[T Settings, P config.Spec[T]] struct {
	Name string
	// Host gives the name of its host, for its log.
	Host func(T) string
	// Stderr gets its log.
	Stderr io.Writer
	// Older lets the environment have what this program knows nothing of: whoever starts it may be of a later version.
	Older bool
	// Run is its work. lines takes lines of others, which go the way of its log.
	Run func(_ context.Context, _ T, log *slog.Logger, lines io.Writer) error
}

// Told is an error that the process's own log has told already.
type Told struct{ error }

// Unwrap gives the error.
func (t *Told) Unwrap() error { return t.error }

// Do loads the settings, makes sure of the parent, and runs the process. Nothing that becomes of its log holds or ends
// it.
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
		log.Info("told to end while it started", "error", err)
		err = nil
	}
	if err != nil {
		sayLastWords(err)
		log.Error("process ends", "error", err)
		return &Told{err}
	}
	return nil
}

// environ hides what this process knows, and gives its environment, with the secrets that its parent passed beside it.
func (p Process[T, P]) environ() ([]string, error) {
	environ, err := sealed()
	if err == nil && p.Older {
		environ = config.Known(environ)
	}
	return environ, err
}
