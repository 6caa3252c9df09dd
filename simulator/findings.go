package simulator

import (
	"fmt"
	"sync"
)

// kind is the kind of error in an answer.
type kind string

const (
	missing kind = "missing" // an acknowledged update is missing
	doubled kind = "doubled" // an update took effect twice
	stale   kind = "stale"   // an answer shows less than was acknowledged before the question
	wrong   kind = "wrong"   // an answer that no order of updates explains
)

// examples is how many findings are kept as text; all are counted.
const examples = 20

// findings collects the errors of all clients.
type findings struct {
	mu     sync.Mutex
	counts map[kind]int
	words  []string
}

func newFindings() *findings { return &findings{counts: map[kind]int{}} }

func (f *findings) add(k kind, format string, v ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts[k]++
	if len(f.words) < examples {
		f.words = append(f.words, string(k)+": "+fmt.Sprintf(format, v...))
	}
}

// note keeps a remark that is not a finding.
func (f *findings) note(format string, v ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.words) < examples {
		f.words = append(f.words, fmt.Sprintf(format, v...))
	}
}

func (f *findings) count(k kind) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts[k]
}

func (f *findings) examples() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.words...)
}
