package mainprocess

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/link"
)

// Main's own connection, to its bus or to its link's server, is closed by that server: main does not live on half deaf.
func TestOutlive_EndsWithAnyOwnConnection(t *testing.T) {
	for n := range 2 {
		first, second := testBus(t)
		conns := []*bus.Conn{first, second}
		ended := make(chan error, 1)
		go func() { ended <- link.Outlive(t.Context(), conns...) }()
		conns[n].Close()
		select {
		case err := <-ended:
			if !errors.Is(err, bus.ErrDisconnected) {
				t.Errorf("connection %d: %v", n, err)
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("connection %d is lost, and main goes on", n)
		}
	}
	first, second := testBus(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := link.Outlive(ctx, first, second); !errors.Is(err, context.Canceled) {
		t.Error("at a clean end:", err)
	}
}
