package command

import (
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/wording"
)

// width of every screen, in characters.
const width = 100

// screen collects what a command shows. Text from hosts is made harmless as it comes in.
type screen struct {
	colour bool
	out    strings.Builder
}

// code is the colour of a level, as ANSI has it: green, yellow, red.
func code(l operator.Level) string { return [...]string{"32", "33", "31"}[l] }

func (s *screen) line(text string) {
	s.out.WriteString(strings.TrimRight(wording.Fit(wording.Printable(text), width), " ") + "\n")
}

// headline is the one line in colour.
func (s *screen) headline(l operator.Level, text string) {
	for i, line := range wording.Wrap(wording.Printable(text), width) {
		if i > 0 {
			s.out.WriteByte('\n')
		}
		if s.colour {
			line = "\x1b[1;" + code(l) + "m" + line + "\x1b[0m"
		}
		s.out.WriteString(line)
	}
	s.out.WriteByte('\n')
}

// row is a label and text that may go over several lines.
func (s *screen) row(label, text string) {
	indent := max(10, utf8.RuneCountInString(label)+1)
	for _, line := range wording.Wrap(text, width-2-indent) {
		s.line("  " + pad(label, indent) + line)
		label = ""
	}
}

// pad fills text up to a column, and separates what is too long for it from what follows.
func pad(text string, to int) string {
	return text + strings.Repeat(" ", max(1, to-utf8.RuneCountInString(text)))
}

// isTerminal reports whether a writer shows colours: a terminal, and nobody has asked for none.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
