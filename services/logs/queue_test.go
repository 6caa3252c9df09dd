package logs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

func text(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}

// gate is a writer that holds whoever writes until it is opened, and fails when it is told to.
type gate struct {
	open    chan struct{}
	waiting chan struct{} // somebody waits
	once    sync.Once

	mu   sync.Mutex
	got  bytes.Buffer
	fail error
}

func newGate() *gate { return &gate{open: make(chan struct{}), waiting: make(chan struct{})} }

func (g *gate) Write(p []byte) (int, error) {
	g.once.Do(func() { close(g.waiting) })
	<-g.open
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.fail != nil {
		return 0, g.fail
	}
	return g.got.Write(p)
}

func (g *gate) failing(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fail = err
}

func (g *gate) lines() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return strings.Split(strings.TrimSuffix(g.got.String(), "\n"), "\n")
}

func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("in vain: ", what)
		}
	}
}

// TestFault_B1_NobodyWaitsForTheLog: who logged to a pipe that nobody reads hung in the write. Now a line waits in a
// bounded queue, what there is no room for is counted, and told in its place when there is room again.
func TestFault_B1_NobodyWaitsForTheLog(t *testing.T) {
	g := newGate()
	log, lines := Start(g, text)
	log.Info("first")
	<-g.waiting
	for i := range mostLines + 100 {
		log.Info(fmt.Sprintf("line %d", i/mostOfAKind), "i", i)
	}
	if lost := lines.Lost(); lost != 100 {
		t.Errorf("%d lines were lost, want 100", lost)
	}
	close(g.open)
	await(t, "the queue is written", func() bool { return len(g.lines()) == mostLines+2 })
	log.Info("last")
	lines.Close()
	got := g.lines()
	end := got[len(got)-3:]
	want := []string{fmt.Sprintf("level=INFO msg=\"line %d\" i=%d", (mostLines-1)/mostOfAKind, mostLines-1),
		`level=WARN msg="lines of the log were lost: nobody read what was written, or the disk did not take it" lost=100`, "level=INFO msg=last"}
	if got[0] != "level=INFO msg=first" || len(got) != mostLines+3 || strings.Join(end, "\n") != strings.Join(want, "\n") {
		t.Errorf("%d lines, %q … %q", len(got), got[0], end)
	}
}

// TestFault_B1_BytesAreBounded: long lines fill memory no more than many.
func TestFault_B1_BytesAreBounded(t *testing.T) {
	g := newGate()
	log, lines := Start(g, text)
	log.Info("first")
	<-g.waiting
	for range 20 {
		log.Info(strings.Repeat("x", mostBytes/10))
	}
	if lost := lines.Lost(); lost != 11 {
		t.Errorf("%d of 20 long lines were lost, want 11", lost)
	}
	close(g.open)
	lines.Close()
}

// TestQueue_LinesThatCannotBeWrittenAreToldOfLater: a reader that went away, or a full disk, costs lines, and nothing else.
func TestQueue_LinesThatCannotBeWrittenAreToldOfLater(t *testing.T) {
	g := newGate()
	close(g.open)
	g.failing(errors.New("nobody reads"))
	log, lines := Start(g, text)
	for range 3 {
		log.Info("lost")
	}
	await(t, "three lines are lost", func() bool { return lines.Lost() == 3 })
	g.failing(nil)
	log.Info("heard")
	lines.Close()
	got := strings.Join(g.lines(), "\n")
	if !strings.Contains(got, "msg=heard") || !strings.Contains(got, "lost=3") {
		t.Error(got)
	}
}

// TestQueue_EndsBesideAPipeThatNobodyReads: the end of a process waits a moment for its last lines, no more.
func TestQueue_EndsBesideAPipeThatNobodyReads(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	defer r.Close() // first: it ends the write that is held
	log, lines := Start(w, text)
	for i := range 1000 {
		log.Info(fmt.Sprint(i/mostOfAKind) + strings.Repeat("x", 200))
	}
	began := time.Now()
	lines.Close()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the end took %s", took)
	}
	log.Info("after the end")
	if lines.Lost() == 0 {
		t.Error("a line after the end is not counted as lost")
	}
}
