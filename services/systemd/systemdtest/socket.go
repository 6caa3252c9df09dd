// Package systemdtest plays systemd for a process: a socket that receives its status. For tests only.
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

// Socket receives the status of a process.
type Socket struct {
	Path string

	conn *net.UnixConn
	mu   sync.Mutex
	all  []string // lines, in the order in which they came
}

// Listen makes a socket, and reads it from then on.
func Listen(t testing.TB) *Socket {
	t.Helper()
	s := Deaf(t)
	go s.Read()
	return s
}

// Deaf makes a socket that is not read before Read.
func Deaf(t testing.TB) *Socket {
	t.Helper()
	dir, err := os.MkdirTemp("", "notify") // a socket's name is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return At(t, filepath.Join(dir, "socket"))
}

// At makes a socket with a name that is not read before Read.
func At(t testing.TB, name string) *Socket {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &Socket{Path: name, conn: conn}
}

// Read reads until the socket is closed.
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

// Close removes the socket, like a systemd that ends.
func (s *Socket) Close() { _ = s.conn.Close() }

// Lines returns all received lines, in order.
func (s *Socket) Lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.all...)
}

// Count returns how often a line was received.
func (s *Socket) Count(line string) (n int) {
	for _, l := range s.Lines() {
		if l == line {
			n++
		}
	}
	return n
}

// Status returns the last status.
func (s *Socket) Status() (last string) {
	for _, l := range s.Lines() {
		if text, is := strings.CutPrefix(l, "STATUS="); is {
			last = text
		}
	}
	return last
}

// Await waits for a line, or for one that begins with it.
func (s *Socket) Await(t testing.TB, begins string) {
	t.Helper()
	s.AwaitAfter(t, 0, begins)
}

// AwaitAfter waits for a line that begins with a text, after the first n; it returns the number of lines up to it.
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

// Quiet fails the test if a line that begins with a text comes within a time.
func (s *Socket) Quiet(t testing.TB, begins string, within time.Duration) {
	t.Helper()
	n := len(s.Lines())
	time.Sleep(within) // not a condition: the time in which the line would come
	for _, l := range s.Lines()[n:] {
		if strings.HasPrefix(l, begins) {
			t.Errorf("%s came", l)
		}
	}
}
