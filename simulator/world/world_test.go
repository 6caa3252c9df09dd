package world

import (
	"log/slog"
	"strings"
	"testing"
	"time"
)

// TestWorld_ServesAPut is the least that a world must do.
func TestWorld_ServesAPut(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, err := New(Options{Dir: t.TempDir(), Terminals: terminals, Lease: time.Second, Patience: 2 * time.Second, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		w.Start()
		if err := w.AwaitPaired(t.Context()); err != nil {
			t.Fatal(err)
		}
		c, err := w.application("test", 0)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		m, err := c.Request("request.kv.put", []byte(`{"key":"k","value":1}`), 5*time.Second)
		if err != nil || !strings.Contains(string(m.Data), "revision") {
			t.Fatal(m, err)
		}
		if err := w.Err(); err != nil {
			t.Fatal(err)
		}
	})
}
