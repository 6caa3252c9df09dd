// Package receivertest is a receiver of emissions for tests: it keeps the rule of emissions.Receiver, like a good
// receiver, and can misbehave like real ones.
package receivertest

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/courier/signature"
)

// Secret is the secret of the target in a test.
const Secret = "the secret of a target in tests"

// Behaviour answers a post in place of a good receiver. take accepts the emission all the same; an answer after that
// does not count as sent.
type Behaviour func(w http.ResponseWriter, r *http.Request, take func())

// Taken is an accepted emission.
type Taken struct {
	Target, Lane, Service string
	Emission, Order       string
	Body                  string
}

// Receiver is one server.
type Receiver struct {
	TB  testing.TB
	URL string // of the server

	roots string

	mu         sync.Mutex
	behaviours []Behaviour // of the next posts
	always     Behaviour   // of those after them; nil: it is a good one
	highest    map[string]string
	taken      []Taken
	posts      int
	out        map[string]int // posts of a lane that are being answered
	wrong      []error
	changed    chan struct{}
}

// New starts a receiver over TLS, with a certificate that must be trusted explicitly (Roots). It ends with the test,
// which fails if a lane had two posts at the same time, or a signature was invalid.
func New(tb testing.TB) *Receiver {
	tb.Helper()
	r := begin(tb)
	server := httptest.NewUnstartedServer(http.HandlerFunc(r.serve))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	r.URL = server.URL
	r.roots = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	tb.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		r.Check()
	})
	return r
}

func begin(tb testing.TB) *Receiver {
	return &Receiver{TB: tb, highest: map[string]string{}, out: map[string]int{}, changed: make(chan struct{})}
}

// Check fails the test if a lane had two posts at the same time, or a signature was invalid.
func (r *Receiver) Check() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := errors.Join(r.wrong...); err != nil {
		r.TB.Error(err)
	}
}

// Roots are the root certificates of the receiver, in PEM.
func (r *Receiver) Roots() string { return r.roots }

// InMemory starts a receiver that is reached only by dial, in plain text and without the system, so that it can run in
// a synctest bubble. It ends with Close.
func InMemory(tb testing.TB) (r *Receiver, dial func(ctx context.Context, network, address string) (net.Conn, error), end func()) {
	r = begin(tb)
	r.URL = "http://127.0.0.1:1/hotpair"
	p := &pipes{come: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: http.HandlerFunc(r.serve), ErrorLog: log.New(io.Discard, "", 0)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(p) // until it is closed
	}()
	return r, p.dial, func() {
		_ = server.Close()
		<-done
		r.Check()
	}
}

// pipes is a listener in memory.
type pipes struct {
	come   chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.come <- there:
		return here, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Accept implements net.Listener.
func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.come:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

// Addr implements net.Listener.
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

// Next sets the answers to the next posts, each for one.
func (r *Receiver) Next(behaviours ...Behaviour) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.behaviours = append(r.behaviours, behaviours...)
}

// Always sets the answer to all posts from now on; nil: like a good receiver.
func (r *Receiver) Always(behaviour Behaviour) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.always = behaviour
}

func (r *Receiver) serve(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(io.LimitReader(q.Body, 1<<20))
	if err != nil {
		return // the other side has gone
	}
	lane := q.Header.Get(signature.Target) + "/" + q.Header.Get(signature.Lane)
	behaviour := r.enter(lane, q, body)
	leave := sync.OnceFunc(func() {
		r.mu.Lock()
		r.out[lane]--
		r.mu.Unlock()
	})
	defer leave()
	take := func() {
		r.take(lane, q, body)
		leave()
	}
	if behaviour == nil {
		take()
		return
	}
	behaviour(w, q, take)
}

// enter counts a post, and says how it is answered.
func (r *Receiver) enter(lane string, q *http.Request, body []byte) Behaviour {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.posts++
	if r.out[lane]++; r.out[lane] > 1 && q.Context().Err() == nil {
		r.wrong = append(r.wrong, fmt.Errorf("two posts of the lane %s at one time", lane))
	}
	if err := signature.Verify([]byte(Secret), q.Header, body, time.Now(), 48*time.Hour); err != nil {
		r.wrong = append(r.wrong, err)
	}
	r.tell()
	if len(r.behaviours) > 0 {
		behaviour := r.behaviours[0]
		r.behaviours = r.behaviours[1:]
		return behaviour
	}
	return r.always
}

// take keeps an emission that is new by its order, and nothing else. In a real receiver that is one transaction with
// its effects.
func (r *Receiver) take(lane string, q *http.Request, body []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := q.Header
	if order := h.Get(signature.Order); order > r.highest[lane] {
		r.highest[lane] = order
		r.taken = append(r.taken, Taken{h.Get(signature.Target), h.Get(signature.Lane), h.Get(signature.Service), h.Get(signature.Emission), order, string(body)})
	}
	r.tell()
}

func (r *Receiver) tell() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// Taken returns the accepted emissions, in order.
func (r *Receiver) Taken() []Taken {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Taken{}, r.taken...)
}

// Posts is the number of posts.
func (r *Receiver) Posts() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.posts
}

// Await waits until a condition of the receiver is true.
func (r *Receiver) Await(what string, holds func() bool) {
	r.TB.Helper()
	patience := time.After(30 * time.Second)
	for {
		r.mu.Lock()
		changed := r.changed
		r.mu.Unlock()
		if holds() {
			return
		}
		select {
		case <-changed:
		case <-patience:
			r.TB.Fatalf("%s: it has taken %+v in %d posts", what, r.Taken(), r.Posts())
		}
	}
}

// Code answers with a code, and accepts nothing.
func Code(code int) Behaviour {
	return func(w http.ResponseWriter, _ *http.Request, _ func()) { http.Error(w, "it is so\x00and\nso", code) }
}

// Later answers with a code, and asks for a pause.
func Later(code int, after string) Behaviour {
	return func(w http.ResponseWriter, _ *http.Request, _ func()) {
		w.Header().Set("Retry-After", after)
		w.WriteHeader(code)
	}
}

// Elsewhere redirects to another address.
func Elsewhere(url string) Behaviour {
	return func(w http.ResponseWriter, q *http.Request, _ func()) {
		http.Redirect(w, q, url, http.StatusTemporaryRedirect)
	}
}

// Silent accepts the emission and never answers.
func Silent(_ http.ResponseWriter, q *http.Request, take func()) {
	<-q.Context().Done()
	take()
}

// Half accepts the emission, and closes the connection in the middle of its answer.
func Half(w http.ResponseWriter, _ *http.Request, take func()) {
	take()
	if conn, rw, err := http.NewResponseController(w).Hijack(); err == nil {
		_, _ = rw.WriteString("HTTP/1.1 200 O")
		_ = rw.Flush()
		_ = conn.Close()
	}
}

// Flood accepts the emission, and sends an answer without end.
func Flood(w http.ResponseWriter, _ *http.Request, take func()) {
	take()
	much := []byte(strings.Repeat("x", 1<<20))
	for range 4096 {
		if _, err := w.Write(much); err != nil {
			return
		}
	}
}

// Headers sends headers without end, and accepts nothing.
func Headers(w http.ResponseWriter, _ *http.Request, _ func()) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	_, _ = rw.WriteString("HTTP/1.1 200 OK\r\n")
	for range 1024 {
		if _, err := fmt.Fprintf(rw, "X: %s\r\n", strings.Repeat("y", 1024)); err != nil {
			break
		}
	}
	_ = rw.Flush()
	_ = conn.Close()
}
