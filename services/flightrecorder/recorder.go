// Package flightrecorder keeps the last seconds of a process's execution trace in memory, and writes them to a file
// after an important moment: a takeover. The file shows what ran, what waited and for what, to the microsecond.
//
//	recorder := flightrecorder.New(flightrecorder.Config{Dir: dir, Name: "a-main", Log: log})
//	group.Go(func() error { return recorder.Run(ctx) })
//	recorder.Note("epoch-7") // never waits
//
// Nothing waits for it: Run's goroutine writes a file some time after the moment, so that the trace has what followed,
// and terminals are served again. An error is logged and changes nothing.
package flightrecorder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/trace"
	"slices"
	"strings"
	"time"

	"github.com/hotpair/hotpair/services/durable"
)

const (
	// after is how long after a moment the file is written. By then terminals have long been served.
	after = time.Second
	// window is the least time before the moment in a file: a takeover on silence takes a lease.
	window = 4 * time.Second
	// windowBytes bounds the memory for that, about: a busy process makes some MB a second.
	windowBytes = 16 << 20
	// mostBytes bounds one file; a larger trace is not kept.
	mostBytes = 4 * windowBytes
	// mostFiles bounds the files of one name; the oldest are removed.
	mostFiles = 8
	// suffix of files.
	suffix = ".trace"
)

// errLarge says that a trace is larger than one file may be.
var errLarge = errors.New("the trace is too large")

// Config describes a Recorder.
type Config struct {
	Dir  string // for the files; empty: nothing is recorded
	Name string // of the process, in the files' names: letters, digits, hyphens and dots
	Log  *slog.Logger
}

// Recorder keeps the trace of the process. A process has at most one.
type Recorder struct {
	config Config
	notes  chan string
	after  time.Duration
}

// New makes a Recorder; it records while Run runs.
func New(c Config) *Recorder {
	return &Recorder{config: c, notes: make(chan string, 1), after: after}
}

// Note writes the trace around now to a file with the given name in its name, later. It never waits; a moment shortly
// after another one is in that one's file. A nil Recorder does nothing.
func (r *Recorder) Note(what string) {
	if r == nil {
		return
	}
	select {
	case r.notes <- what:
	default:
	}
}

// Run records until ctx ends. Its only error is that of ctx: a process works the same without a trace.
func (r *Recorder) Run(ctx context.Context) error {
	if r.config.Dir == "" {
		<-ctx.Done()
		return ctx.Err()
	}
	recorder := trace.NewFlightRecorder(trace.FlightRecorderConfig{MinAge: window, MaxBytes: windowBytes})
	err := os.MkdirAll(r.config.Dir, 0o700)
	if err == nil {
		err = recorder.Start()
	}
	if err != nil {
		r.config.Log.Warn("no trace is recorded", "error", err)
		<-ctx.Done()
		return ctx.Err()
	}
	defer recorder.Stop()
	r.config.Log.Info("the execution trace is recorded", "directory", r.config.Dir)
	for {
		select {
		case what := <-r.notes:
			pause := time.NewTimer(r.after)
			select {
			case <-pause.C:
			case <-ctx.Done():
				pause.Stop()
			}
			if path, err := r.write(what, recorder); err != nil {
				r.config.Log.Warn("the trace could not be written", "error", err)
			} else {
				r.config.Log.Info("the trace is written", "file", path)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// write makes the file under a temporary name, renames it and removes the oldest ones.
func (r *Recorder) write(what string, from io.WriterTo) (path string, err error) {
	stem := r.config.Name + "-"
	path = filepath.Join(r.config.Dir, stem+time.Now().UTC().Format("20060102T150405.000Z")+"-"+what+suffix)
	file, err := durable.Begin(path)
	if err != nil {
		return "", fmt.Errorf("trace: %w", err)
	}
	if _, err := from.WriteTo(&bounded{to: file, left: mostBytes}); err != nil {
		return "", fmt.Errorf("trace: %w", errors.Join(err, file.Discard()))
	}
	if err := file.Create(); err != nil {
		return "", fmt.Errorf("trace: %w", err)
	}
	return path, r.prune(stem)
}

// prune removes the oldest files of this process beyond mostFiles, and unfinished ones of an earlier run.
func (r *Recorder) prune(stem string) error {
	entries, err := os.ReadDir(r.config.Dir)
	if err != nil {
		return fmt.Errorf("trace: %w", err)
	}
	var whole []string // in the order of time, which the names have
	var gone []string
	for _, e := range entries {
		switch name := e.Name(); {
		case !strings.HasPrefix(name, stem):
		case strings.HasSuffix(name, suffix):
			whole = append(whole, name)
		case durable.InTheMaking(name):
			gone = append(gone, name)
		}
	}
	slices.Sort(whole)
	gone = append(gone, whole[:max(0, len(whole)-mostFiles)]...)
	for _, name := range gone {
		err = errors.Join(err, os.Remove(filepath.Join(r.config.Dir, name)))
	}
	return err
}

// bounded limits the bytes written.
type bounded struct {
	to   io.Writer
	left int
}

func (b *bounded) Write(p []byte) (int, error) {
	if len(p) > b.left {
		return 0, errLarge
	}
	n, err := b.to.Write(p)
	b.left -= n
	return n, err
}
