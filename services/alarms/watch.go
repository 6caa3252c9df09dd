package alarms

import (
	"context"
	"time"

	"github.com/hotpair/hotpair/services/pace"
)

// watchPace is how often main looks for causes of alarms.
const watchPace = 500 * time.Millisecond

// Source gathers the present facts. It is called twice a second, by one goroutine.
type Source interface {
	Facts() Facts
}

// Watch raises and clears the alarms whose causes main can see itself, with the delays of Table. It is
// for one goroutine.
type Watch struct {
	alarms *Set
	source Source

	earlier history

	since map[string]time.Duration // when a cause that is no alarm yet was first seen
	gone  map[string]time.Duration // when the cause of an alarm was first missed
	mine  map[string]bool          // alarms that this watch has raised
}

// NewWatch makes a watch that judges what a source tells.
func NewWatch(a *Set, source Source) *Watch {
	return &Watch{alarms: a, source: source, since: map[string]time.Duration{}, gone: map[string]time.Duration{}, mine: map[string]bool{}}
}

// Run watches until ctx ends.
func (w *Watch) Run(ctx context.Context) error {
	tick := time.NewTimer(pace.Next(watchPace))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			tick.Reset(pace.Next(watchPace))
			f := w.source.Facts()
			w.look(f.Now, judge(f, w.earlier.add(f), w.alarms.IsRaised(DiskNearlyFull)))
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// look compares what is wrong now, a sentence for each id, with what is raised, and raises and clears.
func (w *Watch) look(now time.Duration, causes map[string]string) {
	for id, text := range causes {
		delete(w.gone, id)
		if !w.mine[id] {
			began, seen := w.since[id]
			if !seen {
				began = now
				w.since[id] = now
			}
			if now-began < KindOf(id).After {
				continue
			}
			w.mine[id] = true
			delete(w.since, id)
		}
		w.alarms.Raise(id, text)
	}
	for id := range w.since {
		if _, still := causes[id]; !still {
			delete(w.since, id)
		}
	}
	for id := range w.mine {
		if _, still := causes[id]; still {
			continue
		}
		began, seen := w.gone[id]
		if !seen {
			began = now
			w.gone[id] = now
		}
		if now-began >= KindOf(id).Calm {
			delete(w.mine, id)
			delete(w.gone, id)
			w.alarms.Clear(id)
		}
	}
}
