package local

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"
)

// screen is what the cluster command prints: one line for each thing that an operator would want to know.
type screen struct {
	mu      sync.Mutex
	to      io.Writer
	json    bool
	serving string // name of the host that served last
}

// show prints a line as it is; event one with the time before it. What can't be written is lost: nobody looks.
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

// setActive remembers who serves; nobody leaves the last one.
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
