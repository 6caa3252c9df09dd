package journal

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/journal/journaltest"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

// What is durable in the journal and could not be read back is in doubt: nothing is appended behind it before a fence has read
// it, or two frames would stand for one position.
func TestLog_AppendsNothingBehindWhatItCouldNotRead(t *testing.T) {
	ctx := journaltest.Within(t, 30*time.Second)
	j := openJournal(t, Config{Host: "b"})
	l := NewLog(j, history.Mark{})
	if err := l.Fence(ctx, Fence{Term: Term{1, 1}, Host: "b"}); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Truncate(ctx, Truncation{Term: Term{1, 1}, End: l.End()}); err != nil { // whose reading was given up
		t.Fatal(err)
	}
	info, err := j.Info(ctx)
	if err != nil {
		t.Fatal(err)
	}
	short, give := context.WithCancel(ctx)
	if err := Acquire(ctx, j.reader.one); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		ended <- l.Append(short, journaltest.Chain(t, history.Mark{}, 1, 1, "one"), position.Position{})
	}()
	processtest.Await(t, "the frame is durable", func() bool {
		now, err := j.Info(ctx)
		return err == nil && now.Last > info.Last
	})
	give()
	j.reader.one.Release(1)
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := l.Append(ctx, journaltest.Chain(t, history.Mark{}, 1, 1, "other"), position.Position{}); !errors.Is(err, ErrFenced) {
		t.Errorf("another frame at the same position: %v", err)
	}
	if err := l.Fence(ctx, Fence{Term: Term{1, 2}, Host: "b"}); err != nil {
		t.Fatal(err)
	}
	l.View(func(tail *Tail) {
		if tail.Broken() != nil || tail.End() != journaltest.End(journaltest.Chain(t, history.Mark{}, 1, 1, "one")) {
			t.Error(tail.Broken(), tail.End().Position)
		}
	})
}

// Whoever has a deadline gives up in time behind a reading that does not come to an end.
func TestLog_WaitingHeedsTheDeadline(t *testing.T) {
	l := NewLog(openJournal(t, Config{Host: "b"}), history.Mark{})
	ctx, give := context.WithCancelCause(t.Context())
	give(errors.New("main has given it up"))
	if err := Acquire(t.Context(), l.reading); err != nil {
		t.Fatal(err)
	}
	defer l.reading.Release(1)
	for name, wait := range map[string]func() error{
		"read":   func() error { return l.Read(ctx) },
		"fence":  func() error { return l.Fence(ctx, Fence{Term: Term{6, 0}, Host: "b"}) },
		"append": func() error { return l.Append(ctx, nil, l.End().Position) },
		"cut":    func() error { return l.Truncate(ctx, l.End()) },
	} {
		if err := wait(); !errors.Is(err, ErrUnfinished) {
			t.Errorf("%s behind a reading: %v", name, err)
		}
	}
}
