package replication

import (
	"context"
	"errors"
	"testing"

	"github.com/hotpair/hotpair/services/journal"
)

// Whoever has a deadline gives up in time behind a call of the other host that does not come to an end.
func TestReceiver_WaitingHeedsTheDeadline(t *testing.T) {
	b := newHost(t, "b")
	b.start()
	if err := journal.Acquire(t.Context(), b.receiver.serving); err != nil {
		t.Fatal(err)
	}
	late := errors.New("main has given it up")
	ctx, give := context.WithCancelCause(t.Context())
	fenced := make(chan error)
	go func() {
		_, _, err := b.receiver.Fence(ctx, journal.Fence{Term: journal.Term{Epoch: 6, Session: 0}, Host: "b"})
		fenced <- err
	}()
	give(late)
	if err := <-fenced; !errors.Is(err, journal.ErrUnfinished) || !errors.Is(err, late) {
		t.Errorf("fence behind a call: %v", err)
	}
	b.receiver.serving.Release(1)
}
