package flightrecorder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hotpair/hotpair/services/process/processtest"
)

// run runs r until the test ends.
func run(t *testing.T, r *Recorder) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("ends with %v", err)
		}
	})
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestRecorder_WritesWhatHappened(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	r := New(Config{Dir: dir, Name: "a-main", Log: slog.New(slog.DiscardHandler)})
	r.after = 0
	run(t, r)
	r.Note("epoch-7")
	r.Note("epoch-7") // is in the file of the first, or one more
	processtest.Await(t, "a trace is written", func() bool {
		list, _ := filepath.Glob(filepath.Join(dir, "a-main-*-epoch-7.trace"))
		return len(list) > 0
	})
	text, err := os.ReadFile(files(t, dir)[0])
	if err != nil || !bytes.HasPrefix(text, []byte("go 1.")) || !bytes.Contains(text[:32], []byte(" trace")) {
		t.Errorf("no trace: %.40q %v", text, err)
	}
}

func TestRecorder_WithoutADirectoryNothingIsRecorded(t *testing.T) {
	r := New(Config{Name: "a-main", Log: slog.New(slog.DiscardHandler)})
	run(t, r)
	for range 10 {
		r.Note("epoch-7") // never waits
	}
}

func TestRecorder_KeepsTheLastFew(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "b-main-20200101T000000.000Z-epoch-1.trace")
	left := filepath.Join(dir, "a-main-20200101T000000.000Z-epoch-1.trace.new-123")
	for _, path := range []string{other, left} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := New(Config{Dir: dir, Name: "a-main"})
	for n := range mostFiles + 3 {
		if _, err := r.write(fmt.Sprintf("epoch-%02d", n), strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
	}
	list := files(t, dir)
	if len(list) != mostFiles+1 || list[len(list)-1] != other {
		t.Errorf("%d files: %q", len(list), list)
	}
	if first := filepath.Base(list[0]); !strings.HasSuffix(first, "epoch-03.trace") {
		t.Errorf("the oldest is %s", first)
	}
}

// endless is more than one file may hold.
type endless struct{}

func (endless) WriteTo(w io.Writer) (n int64, err error) {
	for piece := make([]byte, 1<<20); err == nil; {
		var k int
		k, err = w.Write(piece)
		n += int64(k)
	}
	return n, err
}

func TestRecorder_LeavesNothingOfWhatFailed(t *testing.T) {
	dir := t.TempDir()
	r := New(Config{Dir: dir, Name: "a-main"})
	if _, err := r.write("epoch-1", endless{}); !errors.Is(err, errLarge) {
		t.Error(err)
	}
	if list := files(t, dir); len(list) != 0 {
		t.Errorf("left: %q", list)
	}
	r.config.Dir = filepath.Join(dir, "missing")
	if _, err := r.write("epoch-1", strings.NewReader("x")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
