package bus

import (
	"context"
	"strings"
	"testing"
	"time"
)

// TestFault_B13_ANameThatIsNotResolvedIsNamed: of a name that DNS does not know, or of a DNS that does not answer, no more was said than that a
// deadline was exceeded.
func TestFault_B13_ANameThatIsNotResolvedIsNamed(t *testing.T) {
	for _, handshake := range []time.Duration{200 * time.Millisecond, time.Minute} { // the dial's deadline, or the caller's, comes first
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		_, err := Connect(ctx, ConnConfig{Name: "test", URL: "nats://nowhere.invalid:7705", Handshake: handshake, Once: true})
		cancel()
		if err == nil || !strings.Contains(err.Error(), "DNS") || !strings.Contains(err.Error(), "nowhere.invalid") {
			t.Errorf("handshake within %s: %v", handshake, err)
		}
	}
}
