package wire

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"
)

// While a process waits for many answers it is woken each wakeEvery, and all that it was late is added up, half of the wait at
// most: a question passes through several goroutines, and that the last of them is woken in time says nothing of the others.
const wakeEvery = 50 * time.Millisecond

// Silent sends a request on connections at the same time and returns those that did not answer in time. A process that
// was stalled can't tell, and returns none (T11). run runs a goroutine that the caller waits for before it ends: a
// request to a terminal that can't be written to takes longer to fail than is waited for here.
func Silent(ctx context.Context, within time.Duration, run func(func()), asked ...*Conn) []*Conn {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	quiet := map[*Conn]bool{}
	answers := make(chan *Conn, len(asked))
	for _, c := range asked {
		quiet[c] = true
		run(func() {
			if err := c.FlushWithContext(ctx); err == nil || !errors.Is(err, context.DeadlineExceeded) {
				answers <- c // or its connection has ended, which says more
			}
		})
	}
	waking := wakes{last: began}
	tick := time.NewTicker(wakeEvery)
	defer tick.Stop()
	for over := false; !over && len(quiet) > 0; {
		select {
		case c := <-answers:
			delete(quiet, c)
		case <-tick.C:
		case <-ctx.Done():
			over = true
		}
		waking.woken(time.Now())
	}
	for len(answers) > 0 { // they came in time, and this process was late
		delete(quiet, <-answers)
	}
	if waking.late > within/2 {
		return nil
	}
	return slices.Collect(maps.Keys(quiet))
}

// wakes adds up how late a goroutine was woken that wants to be each wakeEvery.
type wakes struct {
	last time.Time
	late time.Duration
}

func (w *wakes) woken(now time.Time) {
	w.late += max(now.Sub(w.last)-wakeEvery, 0)
	w.last = now
}
