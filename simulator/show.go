package simulator

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

const (
	liveEvery = 500 * time.Millisecond // on a screen, where a line is overwritten
	lineEvery = 5 * time.Second        // elsewhere
)

// show writes the progress until ctx ends.
func (r *run) show(ctx context.Context, began time.Time) {
	every := lineEvery
	if r.options.Live {
		every = liveEvery
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	var before moment
	for {
		select {
		case <-ctx.Done():
			if r.options.Live {
				fmt.Fprint(r.options.Progress, "\r\033[K")
			}
			return
		case at := <-tick.C:
			now := r.recorder.now(at)
			line := fmt.Sprintf("%5s  %6.0f/s  %d operations, %d waiting, epoch %d, longest %s",
				at.Sub(began).Round(time.Second), float64(now.operations-before.operations)/every.Seconds(),
				now.operations, now.waiting, now.epoch, short(now.most))
			if now.silence > every {
				line += ", no answer for " + short(now.silence)
			}
			before = now
			r.tell(line)
		}
	}
}

// tell shows a line, on a screen over the previous one.
func (r *run) tell(line string) {
	if r.options.Live {
		fmt.Fprint(r.options.Progress, "\r"+line+"\033[K")
	} else {
		fmt.Fprintln(r.options.Progress, line)
	}
}

// asking reports every second the progress of reading back at the end, until done: the longer the run, the longer it
// takes.
func (r *run) asking(what string, of int) (one, done func()) {
	var asked atomic.Int64
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			r.tell(fmt.Sprintf("reading back %s: %d of %d", what, asked.Load(), of))
			select {
			case <-tick.C:
			case <-over:
				if r.options.Live {
					fmt.Fprint(r.options.Progress, "\r\033[K")
				}
				return
			}
		}
	}()
	return func() { asked.Add(1) }, func() { close(over); <-ended }
}
