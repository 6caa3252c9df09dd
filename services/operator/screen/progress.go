package screen

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/hotpair/hotpair/services/operator/wording"
)

const (
	// barAfter is when a bar appears: shorter work needs none.
	barAfter = time.Second
	// barPace is how often a bar is drawn, linePace how often a plain line is written where there is no terminal.
	barPace  = 100 * time.Millisecond
	linePace = 10 * time.Second
	// barCells is the length of the bar itself, in characters.
	barCells = 30
)

// Progress shows the progress of work: a bar that redraws itself on a terminal, a line now and then elsewhere. It
// writes to standard error, so that it does not mix with --json. It is for one goroutine.
type Progress struct {
	out   io.Writer
	bar   bool
	what  string
	now   func() time.Time
	began time.Time
	drawn time.Time // last time that something was written
	open  bool      // a bar stands on the line of the cursor
}

// NewProgress makes a bar for a command's standard error.
func NewProgress(out io.Writer, what string) *Progress {
	return &Progress{out: out, bar: IsTerminal(out), what: what, now: time.Now, began: time.Now()}
}

// Show shows the progress, 0 to 1 or below 0 when not known, with a few words.
func (p *Progress) Show(done float64, words string) {
	now := p.now()
	elapsed := now.Sub(p.began)
	switch {
	case elapsed < barAfter:
	case p.bar && now.Sub(p.drawn) >= barPace:
		fmt.Fprint(p.out, "\r\x1b[K"+wording.Fit(wording.Printable(p.line(done, words, elapsed)), Width-1))
		p.drawn, p.open = now, true
	case !p.bar && now.Sub(p.drawn) >= linePace && now.Sub(p.began) >= linePace/5:
		fmt.Fprintln(p.out, wording.Fit(wording.Printable(p.line(done, words, elapsed)), Width))
		p.drawn = now
	}
}

// End removes the bar.
func (p *Progress) End() {
	if p.open {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.open = false
	}
}

func (p *Progress) line(done float64, words string, elapsed time.Duration) string {
	if done < 0 {
		return fmt.Sprintf("%s  %s  %s", p.what, wording.Ago(elapsed), words)
	}
	done = min(done, 1)
	text := p.what + "  "
	if p.bar {
		text += Cells(done) + " "
	}
	// Rounded down: "100 %" must mean that nothing is missing.
	text += fmt.Sprintf("%3d %%  %s", int(done*100), wording.Ago(elapsed))
	if rest := remaining(done, elapsed); rest > 0 {
		text += ", " + wording.Ago(rest) + " to go"
	}
	if words != "" {
		text += "  " + words
	}
	return text
}

// Cells draws a share, 0 to 1.
func Cells(done float64) string {
	full := int(max(0, min(done, 1)) * barCells)
	return "[" + strings.Repeat("█", full) + strings.Repeat("·", barCells-full) + "]"
}

// remaining estimates the time left; 0 when it is too early to say.
func remaining(done float64, elapsed time.Duration) time.Duration {
	if done < 0.02 || done >= 1 {
		return 0
	}
	return time.Duration(float64(elapsed) * (1 - done) / done)
}
