package web

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/process/processtest"
)

// crowd opens connections, each with some text; beside is called now and then.
func crowd(t *testing.T, address, text string, many int, beside func(n int)) {
	t.Helper()
	var open []net.Conn
	defer func() {
		for _, conn := range open {
			conn.Close()
		}
	}()
	for n := range many {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatalf("connection %d: %v", n, err)
		}
		_, _ = conn.Write([]byte(text)) // it may have been closed
		if open = append(open, conn); len(open) > maxConnections+200 {
			open[0].Close()
			open = open[1:]
		}
		if n%20 == 0 {
			beside(n)
		}
	}
}

// An application that is there already goes on over the connection that it has, however many come that ask nothing.
func TestCrowd_WhoIsThereAlreadyGoesOn(t *testing.T) {
	_, address := serve(t, Config{})
	client := &http.Client{Transport: &http.Transport{MaxIdleConns: 1}}
	defer client.CloseIdleConnections()
	var local string
	trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		if at := info.Conn.LocalAddr().String(); local == "" {
			local = at
		} else if at != local {
			t.Errorf("it had to come again, from %s instead of %s", at, local)
			local = at
		}
	}}
	for _, text := range []string{"", "POST /v1/kv/put HTTP/1.1\r\nHost: " + address + "\r\nContent-Length: 100\r\n\r\n{"} {
		crowd(t, address, text, 3*maxConnections+1, func(n int) {
			if n%1500 > 0 { // it asks now and then
				return
			}
			q, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), http.MethodPost, "http://"+address+"/v1/kv/put", strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			r, err := client.Do(q)
			if err != nil {
				t.Fatalf("beside %d connections: %v", n, err)
			}
			if body, err := io.ReadAll(r.Body); err != nil || string(body) != "{}" {
				t.Errorf("beside %d connections: %s, %v", n, body, err)
			}
			r.Body.Close()
		})
	}
}

// Files that are asked for and never read keep nobody out, and take no more memory than is meant.
func TestCrowd_FilesThatNobodyReads(t *testing.T) {
	dir := t.TempDir()
	const size = maxPage - 1
	for _, name := range []string{"index.html", "film.mp4"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.Repeat(" ", size)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const most = 100
	s, address := serve(t, Config{Files: dir}, func(s *Server) { s.conns.most, s.answers.most = most, unreadBytes/4 })
	for _, path := range []string{"/film.mp4", "/"} {
		heap := uint64(0)
		crowd(t, address, "GET "+path+" HTTP/1.1\r\nHost: "+address+"\r\n\r\n", 2*most, func(n int) {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			heap = max(heap, m.HeapInuse)
			began := time.Now()
			if r, body := call(t, address, "POST", "/v1/kv/put", "{}"); r.StatusCode != http.StatusOK || body != "{}" {
				t.Fatalf("%s, beside %d that do not read: %d %s", path, n, r.StatusCode, body)
			}
			if took := time.Since(began); took > patience/2 {
				t.Errorf("%s, beside %d that do not read, an answer takes %s", path, n, took)
			}
		})
		if heap > most*size/2 {
			t.Errorf("%s: %d MB of heap", path, heap>>20)
		}
		processtest.Await(t, "their end", func() bool {
			s.answers.mu.Lock()
			defer s.answers.mu.Unlock()
			return s.answers.bytes == 0
		})
	}
}

// Who sends a byte now and then is cut off as who sends none: what counts is when all of it has come.
func TestCrowd_AByteNowAndThen(t *testing.T) {
	a := &agent{}
	_, address := serve(t, Config{Agent: a}, func(s *Server) { s.within.head, s.within.body = time.Second, time.Second })
	begin := "POST /v1/kv/put HTTP/1.1\r\nHost: " + address + "\r\n"
	for what, c := range map[string]struct{ sent, drips string }{
		"a head":             {begin, strings.Repeat("X-Header: x\r\n", 1000)},
		"a name":             {begin, strings.Repeat("X", 10_000)},
		"a body":             {begin + "Content-Length: 100000\r\n\r\n\"", strings.Repeat("x", 100_000)},
		"a body in pieces":   {begin + "Transfer-Encoding: chunked\r\n\r\n", strings.Repeat("1\r\n \r\n", 10_000)},
		"the size of pieces": {begin + "Transfer-Encoding: chunked\r\n\r\n", strings.Repeat("0", 100_000)},
	} {
		conn := raw(t, address, c.sent)
		began := time.Now()
		ended := make(chan error, 1)
		go func() {
			_ = conn.SetReadDeadline(began.Add(patience))
			text, err := io.ReadAll(conn)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				ended <- fmt.Errorf("it has no end: %.200s", text)
				return
			}
			ended <- nil
		}()
		tick := time.NewTicker(20 * time.Millisecond)
		for n := 0; ; n++ {
			if n < len(c.drips) {
				_, _ = conn.Write([]byte(c.drips[n : n+1]))
			}
			select {
			case err := <-ended:
				if took := time.Since(began); err != nil || took < time.Second/2 || took > patience/2 {
					t.Errorf("%s: after %s, %v", what, took, err)
				}
			case <-tick.C:
				continue
			}
			break
		}
		tick.Stop()
	}
	if a.count() != 0 {
		t.Errorf("%d requests", a.count())
	}
	if r, _ := call(t, address, "POST", "/v1/kv/put", "{}"); r.StatusCode != http.StatusOK {
		t.Errorf("the next one: %d", r.StatusCode)
	}
}
