package logs

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"
)

const (
	// mostOfAKind bounds the lines of one kind in a period: events caused from outside must not fill the disk.
	mostOfAKind = 30
	period      = time.Minute
	// mostKinds bounds the kinds that are distinguished in a period; all others count as one. longestKind is the part
	// of a message that distinguishes them, in bytes.
	mostKinds   = 1024
	longestKind = 200
)

// bound passes on a number of lines of each kind in a period, and then reports how many were dropped. A kind is a
// level with a message: variable parts are attributes. Debug lines are requested, so all pass.
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
	to slog.Handler // receives the reports of dropped lines

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

// end ends a period and reports what was dropped in it.
func (s *kinds) end() {
	s.mu.Lock()
	lines := s.lines
	s.lines = nil
	s.mu.Unlock()
	for k, n := range lines {
		if n > mostOfAKind {
			r := slog.NewRecord(time.Now(), k.level, "further lines of the same kind were dropped", 0)
			r.Add("message", k.message, "left_out", n-mostOfAKind, "took", period)
			_ = s.to.Handle(context.Background(), r) // an error of the log itself can't be reported
		}
	}
}
