package tally

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

func TestTally_ManyLossesAreFewLines(t *testing.T) {
	var text bytes.Buffer
	log := slog.New(slog.NewTextHandler(&text, nil))
	var many Tally
	for range 3 {
		many.Lost(log, errors.New("gone"))
	}
	many.Sweep(log)
	if n := strings.Count(text.String(), "terminal lost"); n != 3 || strings.Contains(text.String(), "further terminals") {
		t.Errorf("three losses:\n%s", text.String())
	}
	text.Reset()
	for range 5000 {
		many.Lost(log, errors.New("gone"))
	}
	many.Sweep(log)
	many.Sweep(log)
	if n := strings.Count(text.String(), "\n"); n != toldEach+1 || !strings.Contains(text.String(), "terminals=4980") {
		t.Errorf("%d lines for 5000 losses:\n%s", n, text.String())
	}
}
