package screen

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestProgress_BarOnATerminalLinesElsewhere(t *testing.T) {
	for name, bar := range map[string]bool{"terminal": true, "file": false} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			now := time.Unix(1000, 0)
			p := NewProgress(&out, "verify")
			p.bar, p.began, p.now = bar, now, func() time.Time { return now }
			p.Show(0.1, "quick")
			now = now.Add(barAfter - 1)
			p.Show(0.2, "quick")
			if out.Len() > 0 {
				t.Fatalf("shown before it is worth it: %q", out.String())
			}
			for range 300 { // 30 s in steps of 100 ms
				now = now.Add(100 * time.Millisecond)
				p.Show(0.999, "range 7 of data/kv \x1b[31m"+strings.Repeat("x", 200))
			}
			p.End()
			text := out.String()
			if !strings.Contains(text, " 99 %") || strings.Contains(text, "100 %") || strings.Contains(text, "\x1b[31m") {
				t.Errorf("it says %q", text)
			}
			if bar {
				frames := strings.Split(text, "\r\x1b[K")
				if len(frames) < 250 || strings.Contains(text, "\n") || !strings.HasSuffix(text, "\r\x1b[K") {
					t.Errorf("%d frames, ending with %q", len(frames), frames[len(frames)-1])
				}
				for _, f := range frames {
					if utf8.RuneCountInString(f) >= Width {
						t.Fatalf("a frame of %d characters: %q", utf8.RuneCountInString(f), f)
					}
				}
				return
			}
			lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
			if len(lines) != 3 || strings.ContainsAny(text, "\r\x1b") {
				t.Errorf("%d lines: %q", len(lines), lines)
			}
		})
	}
}

func TestProgress_WithoutAnEnd(t *testing.T) {
	var out strings.Builder
	now := time.Unix(1000, 0)
	p := NewProgress(&out, "backup")
	p.began, p.now = now, func() time.Time { return now }
	now = now.Add(12 * time.Second)
	p.Show(-1, "3 MiB")
	if got := out.String(); got != "backup  12s  3 MiB\n" {
		t.Errorf("it says %q", got)
	}
	p.End()
}
