package stand

import (
	"context"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/hotpair/hotpair/bus"
)

// mostRefusals bounds those that are kept.
const mostRefusals = 64

// refusals records what servers refuse to the program; they report it in their log.
type refusals struct {
	mu   sync.Mutex
	said []string
}

// refusal is how a server says that a user may not use a subject, or may not log in.
var refusal = regexp.MustCompile(`((?:Publish|Subscription) Violation - \w+ "[^"]*"|authentication error.*)`)

// logger is one for a server.
func (r *refusals) logger() *slog.Logger { return slog.New(r) }

// Enabled implements slog.Handler.
func (r *refusals) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }

// Handle implements slog.Handler.
func (r *refusals) Handle(_ context.Context, record slog.Record) error {
	record.Attrs(func(a slog.Attr) bool {
		if said := refusal.FindString(a.Value.String()); said != "" {
			r.add(said)
		}
		return true
	})
	return nil
}

// WithAttrs implements slog.Handler.
func (r *refusals) WithAttrs([]slog.Attr) slog.Handler { return r }

// WithGroup implements slog.Handler.
func (r *refusals) WithGroup(string) slog.Handler { return r }

func (r *refusals) add(said string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.said) < mostRefusals && !slices.Contains(r.said, said) {
		r.said = append(r.said, said)
	}
}

func (r *refusals) list() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.said)
}

// announced finds in a refusal the name that a program has announced itself under.
var announced = regexp.MustCompile(`Violation - Subject "(?:business\.|\$SRV\.[A-Z]+\.|db\.|` + regexp.QuoteMeta(bus.BatchSubject("")) + `|heartbeat\.business\.)([A-Za-z0-9_-]+)`)

// Announced returns the name under which the program has tried to serve, "" if it has not yet. A program that uses the
// name in its environment serves under that.
func (s *Stand) Announced() string {
	for _, said := range s.Refusals() {
		if m := announced.FindStringSubmatch(said); m != nil {
			return m[1]
		}
	}
	return ""
}

// Readable turns a refusal into a sentence.
func Readable(said string) string {
	return strings.NewReplacer("Publish Violation - Subject", "publishes to", "Publish Violation - Reply", "asks for an answer to",
		"Subscription Violation - Subject", "subscribes to").Replace(said)
}
