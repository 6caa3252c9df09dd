// Package said keeps the last output of a program, for those who can ask the host but have no access to its log.
package said

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	// MostLines and mostBytes bound the output that is kept of a program, longestLine a line of it.
	MostLines   = 2000
	mostBytes   = 512 << 10
	longestLine = 4096
)

// Line is one line of a program's output.
type Line struct {
	Number uint64    `json:"number"` // ascending, also across restarts of main
	Time   time.Time `json:"time"`
	Kind   string    `json:"kind"` // out, error, or host: a remark of its host
	Text   string    `json:"text"`
}

// The kinds of lines.
const (
	Out   = "out"
	Error = "error"
	Host  = "host"
)

// Lines are the last lines of one program. The zero value is ready for use by several goroutines.
type Lines struct {
	mu    sync.Mutex
	lines []Line
	bytes int
	last  uint64
}

// Add keeps a line, and drops the oldest ones for which there is no room.
func (l *Lines) Add(kind, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	// Based on the clock, so that numbers ascend across restarts of main; a clock that is set back does not lower
	// them.
	l.last = max(l.last+1, uint64(max(now.UnixMicro(), 0)))
	if len(text) > longestLine {
		text = text[:longestLine]
	}
	l.lines = append(l.lines, Line{Number: l.last, Time: now, Kind: kind, Text: text})
	l.bytes += len(text)
	drop := 0
	for ; len(l.lines)-drop > MostLines || l.bytes > mostBytes; drop++ {
		l.bytes -= len(l.lines[drop].Text)
	}
	if drop > 0 {
		clear(l.lines[:drop]) // a dropped line keeps no memory
		l.lines = l.lines[drop:]
	}
}

// After returns the last lines after a number, at most limit, and the number to continue after.
func (l *Lines) After(number uint64, limit int) (lines []Line, next uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	from := len(l.lines)
	for from > 0 && len(l.lines)-from < limit && l.lines[from-1].Number > number {
		from--
	}
	lines = append([]Line{}, l.lines[from:]...)
	return lines, max(l.last, number)
}

// Last is the number of the last line; 0 for none.
func (l *Lines) Last() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// Words returns the last output of the program after a number, preferably from standard error; "" for none.
func (l *Lines) Words(number uint64) (words string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := len(l.lines); i > 0 && l.lines[i-1].Number > number; i-- {
		switch line := l.lines[i-1]; {
		case line.Kind == Error:
			return line.Text
		case line.Kind == Out && words == "":
			words = line.Text
		}
	}
	return words
}

// Logger returns a logger that keeps all its records, and passes them on to another one.
func (l *Lines) Logger(to *slog.Logger) *slog.Logger { return slog.New(keeper{to.Handler(), l}) }

// keeper is its handler.
type keeper struct {
	slog.Handler
	lines *Lines
}

// Enabled implements slog.Handler: it keeps also what the log omits.
func (k keeper) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements slog.Handler.
func (k keeper) Handle(ctx context.Context, r slog.Record) error {
	kind := Out
	if r.Level >= slog.LevelWarn {
		kind = Error
	}
	k.lines.Add(kind, r.Message)
	if !k.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	return k.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (k keeper) WithAttrs(attrs []slog.Attr) slog.Handler {
	return keeper{k.Handler.WithAttrs(attrs), k.lines}
}

// WithGroup implements slog.Handler.
func (k keeper) WithGroup(name string) slog.Handler {
	return keeper{k.Handler.WithGroup(name), k.lines}
}
