package wording

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Time is a time of day for people, "" for none.
func Time(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

// After formats a time after a loss.
func After(ms int64) string {
	switch {
	case ms < 0:
		return "never"
	case ms < 10_000:
		return fmt.Sprintf("%d ms", ms)
	}
	return Ago(time.Duration(ms) * time.Millisecond)
}

// Or returns a text, or another one where it is empty.
func Or(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

// Count returns "1 update", "2 updates", "12 408 updates".
func Count(n uint64, word string) string {
	if n != 1 {
		word += "s"
	}
	return Grouped(n) + " " + word
}

// Grouped writes a number with a space between thousands.
func Grouped(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(d)
	}
	return b.String()
}

// Ago formats a duration with at most two units: 870ms, 12s, 3m05s, 1h39m, 4d03h.
func Ago(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + "ms"
	case d < time.Minute:
		return strconv.Itoa(int(d.Seconds())) + "s"
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%02dh", int(d.Hours())/24, int(d.Hours())%24)
}

// Off says how far a clock is ahead of another one.
func Off(d time.Duration) string {
	text := d.Abs().Round(time.Millisecond).String()
	if d.Abs() >= time.Minute {
		text = Ago(d.Abs())
	}
	if d < 0 {
		return text + " behind"
	}
	return text + " ahead"
}

// Milliseconds formats a duration in milliseconds with one digit after the point.
func Milliseconds(d time.Duration) string {
	return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 1, 64) + " ms"
}

// Printable makes text from elsewhere safe for a terminal: no control characters, nothing that turns or hides text, valid UTF-8, one line.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || r < 0x20 || r >= 0x7f && r < 0xa0 || r == 0x61c || r == 0x200b || r == 0x200e || r == 0x200f || r >= 0x2028 && r <= 0x202e || r == 0xfeff || r >= 0x2066 && r <= 0x2069 {
			return '?'
		}
		return r
	}, text)
}

// Fit cuts text to a width in characters.
func Fit(text string, width int) string {
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	runes := []rune(text)
	return string(runes[:max(width-1, 0)]) + "…"
}

// Wrap breaks text at spaces into lines of at most width characters.
func Wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= width:
			line += " " + word
		default:
			lines, line = append(lines, Fit(line, width)), word
		}
	}
	return append(lines, Fit(line, width))
}

// Bytes formats an amount of bytes.
func Bytes(n int64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 10<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 10<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}
