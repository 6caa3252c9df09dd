// Package systemdtest is systemd as a process sees it: a socket that it tells how it does. For tests only.
package systemdtest

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/process/processtest"
)

// Socket is where a process tells how it does.
type Socket struct {
	Path string

	conn *net.UnixConn
	mu   sync.Mutex
	all  []string // lines, in the order in which they came
}

// Listen makes one, and reads it from then on.
func Listen(t testing.TB) *Socket {
	t.Helper()
	s := Deaf(t)
	go s.Read()
	return s
}

// Deaf makes one that nobody reads before Read.
func Deaf(t testing.TB) *Socket {
	t.Helper()
	dir, err := os.MkdirTemp("", "notify") // a socket's name is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return At(t, filepath.Join(dir, "socket"))
}

// At makes one of a name that nobody reads before Read.
func At(t testing.TB, name string) *Socket {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &Socket{Path: name, conn: conn}
}

// Read takes what comes until the socket is closed.
func (s *Socket) Read() {
	for buffer := make([]byte, 64<<10); ; {
		n, err := s.conn.Read(buffer)
		if err != nil {
			return
		}
		s.mu.Lock()
		s.all = append(s.all, strings.Split(string(buffer[:n]), "\n")...)
		s.mu.Unlock()
	}
}

// Close takes it away, as a systemd does that ends.
func (s *Socket) Close() { _ = s.conn.Close() }

// Lines are all that came, in order.
func (s *Socket) Lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.all...)
}

// Count is how often a line came.
func (s *Socket) Count(line string) (n int) {
	for _, l := range s.Lines() {
		if l == line {
			n++
		}
	}
	return n
}

// Status is the one that came last.
func (s *Socket) Status() (last string) {
	for _, l := range s.Lines() {
		if text, is := strings.CutPrefix(l, "STATUS="); is {
			last = text
		}
	}
	return last
}

// Await waits for a line, or for one that begins so.
func (s *Socket) Await(t testing.TB, begins string) {
	t.Helper()
	s.AwaitAfter(t, 0, begins)
}

// AwaitAfter waits for a line that begins so, after the first n; it gives how many there were with it.
func (s *Socket) AwaitAfter(t testing.TB, n int, begins string) (at int) {
	t.Helper()
	processtest.Await(t, begins, func() bool {
		lines := s.Lines()
		for at = n; at < len(lines); at++ {
			if strings.HasPrefix(lines[at], begins) {
				at++
				return true
			}
		}
		return false
	})
	return at
}

// Quiet fails the test if a line that begins so comes within a time.
func (s *Socket) Quiet(t testing.TB, begins string, within time.Duration) {
	t.Helper()
	n := len(s.Lines())
	time.Sleep(within) // not a condition: the time in which it would come
	for _, l := range s.Lines()[n:] {
		if strings.HasPrefix(l, begins) {
			t.Errorf("%s came", l)
		}
	}
}
