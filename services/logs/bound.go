package logs

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"
)

const (
	// mostOfAKind bounds the lines of one kind in a period: what somebody outside can cause must not fill the disk.
	mostOfAKind = 30
	period      = time.Minute
	// mostKinds bounds the kinds that are told apart in a period; all beyond are one. longestKind is how much of a message
	// tells them apart, in bytes.
	mostKinds   = 1024
	longestKind = 200
)

// bound passes on so many lines of each kind in a period, and then how many more there were. A kind is a level with a
// message: what varies stands in attributes. Lines for debugging are asked for, and all pass.
type bound struct {
	slog.Handler
	*kinds
}

// kind is what is counted as one.
type kind struct {
	level   slog.Level
	message string
}

// kinds are those of the present period.
type kinds struct {
	to slog.Handler // where is told what was left out

	mu    sync.Mutex
	lines map[kind]int
}

func newBound(to slog.Handler) bound { return bound{to, &kinds{to: to}} }

// Handle implements slog.Handler.
func (b bound) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelInfo && !b.passes(kind{r.Level, strings.Clone(r.Message[:min(len(r.Message), longestKind)])}) {
		return nil
	}
	return b.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (b bound) WithAttrs(attrs []slog.Attr) slog.Handler {
	return bound{b.Handler.WithAttrs(attrs), b.kinds}
}

// WithGroup implements slog.Handler.
func (b bound) WithGroup(name string) slog.Handler { return bound{b.Handler.WithGroup(name), b.kinds} }

func (s *kinds) passes(k kind) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lines == nil {
		s.lines = map[kind]int{}
		time.AfterFunc(period, s.end)
	}
	if _, known := s.lines[k]; !known && len(s.lines) >= mostKinds {
		k.message = "of many kinds"
	}
	s.lines[k]++
	return s.lines[k] <= mostOfAKind
}

// end ends a period and tells what was left out in it.
func (s *kinds) end() {
	s.mu.Lock()
	lines := s.lines
	s.lines = nil
	s.mu.Unlock()
	for k, n := range lines {
		if n > mostOfAKind {
			r := slog.NewRecord(time.Now(), k.level, "further lines of the same kind were dropped", 0)
			r.Add("message", k.message, "left_out", n-mostOfAKind, "took", period)
			_ = s.to.Handle(context.Background(), r) // it is the log: there is nobody else to tell
		}
	}
}
