package wording

import (
	"testing"
	"time"
)

func TestText(t *testing.T) {
	for got, want := range map[string]string{
		Count(0, "update"): "0 updates", Count(1, "update"): "1 update", Grouped(1234567): "1 234 567", Grouped(123): "123",
		Ago(-time.Second): "0s", Ago(870 * time.Millisecond): "870ms", Ago(185 * time.Second): "3m05s",
		Ago(99 * time.Minute): "1h39m", Ago(99 * time.Hour): "4d03h", Fit("abcdef", 4): "abc…",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestPrintable: nothing moves a cursor, breaks a line, or turns or hides text; what people write in any language stays.
func TestPrintable(t *testing.T) {
	for given, want := range map[string]string{
		"größe €5 ✓ 日本 نامه\u200cها": "größe €5 ✓ 日本 نامه\u200cها", "a\nb\rc\td": "a?b?c?d", "\x1b[2J\u009b2J\x7f": "?[2J?2J?", "\xff\u2028\u2029": "???",
		"\u202eevil\u202c \u2066x\u2069 \u200f\u200e\u061c": "?evil? ?x? ???", "pay\u200bload\ufeff": "pay?load?",
	} {
		if got := Printable(given); got != want {
			t.Errorf("%q is shown as %q, want %q", given, got, want)
		}
	}
}
