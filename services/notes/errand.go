package notes

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/hotpair/hotpair/bus"
)

// errandFirst and errandMost are the pause between two tries of an errand; it doubles.
const (
	errandFirst = 50 * time.Millisecond
	errandMost  = time.Second
	// noteWithin bounds the order to the updater.
	noteWithin = 5 * time.Second
)

// errand is something that has to become durable, however long that takes: it is tried until it is done, one try at a time. What
// is wanted may change meanwhile; a try is for what is wanted then.
type errand struct {
	what  string // in a sentence: "it can't be made durable"
	log   *slog.Logger
	do    func(ctx context.Context) error // makes durable what is wanted by now; nil: nothing is left to do
	told  func(problem string)            // is told when the reason why it is not done changes; "" when it is done
	woken chan struct{}
}

func newErrand(what string, log *slog.Logger, do func(ctx context.Context) error, told func(problem string)) *errand {
	return &errand{what: what, log: log, do: do, told: told, woken: make(chan struct{}, 1)}
}

// Wake says that something else is wanted, or that a try may succeed now. It never waits.
func (e *errand) Wake() {
	select {
	case e.woken <- struct{}{}:
	default:
	}
}

// Run does the errand until ctx ends.
func (e *errand) Run(ctx context.Context) error {
	var problem string
	var since time.Time
	for pause, tries := errandFirst, 0; ; {
		err := e.do(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		now := ""
		if err != nil {
			now = err.Error()
		}
		if now != problem {
			if problem == "" {
				since = time.Now()
				e.log.Warn(e.what+" is not durable yet; the write is retried", "error", err)
			}
			problem = now
			e.told(problem)
			if problem == "" {
				e.log.Info(e.what+" is durable now", "tries", tries+1, "took", time.Since(since))
			}
		}
		var again <-chan time.Time
		if err == nil {
			pause, tries = errandFirst, 0
		} else {
			again, pause, tries = time.After(pause), min(2*pause, errandMost), tries+1
		}
		select {
		case <-e.woken:
			pause = errandFirst
		case <-again:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Learned is the machine's knowledge of the pair that the updater stores durably: the pair, the highest record seen
// (V12), the highest epoch (R5). None of it goes back.
type Learned struct {
	*errand
	keep func(ctx context.Context, note bus.Note) error

	mu         sync.Mutex
	want, have bus.Note // only PairID, Epoch, RecordVersion and Record
}

// NewLearned returns a Learned; keep makes a note durable.
func NewLearned(keep func(ctx context.Context, note bus.Note) error, log *slog.Logger) *Learned {
	l := &Learned{keep: keep}
	l.errand = newErrand("the knowledge of the pair", log, l.write, func(string) {})
	return l
}

// Note adds a note to be stored. It never blocks.
func (l *Learned) Note(n bus.Note) {
	l.mu.Lock()
	if n.PairID != "" {
		l.want.PairID = n.PairID
	}
	l.want.Epoch = max(l.want.Epoch, n.Epoch)
	if n.RecordVersion >= l.want.RecordVersion && n.Record != nil {
		l.want.Record = n.Record
	}
	l.want.RecordVersion = max(l.want.RecordVersion, n.RecordVersion)
	l.mu.Unlock()
	l.Wake()
}

func (l *Learned) write(ctx context.Context) error {
	l.mu.Lock()
	want, due := l.want, !sameNote(l.want, l.have)
	l.mu.Unlock()
	if !due {
		return nil
	}
	if err := l.keep(ctx, want); err != nil {
		return err
	}
	l.mu.Lock()
	l.have = want
	more := !sameNote(l.want, want)
	l.mu.Unlock()
	if more {
		l.Wake()
	}
	return nil
}

// sameNote compares what learned keeps.
func sameNote(a, b bus.Note) bool {
	return a.PairID == b.PairID && a.Epoch == b.Epoch && a.RecordVersion == b.RecordVersion && bytes.Equal(a.Record, b.Record)
}

// By returns a keep function that orders the updater to make notes durable.
func By(orders *bus.Poster) func(ctx context.Context, note bus.Note) error {
	return func(ctx context.Context, note bus.Note) error {
		within := noteWithin
		if deadline, ok := ctx.Deadline(); ok {
			within = time.Until(deadline)
		}
		if _, err := bus.CallNote.PostWait(ctx, orders, note, within); err != nil {
			return fmt.Errorf("the updater: %w", err)
		}
		return nil
	}
}
