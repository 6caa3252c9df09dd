package replication

import (
	"context"
	"errors"
	"testing"
)

// Whoever has a deadline gives up in time behind a reading, or a call of the other host, that does not come to an end.
func TestWaitingForTheJournal_HeedsTheDeadline(t *testing.T) {
	b := newHost(t, "b")
	b.start()
	if err := Acquire(t.Context(), b.receiver.serving); err != nil {
		t.Fatal(err)
	}
	late := errors.New("main has given it up")
	ctx, give := context.WithCancelCause(t.Context())
	fenced := make(chan error)
	go func() {
		_, _, err := b.receiver.Fence(ctx, Fence{Term: Term{6, 0}, Host: "b"})
		fenced <- err
	}()
	give(late)
	if err := <-fenced; !errors.Is(err, ErrBusy) || !errors.Is(err, late) {
		t.Errorf("fence behind a call: %v", err)
	}
	b.receiver.serving.Release(1)
	if err := Acquire(t.Context(), b.l.reading); err != nil {
		t.Fatal(err)
	}
	defer b.l.reading.Release(1)
	for name, wait := range map[string]func() error{
		"read":   func() error { return b.l.Read(ctx) },
		"fence":  func() error { return b.l.Fence(ctx, Fence{Term: Term{6, 0}, Host: "b"}) },
		"append": func() error { return b.l.Append(ctx, nil, b.l.End().Position) },
		"cut":    func() error { return b.l.Cut(ctx, b.l.End()) },
	} {
		if err := wait(); !errors.Is(err, ErrBusy) {
			t.Errorf("%s behind a reading: %v", name, err)
		}
	}
}
