package terminal

import "sync"

// bell wakes the goroutines that wait for news. The zero value is ready.
type bell struct {
	mu  sync.Mutex
	now chan struct{}
}

// next is closed when the bell rings next.
func (b *bell) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.now == nil {
		b.now = make(chan struct{})
	}
	return b.now
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.now != nil {
		close(b.now)
		b.now = nil
	}
}
