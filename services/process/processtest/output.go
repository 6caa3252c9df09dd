// Package processtest contains helpers for tests of concurrent processes: their output, and waiting for conditions.
package processtest

import (
	"bytes"
	"sync"
)

// Output collects the output or log of a process, from any goroutine, to be read while it runs. The zero Output is
// empty.
type Output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

// String returns the output so far.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
