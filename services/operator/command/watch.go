package command

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/hosts"
	"github.com/hotpair/hotpair/services/operator/screen"
	"github.com/hotpair/hotpair/services/operator/wording"
)

// fastestWatch is the shortest interval of a watch: faster than people read, slow enough for the host.
const fastestWatch = 50 * time.Millisecond

// Terminal control: beginning of the screen, rest of a line, rest of the screen, cursor off and on.
const (
	toTop      = "\x1b[H"
	eraseLine  = "\x1b[K"
	eraseBelow = "\x1b[J"
	eraseAll   = "\x1b[2J"
	cursorOff  = "\x1b[?25l"
	cursorOn   = "\x1b[?25h"
)

// watch shows the status until ctx ends.
func (f *flags) watch(ctx context.Context, c *cobra.Command, targets []hosts.Target, every time.Duration) error {
	if every < fastestWatch {
		return fmt.Errorf("%w: --interval is at least %s", operator.ErrUsage, fastestWatch)
	}
	w := &watcher{out: c.OutOrStdout(), json: f.json, inPlace: screen.IsTerminal(c.OutOrStdout()) && !f.json}
	defer w.end()
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		if err := w.show(hosts.LookAt(ctx, targets), time.Now()); err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}

// watcher draws statuses one after the other.
type watcher struct {
	out     io.Writer
	json    bool
	inPlace bool // on a terminal: over what was drawn before

	drawn bool
	last  operator.Status
	at    time.Time // when last came; zero: never
}

// show draws the outcome of a look. The error is that the output is gone.
func (w *watcher) show(looks []hosts.Look, now time.Time) error {
	best := looks[0]
	if best.Err == nil {
		w.last, w.at = best.Status, now
	}
	if w.json {
		if best.Err != nil {
			return nil // each line is a status, and there is none
		}
		line, err := json.Marshal(best.Status)
		if err != nil {
			return fmt.Errorf("print: %w", err)
		}
		_, err = fmt.Fprintln(w.out, string(line))
		return err
	}
	return w.draw(w.frame(looks, now))
}

// frame is what one redraw shows.
func (w *watcher) frame(looks []hosts.Look, now time.Time) string {
	s := &screen.Screen{Colour: w.inPlace}
	switch {
	case looks[0].Err == nil:
		s.Line(fmt.Sprintf("%s UTC, as %s sees it; Ctrl-C ends", now.UTC().Format("15:04:05"), w.last.Host))
	case w.at.IsZero():
		s.Headline(operator.Bad, "no host answers yet")
	default:
		s.Headline(operator.Bad, fmt.Sprintf("NO HOST ANSWERS: this status is %s old", wording.Ago(now.Sub(w.at))))
	}
	for _, l := range looks {
		if l.Err != nil {
			s.Line(l.Sentence())
		}
	}
	if !w.at.IsZero() {
		s.Line("")
		statusScreen(s, w.last)
	}
	return s.Out.String()
}

func (w *watcher) draw(frame string) error {
	if !w.inPlace {
		if w.drawn {
			frame = "\n" + frame
		}
		w.drawn = true
		_, err := io.WriteString(w.out, frame)
		return err
	}
	var b strings.Builder
	if !w.drawn {
		b.WriteString(cursorOff + eraseAll)
	}
	w.drawn = true
	b.WriteString(toTop + strings.ReplaceAll(frame, "\n", eraseLine+"\n") + eraseBelow)
	_, err := io.WriteString(w.out, b.String())
	return err
}

// end restores the terminal.
func (w *watcher) end() {
	if w.inPlace && w.drawn {
		_, _ = io.WriteString(w.out, cursorOn) // an output that is gone needs no cursor
	}
}
