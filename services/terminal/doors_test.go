package terminal

import (
	"errors"
	"testing"

	"github.com/hotpair/hotpair/bus"
)

// TestPatiently: an own server that gave up is asked again, what else fails is told at once.
func TestPatiently(t *testing.T) {
	busy, refused := errors.New("connect agent-events to : nats: Authentication Timeout"), errors.New("nats: Authorization Violation")
	for _, c := range []struct {
		answers []error
		want    error
		tries   int
	}{{[]error{nil}, nil, 1}, {[]error{busy, busy, nil}, nil, 3}, {[]error{refused}, refused, 1}, {[]error{busy, refused}, refused, 2}} {
		tries := 0
		_, err := patiently(func() (*bus.Conn, error) {
			tries++
			return nil, c.answers[tries-1]
		})
		if !errors.Is(err, c.want) || tries != c.tries {
			t.Errorf("%v: %v after %d tries", c.answers, err, tries)
		}
	}
}
