package web

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/process/processtest"
)

var long = flag.Bool("long", false, "with 20,000 connections")

// Connections that ask nothing, or half of something, keep nobody out, however many there are: those that have waited longest are closed.
func TestHostile_ManyConnectionsKeepNobodyOut(t *testing.T) {
	many := 2000
	if *long {
		many = 20_000
	}
	s, address := serve(t, Config{})
	var open []net.Conn
	defer func() {
		for _, conn := range open {
			conn.Close()
		}
	}()
	half := "POST /v1/kv/put HTTP/1.1\r\nHost: " + address + "\r\nContent-Length: 100\r\n\r\n{"
	began := time.Now()
	for i := range many {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		if i%2 == 1 {
			_, _ = conn.Write([]byte(half[:1+i%len(half)])) // it may have been closed
		}
		if open = append(open, conn); len(open) > maxConnections+200 { // the machine has only so many
			open[0].Close()
			open = open[1:]
		}
		if i%(many/20) == 0 {
			before := time.Now()
			if r, body := call(t, address, "POST", "/v1/kv/put", "{}"); r.StatusCode != 200 || body != "{}" {
				t.Fatalf("beside %d connections: %d %s", i, r.StatusCode, body)
			}
			if took := time.Since(before); took > 2*time.Second {
				t.Errorf("beside %d connections an answer takes %s", i, took)
			}
		}
	}
	s.conns.mu.Lock()
	held := len(s.conns.list)
	s.conns.mu.Unlock()
	s.crowded.mu.Lock()
	over := s.crowded.count
	s.crowded.mu.Unlock()
	if held > maxConnections || over == 0 {
		t.Errorf("%d connections are kept, %d were too many", held, over)
	}
	t.Logf("measured: %d connections in %s", many, time.Since(began).Round(time.Millisecond))
}

// Calls that have come in whole are not closed for others that come later.
func TestHostile_NobodyIsClosedWhoWaitsForAnAnswer(t *testing.T) {
	release := make(chan struct{})
	a := &agent{Reply: func(q Question) bus.Reply { <-release; return bus.Reply{Body: q.Body} }}
	_, address := serve(t, Config{Agent: a}, func(s *Server) { s.conns.most = 20 })
	var waiting []net.Conn
	for range 15 {
		waiting = append(waiting, raw(t, address, "POST /v1/kv/put HTTP/1.1\r\nHost: "+address+"\r\nContent-Length: 2\r\n\r\n{}"))
	}
	processtest.Await(t, "them", func() bool { return a.count() == len(waiting) })
	for range 100 {
		raw(t, address, "P")
	}
	close(release)
	for _, conn := range waiting {
		if r, body := answer(t, conn); r.StatusCode != 200 {
			t.Errorf("%d %s", r.StatusCode, body)
		}
	}
}

// Who sends half of a head is cut off, and who sends half of a body is told.
func TestHostile_HalfARequestEnds(t *testing.T) {
	a := &agent{}
	_, address := serve(t, Config{Agent: a}, func(s *Server) { s.within.head, s.within.body = time.Second, time.Second })
	head := raw(t, address, "POST /v1/kv/put HTTP/1.1\r\nHost: "+address+"\r\nContent-")
	body := raw(t, address, "POST /v1/kv/put HTTP/1.1\r\nHost: "+address+"\r\nContent-Length: 10\r\n\r\n{")
	began := time.Now()
	if err := head.SetReadDeadline(began.Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(head); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("half of a head is waited for longer than %s", patience)
	}
	if took := time.Since(began); took < time.Second/2 {
		t.Errorf("half of a head ends after %s", took)
	}
	r, text := answer(t, body)
	wantProblem(t, r, text, http.StatusRequestTimeout, "slow")
	if a.count() != 0 {
		t.Errorf("%d requests", a.count())
	}
}

// A call of which no body is read is refused with one, and its connection ends: else bodies that never come would keep everybody else out.
func TestHostile_BodiesThatNeverCome(t *testing.T) {
	s, address := serve(t, Config{}, func(s *Server) { s.within.drain = 100 * time.Millisecond })
	for _, call := range []string{"GET /", "GET /v1/status", "GET /v1/notices", "OPTIONS /v1/kv/put", "GET /v1/kv/put"} {
		for _, length := range []string{"Content-Length: 1", "Transfer-Encoding: chunked"} {
			conn := raw(t, address, call+" HTTP/1.1\r\nHost: "+address+"\r\n"+length+"\r\n\r\n")
			if r, body := answer(t, conn); r.StatusCode != http.StatusBadRequest && r.StatusCode != http.StatusMethodNotAllowed {
				t.Errorf("%s, %s: %d %s", call, length, r.StatusCode, body)
			}
		}
	}
	processtest.Await(t, "no connection", func() bool {
		s.conns.mu.Lock()
		defer s.conns.mu.Unlock()
		return len(s.conns.list) == 0
	})
}

