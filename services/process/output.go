package process

import (
	"bufio"
	"bytes"
	"context"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"time"
)

const (
	// longestLine splits the lines of programs that write without line ends.
	longestLine = 16 << 10
	// lastWords is how long output is read after the process has ended: the content of the pipe comes at once, and a
	// descendant that holds the pipe open must not block the reader.
	lastWords = 250 * time.Millisecond
)

// output forwards what a child writes to a logger: standard output as information, standard error as warnings.
type output struct {
	logger  *slog.Logger
	readers []*os.File // standard output, standard error
	writers []*os.File // the child's ends
	reading sync.WaitGroup
	begun   chan struct{} // closed when reading has begun, or never will

	mu    sync.Mutex
	words []byte // the end of standard error
	crash []byte // line with the reason of a crash whose trace follows
	more  bool   // the next line belongs to it
}

// capture connects a command that has not started to a new output.
func capture(cmd *exec.Cmd, logger *slog.Logger) (*output, error) {
	o := &output{logger: logger, begun: make(chan struct{})}
	for range 2 {
		r, w, err := os.Pipe()
		if err != nil {
			o.begin(false)
			return nil, err
		}
		o.readers, o.writers = append(o.readers, r), append(o.writers, w)
	}
	cmd.Stdout, cmd.Stderr = o.writers[0], o.writers[1]
	return o, nil
}

// begin reads once the child has started, and releases everything if it has not.
func (o *output) begin(started bool) {
	defer close(o.begun)
	for _, w := range o.writers {
		w.Close()
	}
	levels := []slog.Level{slog.LevelInfo, slog.LevelWarn}
	for i, r := range o.readers {
		if !started {
			r.Close()
			continue
		}
		o.reading.Go(func() { o.forward(r, levels[i], i == 1) })
	}
}

func (o *output) forward(r *os.File, level slog.Level, complaints bool) {
	defer r.Close()
	lines := bufio.NewReaderSize(r, longestLine)
	for {
		line, _, err := lines.ReadLine()
		if err != nil {
			return // end of file, or the deadline after the end of the process
		}
		if len(line) > 0 {
			o.logger.Log(context.Background(), level, string(line))
		}
		if complaints {
			o.keep(line)
		}
	}
}

// keep keeps the end of standard error: a program without last words writes the reason for its end there.
func (o *output) keep(line []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case tellsACrash(line):
		o.crash, o.more = append([]byte(nil), line[:min(len(line), longestWords/2)]...), true
	case o.more:
		o.crash, o.more = append(append(o.crash, ' '), line[:min(len(line), longestWords/2-1)]...), false
	}
	o.words = append(append(o.words, line...), '\n')
	if over := len(o.words) - longestWords; over > 0 {
		o.words = append([]byte(nil), o.words[over:]...)
	}
}

// lastWords returns the end of standard error as one line, once all of it has been read.
func (o *output) lastWords() string {
	<-o.begun
	o.wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.crash) > 0 {
		return oneLine(o.crash) // what follows is where it happened, not why
	}
	return oneLine(o.words)
}

// tellsACrash reports whether a line is a runtime's reason for a crash, which precedes a trace longer than what is
// kept.
func tellsACrash(line []byte) bool {
	for _, begin := range []string{"panic: ", "fatal error: ", "runtime: out of memory", "Exception in thread ", "terminate called "} {
		if bytes.HasPrefix(line, []byte(begin)) {
			return true
		}
	}
	return bytes.HasPrefix(line, []byte("thread '")) && bytes.Contains(line, []byte("panicked at"))
}

// end is called when the process has ended.
func (o *output) end() {
	for _, r := range o.readers {
		// Fails only if the reader has closed it already.
		_ = r.SetReadDeadline(time.Now().Add(lastWords))
	}
}

func (o *output) wait() { o.reading.Wait() }
