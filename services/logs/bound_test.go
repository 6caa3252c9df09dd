package logs

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotpair/hotpair/services/process/processtest"
)

// TestFault_C14_WhatOthersCauseFillsNoDisk: each refused call was a line of the log, without a bound, on the disk of the data. Of
// one kind so many lines pass, then how many more there were; lines of another kind, and those for debugging, are not held back.
func TestFault_C14_WhatOthersCauseFillsNoDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &processtest.Output{}
		h := newBound(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelDebug}))
		log := slog.New(h).With("process", "main")
		for i := range 1000 {
			log.Warn("refused a call without the token", "from", i)
			log.Debug("debug")
		}
		log.Error("something else")
		time.Sleep(2 * period)
		text := out.String()
		if n := strings.Count(text, "refused a call"); n != mostOfAKind+1 || !strings.Contains(text, "left_out=970") {
			t.Errorf("%d lines of a kind: %s", n, text[max(0, len(text)-300):])
		}
		if strings.Count(text, "msg=debug") != 1000 || strings.Count(text, "something else") != 1 {
			t.Error("lines of other kinds are missing")
		}
		log.Warn("refused a call without the token")
		if n := strings.Count(out.String(), "refused a call"); n != mostOfAKind+2 {
			t.Error("the next period does not begin anew")
		}
		time.Sleep(2 * period)
		before := len(out.String())
		for i := range 100_000 {
			log.Warn(fmt.Sprintf("kind %d", i))
		}
		if n := strings.Count(out.String()[before:], "\n"); n > mostKinds+mostOfAKind {
			t.Errorf("%d lines of kinds without end", n)
		}
		time.Sleep(2 * period)
	})
}