// Large bodies that come in slowly take no more memory together than is meant, and small ones come in beside them.
func TestHostile_LargeBodiesAreBoundedTogether(t *testing.T) {
	s, address := serve(t, Config{}, func(s *Server) { s.bodies.free = 4 << 20 })
	large := strings.Repeat("x", MaxBody-2)
	var slow []net.Conn
	for range 4 {
		slow = append(slow, raw(t, address, fmt.Sprintf("POST /v1/kv/put HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n\"%s", address, MaxBody, large)))
	}
	processtest.Await(t, "that they have it", func() bool {
		s.bodies.mu.Lock()
		defer s.bodies.mu.Unlock()
		return s.bodies.free < 512<<10
	})
	r, body := call(t, address, "POST", "/v1/kv/put", `"`+large+`"`)
	wantProblem(t, r, body, http.StatusTooManyRequests, "busy")
	if r, body := call(t, address, "POST", "/v1/kv/put", `"`+large[:smallBody-2]+`"`); r.StatusCode != 200 {
		t.Errorf("a small body beside them: %d %.100s", r.StatusCode, body)
	}
	for _, conn := range slow {
		if _, err := conn.Write([]byte(`"`)); err != nil {
			t.Fatal(err)
		}
		if r, _ := answer(t, conn); r.StatusCode != 200 {
			t.Errorf("a body that comes in slowly: %d", r.StatusCode)
		}
	}
	processtest.Await(t, "that nothing is taken", func() bool {
		s.bodies.mu.Lock()
		defer s.bodies.mu.Unlock()
		return s.bodies.free == 4<<20
	})
}

// Answers that nobody reads are bounded together: those are cut off that have not been read for longest, and others are answered.
func TestHostile_AnswersThatNobodyReadsAreBounded(t *testing.T) {
	body := []byte(`"` + strings.Repeat("x", 16<<20) + `"`) // more than a connection's buffers hold
	a := &agent{Reply: func(Question) bus.Reply { return bus.Reply{Body: body} }}
	s, address := serve(t, Config{Agent: a}, func(s *Server) { s.answers.most, s.within.write = 3*len(body), time.Hour })
	var deaf []net.Conn
	for range 10 {
		deaf = append(deaf, raw(t, address, "POST /v1/kv/put HTTP/1.1\r\nHost: "+address+"\r\nContent-Length: 2\r\n\r\n{}"))
	}
	processtest.Await(t, "that most are cut off", func() bool {
		s.slow.mu.Lock()
		defer s.slow.mu.Unlock()
		return s.slow.count >= uint64(len(deaf)-3)
	})
	s.answers.mu.Lock()
	if held := s.answers.bytes; held > s.answers.most {
		t.Errorf("%d bytes are held", held)
	}
	s.answers.mu.Unlock()
	if r, text := call(t, address, "POST", "/v1/kv/put", "{}"); r.StatusCode != 200 || len(text) != len(body) {
		t.Errorf("who reads has %d, %d bytes", r.StatusCode, len(text))
	}
}

// Who never reads its notices is cut off, costs no more than a page of them meanwhile, and keeps no other reader from anything.
func TestHostile_WhoNeverReadsItsNoticesIsCutOff(t *testing.T) {
	a := &agent{}
	s, address := serve(t, Config{Agent: a}, func(s *Server) { s.within.write = 2 * time.Second })
	call := "GET /v1/notices?after=0 HTTP/1.1\r\nHost: " + address + "\r\n\r\n"
	deaf := raw(t, address, call)
	reads := raw(t, address, call)
	body := `"` + strings.Repeat("x", 256<<10) + `"`
	var heard sync.WaitGroup
	const n = 60 // more than the buffers of a connection
	heard.Go(func() {
		if err := reads.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Error(err)
		}
		total := 0
		for buffer := make([]byte, 1<<20); total < n*len(body); {
			got, err := reads.Read(buffer)
			if err != nil {
				t.Errorf("who reads is ended after %d bytes: %v", total, err)
				return
			}
			total += got
		}
	})
	for range n {
		a.tell(body)
	}
	heard.Wait()
	processtest.Await(t, "its end", func() bool { return s.streams.Load() == 1 })
	s.slow.mu.Lock()
	if s.slow.count != 1 {
		t.Errorf("%d were cut off", s.slow.count)
	}
	s.slow.mu.Unlock()
	runtime.KeepAlive(deaf)
}

