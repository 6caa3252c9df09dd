package screen

import (
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/wording"
)

// Width of every screen, in characters.
const Width = 100

// Screen collects the output of a command. Text from hosts is made safe for a terminal as it is added.
type Screen struct {
	Colour bool
	Out    strings.Builder
}

// code is the colour of a level, as ANSI has it: green, yellow, red.
func code(l operator.Level) string { return [...]string{"32", "33", "31"}[l] }

// Line is a line, cut to the width.
func (s *Screen) Line(text string) {
	s.Out.WriteString(strings.TrimRight(wording.Fit(wording.Printable(text), Width), " ") + "\n")
}

// Headline is the one line in colour.
func (s *Screen) Headline(l operator.Level, text string) {
	for i, line := range wording.Wrap(wording.Printable(text), Width) {
		if i > 0 {
			s.Out.WriteByte('\n')
		}
		if s.Colour {
			line = "\x1b[1;" + code(l) + "m" + line + "\x1b[0m"
		}
		s.Out.WriteString(line)
	}
	s.Out.WriteByte('\n')
}

// Row is a label and text that may go over several lines.
func (s *Screen) Row(label, text string) {
	indent := max(10, utf8.RuneCountInString(label)+1)
	for _, line := range wording.Wrap(text, Width-2-indent) {
		s.Line("  " + Pad(label, indent) + line)
		label = ""
	}
}

// Pad fills text up to a column, and separates longer text from what follows with a space.
func Pad(text string, to int) string {
	return text + strings.Repeat(" ", max(1, to-utf8.RuneCountInString(text)))
}

// IsTerminal reports whether a writer shows colours: it is a terminal, and the environment does not forbid colours.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
