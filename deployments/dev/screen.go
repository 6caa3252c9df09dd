package dev

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/hotpair/hotpair/services/operator/wording"
)

// screen is the output: lines, and below them the prompt, if a person types.
type screen struct {
	mu     sync.Mutex
	to     io.Writer
	prompt string // "" without a person
	asking bool
}

// line shows text, of one line or more, above the prompt. Write errors are ignored.
func (s *screen) line(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.prompt == "" || !s.asking {
		_, _ = fmt.Fprintln(s.to, text)
		return
	}
	_, _ = fmt.Fprint(s.to, "\r\x1b[K"+text+"\n"+s.prompt)
}

// ask shows the prompt, until told is called.
func (s *screen) ask() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.prompt != "" && !s.asking {
		_, _ = fmt.Fprint(s.to, s.prompt)
	}
	s.asking = true
}

// told: a line was typed.
func (s *screen) told() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asking = false
}

// printable returns text of several lines without control characters.
func printable(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = wording.Printable(strings.ReplaceAll(strings.TrimSuffix(line, "\r"), "\t", "        "))
	}
	return strings.Join(lines, "\n")
}

// clusterScreen receives the cluster's output, as JSON lines, and passes on what matters to the developer of a
// service.
type clusterScreen struct {
	screen *screen
	ending func() bool
	rest   []byte
}

func (c *clusterScreen) Write(p []byte) (int, error) {
	c.rest = append(c.rest, p...)
	for {
		at := strings.IndexByte(string(c.rest), '\n')
		if at < 0 {
			return len(p), nil
		}
		var said struct{ Kind, Text string }
		err := json.Unmarshal(c.rest[:at], &said)
		c.rest = c.rest[at+1:]
		// Ready is reported when the service is ready, too.
		if err == nil && said.Kind != "ready" && said.Kind != "kept" && (said.Kind != "stopping" || !c.ending()) {
			c.screen.line("pair     " + printable(said.Text))
		}
	}
}
