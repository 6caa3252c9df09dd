package process

import (
	"io"
	"log/slog"
	"strings"
	"testing"
)

// TestFault_D9_AScriptsComplaintIsWhyItEnded: a program in another language that ended was shown as "exited with code 1", and
// what it had said to standard error stood in a log on another machine, if anywhere.
func TestFault_D9_AScriptsComplaintIsWhyItEnded(t *testing.T) {
	for _, c := range []struct{ script, want string }{
		{"echo on output; echo the license has run out >&2; exit 4", "exited with code 4: the license has run out"},
		{"exit 4", "exited with code 4"},
		{"echo nothing is wrong >&2", "exited with code 0"},
	} {
		child, err := Start(Spec{Name: "tickets", Path: "/bin/sh", Args: []string{"-c", c.script}, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
		if err != nil {
			t.Fatal(err)
		}
		if got := child.Wait().String(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	child, err := Start(Spec{Name: "tickets", Path: "/bin/sh", Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Args: []string{"-c", "i=0; while [ $i -lt 2000 ]; do echo a line of a long trace >&2; i=$((i+1)); done; echo the end >&2; exit 1"}})
	if err != nil {
		t.Fatal(err)
	}
	if words := child.Wait().Words; len(words) > longestWords || !strings.HasSuffix(words, "the end") {
		t.Errorf("%d bytes, %q", len(words), words[max(0, len(words)-40):])
	}
}
