package process

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
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

// TestFault_D9_ACrashSaysWhyNotWhere: of a panic the trace reached the alarm, as far as it went in, and not what the panic was.
func TestFault_D9_ACrashSaysWhyNotWhere(t *testing.T) {
	trace := "i=0; while [ $i -lt 100 ]; do echo 'main.work(0xc000012345) /src/main.go:42 +0x1f' >&2; i=$((i+1)); done; "
	for script, want := range map[string]string{
		"echo level=WARN >&2; echo 'panic: the till is empty' >&2; echo >&2; echo 'goroutine 7 [running]:' >&2; " + trace + "exit 2":              "exited with code 2: panic: the till is empty",
		"echo 'fatal error: all goroutines are asleep' >&2; echo >&2; " + trace + "kill -ABRT $$":                                                 "ended by signal: aborted: fatal error: all goroutines are asleep",
		`echo "thread 'main' panicked at src/main.rs:4:5:" >&2; echo 'the till is empty' >&2; echo 'stack backtrace:' >&2; ` + trace + "exit 101": "exited with code 101: thread 'main' panicked at src/main.rs:4:5: the till is empty",
	} {
		child, err := Start(Spec{Name: "tickets", Path: "/bin/sh", Args: []string{"-c", script}, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		if got := child.Wait().String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestFault_D9_SaysWhatAScriptLacks: a script whose interpreter does not exist was said not to exist itself.
func TestFault_D9_SaysWhatAScriptLacks(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		content string
		mode    os.FileMode
		want    string
	}{
		"no interpreter":  {"#!/opt/python4/bin/python\nprint()\n", 0o755, "the interpreter /opt/python4/bin/python"},
		"carriage return": {"#!/bin/sh\r\ntrue\r\n", 0o755, "carriage return"},
		"no first line":   {"true\n", 0o755, "nor a script with a #! line"},
		"not executable":  {"#!/bin/sh\ntrue\n", 0o644, "chmod +x"},
	} {
		path := filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))
		if err := os.WriteFile(path, []byte(c.content), c.mode); err != nil {
			t.Fatal(err)
		}
		child, err := Start(Spec{Name: "tickets", Path: path, Logger: slog.New(slog.DiscardHandler)})
		if err == nil {
			child.Close()
			t.Errorf("%s: it starts", name)
			continue
		}
		if !errors.Is(err, ErrStart) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
