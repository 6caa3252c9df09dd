package local

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"
)

// screen is the output of the cluster command: one line for each event that matters to an operator.
type screen struct {
	mu      sync.Mutex
	to      io.Writer
	json    bool
	serving string // name of the host that last served
}

// show prints a line; event prints it with the time. Write errors are ignored.
func (s *screen) show(kind, line string) { s.print(kind, line, "") }

func (s *screen) event(kind, line string) {
	s.print(kind, line, time.Now().Format("15:04:05.000")+" ")
}

func (s *screen) print(kind, line, prefix string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.json {
		fmt.Fprintln(s.to, prefix+line)
		return
	}
	text, err := json.Marshal(struct {
		Time time.Time `json:"time"`
		Kind string    `json:"kind"`
		Text string    `json:"text"`
	}{time.Now(), kind, line})
	if err == nil {
		fmt.Fprintln(s.to, string(text))
	}
}

// setActive remembers the serving host; while no host serves it keeps the last one.
func (s *screen) setActive(host string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if host != "" {
		s.serving = host
	}
}

func (s *screen) active() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.serving
}