// More readers of notices than there is room for are told so.
func TestHostile_StreamsAreBounded(t *testing.T) {
	s, address := serve(t, Config{})
	var open []net.Conn
	for range maxStreams {
		open = append(open, raw(t, address, "GET /v1/notices HTTP/1.1\r\nHost: "+address+"\r\n\r\n"))
	}
	processtest.Await(t, "them", func() bool { return s.streams.Load() == maxStreams })
	r, body := call(t, address, "GET", "/v1/notices", "")
	wantProblem(t, r, body, http.StatusTooManyRequests, "busy")
	for _, conn := range open {
		conn.Close()
	}
	processtest.Await(t, "room", func() bool { return s.streams.Load() == 0 })
}

// A head that is too large, or is none, is refused, and the next call is answered.
func TestHostile_Heads(t *testing.T) {
	a := &agent{}
	_, address := serve(t, Config{Agent: a})
	for _, text := range []string{
		"GET / HTTP/1.1\r\nHost: " + address + "\r\nX: " + strings.Repeat("x", 64<<10) + "\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/9.9\r\nHost: x\r\n\r\n", "\x00\x00\x00\r\n\r\n",
		"POST /v1/kv/put HTTP/1.1\r\nHost: " + address + "\r\nHost: evil.example\r\nContent-Length: 2\r\n\r\n{}",
		"POST /v1/kv/put HTTP/1.1\r\nHost: " + address + "\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
		"POST /v1/kv/put HTTP/1.1\r\nHost: " + address + "\r\nContent-Length: -2\r\n\r\n{}",
		"POST /v1/kv/put HTTP/1.1\r\nHost: " + address + "\r\nTransfer-Encoding: gzip\r\n\r\n{}",
		"POST http://evil.example/v1/kv/put HTTP/1.1\r\nHost: " + address + "\r\nContent-Length: 2\r\n\r\n{}",
		"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	} {
		conn := raw(t, address, text)
		if tcp, ok := conn.(*net.TCPConn); ok {
			if err := tcp.CloseWrite(); err != nil {
				t.Fatal(err)
			}
		}
		if r, body := answer(t, conn); r.StatusCode < 400 {
			t.Errorf("%.60q: %d %s", text, r.StatusCode, body)
		}
		conn.Close()
	}
	if a.count() != 0 {
		t.Errorf("%d requests", a.count())
	}
	if r, _ := call(t, address, "POST", "/v1/kv/put", "{}"); r.StatusCode != 200 {
		t.Errorf("the next one: %d", r.StatusCode)
	}
}

// FuzzServeHTTP: whatever a call is, it has an answer, and only what is a request comes to the agent.
func FuzzServeHTTP(f *testing.F) {
	f.Add("POST", "/v1/kv/put", "{}", "Content-Type", "application/json", int64(2))
	f.Add("GET", "/../etc/passwd", "", "Range", "bytes=0-", int64(0))
	f.Add("OPTIONS", "/v1/kv/put", "", "Origin", "null", int64(-1))
	f.Add("POST", "/v1/kv/put", "{", "Hotpair-Queue", "yes", int64(1<<40))
	a := &agent{}
	s := New(Config{Agent: a, Queue: a})
	if err := s.openFiles(); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, method, path, body, header, value string, length int64) {
		r, err := http.NewRequest("GET", "http://127.0.0.1:4280/", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(path, pathNotices) {
			return // which goes on
		}
		r.Method, r.URL.Path, r.RemoteAddr, r.ContentLength = method, path, "127.0.0.1:9", length
		r.Header.Set(header, value)
		before := a.count()
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code < 200 || w.Code >= 600 || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%d %v", w.Code, w.Header())
		}
		if asked := a.count() > before; asked && (method != http.MethodPost || len(body) > MaxBody || !strings.HasPrefix(path, api)) {
			t.Errorf("%s %q is asked", method, path)
		}
	})
}

// Who waits for an answer when the agent stops is told that nobody knows, and with which id to ask again.
func TestAsk_TellsWhoWaitsThatItStops(t *testing.T) {
	a := &silent{}
	s := New(Config{Listen: processtest.Address(t), Agent: a})
	s.within.write = 300 * time.Millisecond // long over when it stops
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	<-s.Ready()
	const id = "2026-01-02T03:04:05Z/x"
	began := time.Now()
	conn := raw(t, s.Address(), "POST /v1/kv/put HTTP/1.1\r\nHost: "+s.Address()+"\r\nHotpair-Request-Id: "+id+"\r\nContent-Length: 2\r\n\r\n{}")
	processtest.Await(t, "it", func() bool { return a.count() == 1 })
	processtest.Await(t, "that time to be over", func() bool { return time.Since(began) > 2*s.within.write })
	stop()
	r, body := answer(t, conn)
	if r.StatusCode != http.StatusGatewayTimeout || !strings.Contains(body, `"done":"unknown"`) || !strings.Contains(body, id) {
		t.Errorf("%d %s", r.StatusCode, body)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// silent answers nothing.
type silent struct{ agent }

func (a *silent) Ask(q Question, _ func(bus.Reply)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, q)
}
