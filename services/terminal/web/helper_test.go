package web

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/notice"
	"github.com/hotpair/hotpair/services/process/processtest"
)

const patience = time.Minute

// agent answers every request with its body, unless Reply says otherwise, and has as many notices as it was told.
type agent struct {
	Reply func(Question) bus.Reply // nil: what was asked

	results Results

	mu      sync.Mutex
	asked   []Question
	notices []string
	first   uint64 // that is kept
	changed chan struct{}
	kept    int // how often notices were read
	waiting int // one less at each look
}

func (a *agent) Ask(q Question, answer func(bus.Reply)) {
	a.mu.Lock()
	a.asked = append(a.asked, q)
	a.mu.Unlock()
	if a.Reply != nil {
		answer(a.Reply(q))
		return
	}
	answer(bus.Reply{Body: q.Body})
}

func (a *agent) Metrics() []byte { return []byte("hotpair_terminal_attached 1\n") }

func (a *agent) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.asked)
}

func (a *agent) tell(bodies ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.notices = append(a.notices, bodies...)
	if a.changed != nil {
		close(a.changed)
		a.changed = nil
	}
}

// commandTold is told in place of a body for a command.
const commandTold = "command"

func (a *agent) Kept(after notice.After) ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.kept++
	first := max(a.first, 1)
	kept := notice.Kept{Notices: []notice.Told{}, First: first, Last: uint64(len(a.notices))}
	const most = 1 << 20 // as an agent gives at a time
	for n, size := max(after.Number+1, first), 0; n <= kept.Last; n++ {
		if size += len(a.notices[n-1]); len(kept.Notices) == after.Limit || size > most {
			kept.More = true
			break
		}
		told := notice.Told{Number: n, Service: "shop", Topic: "price", Body: json.RawMessage(a.notices[n-1])}
		if told.Fenced = a.notices[n-1] == commandTold; told.Fenced && !after.Fenced {
			continue
		} else if told.Fenced {
			told.Body = nil
		}
		kept.Notices = append(kept.Notices, told)
	}
	return json.Marshal(kept)
}

func (a *agent) Last() uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return uint64(len(a.notices))
}

func (a *agent) Changed() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.changed == nil {
		a.changed = make(chan struct{})
	}
	return a.changed
}

func (a *agent) Status() Status {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := Status{Terminal: "t1", Words: "Host a serves.", Serves: true, Host: "a", Waiting: a.waiting}
	a.waiting = max(0, a.waiting-1)
	return s
}

func (a *agent) Queued(q Wanted) bus.Reply {
	if q.ID+q.Key == "absent" {
		return bus.Reply{Code: bus.CodeAbsent, Message: "nothing is known"}
	}
	return bus.Reply{Body: fmt.Appendf(nil, `{"id":%q,"key":%q,"after":%d,"limit":%d}`, q.ID, q.Key, q.After.Number, q.After.Limit)}
}

func (a *agent) Forget(id string, answer func(bus.Reply)) {
	answer(bus.Reply{Code: bus.CodeConflict, Message: id + " waits"})
}

func (a *agent) Results() *Results { return &a.results }

func (a *agent) Services() []bus.AgentService { return nil }

// serve runs a server until the test ends, and gives its address.
func serve(t testing.TB, c Config, change ...func(*Server)) (*Server, string) {
	t.Helper()
	if c.Listen == "" {
		c.Listen = processtest.Address(t)
	}
	if c.Agent == nil {
		c.Agent = &agent{}
	}
	c.Queue = &agent{}
	s := New(c)
	for _, f := range change {
		f(s)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("it ends with %v", err)
		}
	})
	select {
	case <-s.Ready():
	case err := <-done:
		done <- nil
		t.Fatalf("it does not begin: %v", err)
	}
	return s, s.Address()
}

// raw sends what a client would not, and gives the connection.
func raw(t testing.TB, address, text string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := conn.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// answer reads the answer on a connection.
func answer(t testing.TB, conn net.Conn) (*http.Response, string) {
	t.Helper()
	return answerTo(t, conn, http.MethodGet)
}

// answerTo reads the answer to a call of a method.
func answerTo(t testing.TB, conn net.Conn, method string) (*http.Response, string) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	r, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	var b strings.Builder
	if _, err := bufio.NewReader(r.Body).WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return r, b.String()
}

// call sends a call with headers, and gives the answer.
func call(t testing.TB, address, method, path, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	text := fmt.Sprintf("%s %s HTTP/1.1\r\n", method, path)
	host := false
	for i := 0; i+1 < len(headers); i += 2 {
		host = host || headers[i] == "Host"
		text += headers[i] + ": " + headers[i+1] + "\r\n"
	}
	if !host {
		text += "Host: " + address + "\r\n"
	}
	if body != "" || method == http.MethodPost {
		text += fmt.Sprintf("Content-Length: %d\r\n", len(body))
	}
	conn := raw(t, address, text+"Connection: close\r\n\r\n"+body)
	defer conn.Close()
	return answerTo(t, conn, method)
}

// wantProblem checks that an answer is a problem of a kind with a sentence, and something to do.
func wantProblem(t testing.TB, r *http.Response, body string, status int, kind string) {
	t.Helper()
	var p problem
	err := json.Unmarshal([]byte(body), &p)
	if err != nil || r.Header.Get("Content-Type") != "application/problem+json" || r.StatusCode != status || p.Status != status ||
		p.Type != problemType+kind || p.Detail == "" || p.Title == "" || p.Do == "" || p.Done != doneNothing {
		t.Errorf("%d %s (%v), want %d %s", r.StatusCode, body, err, status, kind)
	}
}
