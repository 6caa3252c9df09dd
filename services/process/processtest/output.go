// Package processtest has what tests share of things that run beside them: what such a thing says, and waiting for it.
package processtest

import (
	"bytes"
	"sync"
)

// Output takes what a process prints or logs, from any goroutine, to be read while it runs. The zero Output is empty.
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

// String is what has come until now.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
