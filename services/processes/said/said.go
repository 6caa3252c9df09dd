// Package said keeps what a program wrote last, for whoever asks the host and has no access to its log.
package said

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	// MostLines and mostBytes bound what is kept of a program, longestLine a line of it.
	MostLines   = 2000
	mostBytes   = 512 << 10
	longestLine = 4096
)

// Line is one of a program's.
type Line struct {
	Number uint64    `json:"number"` // rises, also over a restart of main
	Time   time.Time `json:"time"`
	Kind   string    `json:"kind"` // out, error, or host: what its host says of it
	Text   string    `json:"text"`
}

// The kinds of lines.
const (
	Out   = "out"
	Error = "error"
	Host  = "host"
)

// Lines are what one program wrote last. The zero value is ready for use, by several goroutines.
type Lines struct {
	mu    sync.Mutex
	lines []Line
	bytes int
	last  uint64
}

// Add keeps a line, and lets go of the oldest ones that there is no room for.
func (l *Lines) Add(kind, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	// The clock has them rise over a restart of main; a clock that is set back does not have them fall.
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
		clear(l.lines[:drop]) // what is let go of keeps no text
		l.lines = l.lines[drop:]
	}
}

// After gives the last lines behind a number, at most so many, and the number to go on behind.
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

// Last is the number of the last line; 0 is none.
func (l *Lines) Last() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// Words are what the program said last behind a number, rather of what it complained about; "" is nothing.
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

// Logger gives a logger that keeps all it is given, and passes it on to another one.
func (l *Lines) Logger(to *slog.Logger) *slog.Logger { return slog.New(keeper{to.Handler(), l}) }

// keeper is the handler.
type keeper struct {
	slog.Handler
	lines *Lines
}

// Enabled implements slog.Handler: what the log leaves out is kept all the same.
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
