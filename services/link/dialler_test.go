package link

import (
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/evidence"
	"github.com/hotpair/hotpair/services/process/processtest"
)

// A host that never answered is silent, not refused: a refusal counts only after a connection has ended.
func TestDialler_RefusedNeedsAnEndedConnection(t *testing.T) {
	var changes []evidence.State
	d := NewDialler(DiallerConfig{Timeout: time.Second, Changed: func(e Evidence) { changes = append(changes, e.State) }})
	refused := func() {
		t.Helper()
		if _, err := d.Connect(t.Context(), bus.ConnConfig{URL: "nats://" + processtest.Address(t)}); err == nil {
			t.Fatal("somebody listens on a free port")
		}
	}
	refused()
	if len(changes) != 0 || d.Evidence().State != evidence.Silent || d.Evidence().Err == nil {
		t.Fatalf("a first refusal made it %v", d.Evidence())
	}
	d.Connected()
	d.Lost(nil) // own pings gave up
	refused()
	if d.Evidence().State != evidence.Silent {
		t.Fatalf("after silence a refusal made it %v", d.Evidence())
	}
}
