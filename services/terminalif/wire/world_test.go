package wire

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/terminal"
)

const patience = 10 * time.Second

const liarsGreeting = "INFO {\"server_id\":\"x\",\"version\":\"2.15.2\",\"proto\":1,\"headers\":true,\"max_payload\":8388608} \r\n"

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// anAgent runs until the test ends, or until stop.
type anAgent struct {
	*terminal.Agent
	id   string
	stop func()
}

func keyOf(id string) string { return "key-of-" + id }

func newAgent(t testing.TB, id string) *anAgent {
	t.Helper()
	a := &anAgent{id: id, Agent: terminal.New(terminal.Config{
		ID: id, Listen: "127.0.0.1:0", Apps: "127.0.0.1:0", Key: keyOf(id), Data: filepath.Join(t.TempDir(), id), Log: slog.New(slog.DiscardHandler),
	})}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	a.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("agent %s: %v", id, err)
			}
		case <-time.After(patience):
			t.Errorf("agent %s does not end", id)
		}
	})
	t.Cleanup(a.stop)
	select {
	case <-a.Started():
	case <-time.After(patience):
		t.Fatalf("agent %s does not start", id)
	}
	return a
}
