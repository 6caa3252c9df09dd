package screen

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// TestFault_C15_AQuestionEndsWithItsCommand: a command that had asked something, as promote --force does, was deaf to Ctrl-C and SIGTERM
// until somebody typed a line; so was one that reads a list from its standard input.
func TestFault_C15_AQuestionEndsWithItsCommand(t *testing.T) {
	read, write, err := os.Pipe() // in which nothing comes
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	defer write.Close()
	signalled := errors.New("SIGTERM")
	ctx, end := context.WithCancelCause(t.Context())
	done := make(chan error, 1)
	go func() { done <- Confirm(ctx, read, io.Discard, "41") }()
	end(signalled)
	select {
	case err := <-done:
		if !errors.Is(err, signalled) {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("it waits")
	}
}

func TestConfirm(t *testing.T) {
	for typed, good := range map[string]bool{"41\n": true, " 41 \r\n": true, "41": true, "": false, "4\n1\n": false, "yes\n": false} {
		var out strings.Builder
		err := Confirm(t.Context(), strings.NewReader(typed), &out, "41")
		if (err == nil) != good || err != nil && !errors.Is(err, ErrNotConfirmed) || !strings.Contains(out.String(), "Type 41") {
			t.Errorf("%q: %v, %q", typed, err, out.String())
		}
	}
}
