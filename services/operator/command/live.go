package command

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/screen"
	"github.com/hotpair/hotpair/services/operator/wording"
)

// livePace is how often the hosts are asked for new steps while a switchover is made.
const livePace = 15 * time.Millisecond

// live prints the steps of a switchover while they are made, as both hosts tell them.
type live struct {
	out  io.Writer
	mu   sync.Mutex
	seen map[string]bool
	last string           // step that was shown last
	held []operator.Event // heard of before one that comes before them: the hosts are asked one beside the other
}

func keyOf(e operator.Event) string { return e.Host + e.Time.UTC().Format(time.RFC3339Nano) + e.Text }

// note shows the steps among events that have not been seen; quietly, they only count as seen.
func (l *live) note(events []operator.Event, quietly bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range events {
		if l.seen[keyOf(e)] {
			continue
		}
		l.seen[keyOf(e)] = true
		if !quietly && e.Step >= firstShown {
			l.held = append(l.held, e)
		}
	}
	inOrder(l.held)
	for len(l.held) > 0 && l.held[0].Step <= l.due() {
		fmt.Fprintln(l.out, stepRow(l.held[0]))
		l.last = max(l.last, l.held[0].Step)
		l.held = l.held[1:]
	}
}

// firstShown is the first step of a switchover.
const firstShown = "B3"

// due is the step after the one that was shown last: no other can belong before it.
func (l *live) due() string {
	if l.last == "" {
		return firstShown
	}
	return l.last[:len(l.last)-1] + string(l.last[len(l.last)-1]+1)
}

// inOrder sorts steps as they are made. The clocks of two hosts may differ, the numbers of steps don't.
func inOrder(steps []operator.Event) {
	slices.SortStableFunc(steps, func(a, b operator.Event) int { return cmp.Or(cmp.Compare(a.Step, b.Step), a.Time.Compare(b.Time)) })
}

// left gives the steps that were not shown.
func (l *live) left(steps []operator.Event) (left []operator.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	left, l.held = l.held, nil
	for _, e := range steps {
		if !l.seen[keyOf(e)] {
			left = append(left, e)
		}
	}
	inOrder(left)
	return left
}

// follow shows steps until stop is called, which looks a last time.
func (l *live) follow(ctx context.Context, looks []look) (stop func()) {
	var clients []*operator.Client
	for _, k := range looks {
		if k.err == nil {
			clients = append(clients, k.client())
			l.note(k.status.Events, true)
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	for _, client := range clients {
		work.Go(func() {
			ticker := time.NewTicker(livePace)
			defer ticker.Stop()
			for {
				select {
				case <-ticker.C:
				case <-ctx.Done():
					last, end := context.WithTimeout(context.WithoutCancel(ctx), lookMoment)
					defer end()
					if s, err := client.Status(last); err == nil {
						l.note(s.Events, false)
					}
					return
				}
				if s, err := client.Status(ctx); err == nil {
					l.note(s.Events, false)
				}
			}
		})
	}
	return func() { cancel(); work.Wait() }
}

// stepRow is one step of a switchover, as a line.
func stepRow(e operator.Event) string {
	return wording.Fit(wording.Printable("  "+screen.Pad(e.Step, 4)+screen.Pad(e.Host, 4)+fmt.Sprintf("%10s  ", wording.Milliseconds(e.Took))+e.Text), screen.Width)
}
