package operator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
)

// Paths and names of the calls.
const (
	PathSchedule       = "/api/v1/switchover/schedule"
	PathScheduleCancel = "/api/v1/switchover/cancel"
	CallSchedule       = "switchover-schedule"
	CallScheduleCancel = "switchover-cancel"

	// livePace is how often the hosts are asked for new steps while a switchover is made.
	livePace = 15 * time.Millisecond
)

// Scheduling is the part of Host about a switchover at a later time. A standby forwards both to the active. Errors:
// ErrRefused, ErrForward, ErrUsage.
type Scheduling interface {
	// Schedule has the active switch over at a time. It takes the place of what was scheduled before.
	Schedule(ctx context.Context, caller Caller, request ScheduleRequest) (Scheduled, error)
	// CancelSchedule drops what is scheduled.
	CancelSchedule(ctx context.Context, caller Caller) (Scheduled, error)
}

// ScheduleRequest says when.
type ScheduleRequest struct {
	At time.Time `json:"at"`
}

// Scheduled is a switchover that shall happen. It lives in the main of the active, and is lost with it: the other host says so.
type Scheduled struct {
	At   time.Time `json:"at"`
	By   string    `json:"by"`
	Host string    `json:"host"` // that shall hand over
}

func (s *Scheduled) sentence(now time.Time) string {
	return fmt.Sprintf("scheduled: %s hands over in %s (%s UTC, by %s)", s.Host, ago(s.At.Sub(now)), shortTime(s.At), s.By)
}

func (h *handler) schedule(w http.ResponseWriter, r *http.Request) error {
	var request ScheduleRequest
	if err := arguments(r, &request); err != nil {
		return err
	}
	if request.At.IsZero() {
		return fmt.Errorf("%w: at is a time like 2026-03-04T03:00:00Z", ErrUsage)
	}
	return carryOut(h, w, r, CallSchedule, answerWithin, func(ctx context.Context, caller Caller) (Scheduled, error) {
		return h.host.Schedule(ctx, caller, request)
	})
}

func (h *handler) cancelSchedule(w http.ResponseWriter, r *http.Request) error {
	if err := emptyBody(r); err != nil {
		return err
	}
	return carryOut(h, w, r, CallScheduleCancel, answerWithin, h.host.CancelSchedule)
}

// Schedule has the active switch over at a time.
func (c *Client) Schedule(ctx context.Context, request ScheduleRequest) (Scheduled, error) {
	var done Scheduled
	return done, c.post(ctx, PathSchedule, request, &done)
}

// CancelSchedule drops what is scheduled.
func (c *Client) CancelSchedule(ctx context.Context) (Scheduled, error) {
	var done Scheduled
	return done, c.post(ctx, PathScheduleCancel, struct{}{}, &done)
}

// whenText reads a time as people give it: RFC 3339, a time of day (the next one, local), or from now.
func whenText(text string, now time.Time) (time.Time, error) {
	if rest, relative := strings.CutPrefix(text, "+"); relative {
		if d, err := time.ParseDuration(rest); err == nil && d > 0 {
			return now.Add(d), nil
		}
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	for _, layout := range []string{"15:04", "15:04:05"} {
		if clock, err := time.Parse(layout, text); err == nil {
			at := time.Date(now.Year(), now.Month(), now.Day(), clock.Hour(), clock.Minute(), clock.Second(), 0, now.Location())
			if !at.After(now) {
				at = at.AddDate(0, 0, 1)
			}
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%w: --at %q is no time like 03:00, +10m or 2026-03-04T03:00:00Z", ErrUsage, text)
}

// plan schedules or cancels.
func (f *flags) plan(ctx context.Context, c *cobra.Command, at string, cancel bool) error {
	var when time.Time
	var err error
	if !cancel {
		if when, err = whenText(at, time.Now()); err != nil {
			return err
		}
	}
	client, _, err := f.client(ctx, c)
	if err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(ctx, answerWithin+lookWithin)
	defer stop()
	var done Scheduled
	if cancel {
		done, err = client.CancelSchedule(ctx)
	} else {
		done, err = client.Schedule(ctx, ScheduleRequest{At: when})
	}
	switch {
	case errors.Is(err, ErrRefused):
		return fmt.Errorf("switchover refused, nothing was done: %w", err)
	case err != nil:
		return fmt.Errorf("switchover: %w", err)
	case f.json:
		return printJSON(c, done)
	}
	s := &screen{colour: isTerminal(c.OutOrStdout())}
	if cancel {
		s.headline(Good, "cancelled: "+done.Host+" stays active at "+shortTime(done.At)+" UTC")
	} else {
		s.headline(Good, done.sentence(time.Now()))
		s.line("hotpair switchover --cancel drops it. If main of " + done.Host + " ends before, it is lost and an event says so.")
	}
	_, err = fmt.Fprint(c.OutOrStdout(), s.out.String())
	return err
}

// live prints the steps of a switchover while they are made, as both hosts tell them.
type live struct {
	out  io.Writer
	mu   sync.Mutex
	seen map[string]bool
	last string  // step that was shown last
	held []Event // heard of before one that comes before them: the hosts are asked one beside the other
}

func keyOf(e Event) string { return e.Host + e.Time.UTC().Format(time.RFC3339Nano) + e.Text }

// note shows the steps among events that have not been seen; quietly, they only count as seen.
func (l *live) note(events []Event, quietly bool) {
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
func inOrder(steps []Event) {
	slices.SortStableFunc(steps, func(a, b Event) int { return cmp.Or(cmp.Compare(a.Step, b.Step), a.Time.Compare(b.Time)) })
}

// left gives the steps that were not shown.
func (l *live) left(steps []Event) (left []Event) {
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
	var clients []*Client
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
func stepRow(e Event) string {
	return fit(printable("  "+pad(e.Step, 4)+pad(e.Host, 4)+fmt.Sprintf("%10s  ", milliseconds(e.Took))+e.Text), width)
}
