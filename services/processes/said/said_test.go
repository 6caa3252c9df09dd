package said

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// What a program writes without end takes no memory without end, and its last lines are those that are kept.
func TestLines_AreBounded(t *testing.T) {
	var l Lines
	for i := range 3 * MostLines {
		l.Add(Out, fmt.Sprintf("line %d", i))
	}
	lines, next := l.After(0, 10*MostLines)
	if len(lines) != MostLines || lines[len(lines)-1].Text != fmt.Sprintf("line %d", 3*MostLines-1) || lines[len(lines)-1].Number != next {
		t.Fatalf("%d lines, the last %+v, next %d", len(lines), lines[len(lines)-1], next)
	}
	for range 2 * mostBytes / longestLine {
		l.Add(Error, strings.Repeat("x", 2*longestLine))
	}
	lines, _ = l.After(0, 10*MostLines)
	if n := len(lines); n != mostBytes/longestLine {
		t.Errorf("%d long lines are kept", n)
	}
}

// Who follows is given each line once, and in order.
func TestAfter_GoesOnWhereItEnded(t *testing.T) {
	var l Lines
	l.Add(Out, "one")
	l.Add(Out, "two")
	lines, next := l.After(0, 1)
	if len(lines) != 1 || lines[0].Text != "two" {
		t.Fatalf("the last one: %+v", lines)
	}
	if lines, again := l.After(next, 100); len(lines) != 0 || again != next {
		t.Errorf("nothing came: %+v, %d", lines, again)
	}
	l.Add(Error, "three")
	if lines, _ := l.After(next, 100); len(lines) != 1 || lines[0].Text != "three" || lines[0].Number <= next {
		t.Errorf("one came: %+v", lines)
	}
}

func TestLogger_KeepsWhatTheLogLeavesOut(t *testing.T) {
	var l Lines
	var out bytes.Buffer
	log := l.Logger(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelWarn})).With("name", "tickets"))
	log.Info("sold a seat")
	log.Warn("the printer is off")
	lines, _ := l.After(0, 10)
	if len(lines) != 2 || lines[0].Kind != Out || lines[1].Kind != Error {
		t.Errorf("%+v", lines)
	}
	if text := out.String(); strings.Contains(text, "seat") || !strings.Contains(text, "printer") || !strings.Contains(text, "name=tickets") {
		t.Errorf("the log has %q", text)
	}
}

func TestWords_AreRatherComplaints(t *testing.T) {
	var l Lines
	l.Add(Error, "before")
	for _, c := range []struct{ kind, text, want string }{
		{Host, "started, pid 7", ""}, {Out, "reads its fares", "reads its fares"}, {Out, "waits", "waits"}, {Error, "no printer", "no printer"}, {Out, "waits on", "no printer"}, {Error, "none yet", "none yet"},
	} {
		l.Add(c.kind, c.text)
		if got := l.Words(l.lines[0].Number); got != c.want {
			t.Errorf("after %q: %q, want %q", c.text, got, c.want)
		}
	}
	if got := l.Words(l.Last()); got != "" {
		t.Errorf("behind the last one: %q", got)
	}
}
