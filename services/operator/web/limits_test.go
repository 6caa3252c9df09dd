package web

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/operatortest"
)

// 64 threads of any local user on calls that take long left every operator with 429, and 16 streams shut out the 17th: places are
// reserved for who has the token, and none are for one address alone.
func TestFault_C12_AnOperatorFindsAPlace(t *testing.T) {
	h := &operatortest.Host{Now: operatortest.Paired(), Blocking: make(chan struct{})}
	handler := NewHandler(configOf(h))
	ask := func(path, from, token string) int {
		r := newRequest(path, from)
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		w := &answered{done: make(chan int, 1)}
		go handler.ServeHTTP(w, r.WithContext(ctx))
		return <-w.done
	}
	var all sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	refused := make(chan struct{}, 100)
	for range 64 {
		all.Go(func() {
			w := &answered{done: make(chan int, 1)}
			r := newRequest(operator.CallExplain.Path, "127.0.0.1:9")
			r.Header.Set("Authorization", "Bearer "+operatortest.TokenOf(operator.View))
			handler.ServeHTTP(w, r.WithContext(ctx))
			if <-w.done == http.StatusTooManyRequests {
				refused <- struct{}{}
			}
		})
	}
	for range 64 - maxFrom {
		<-refused
	}
	for what, c := range map[string]struct {
		from, token string
		want        int
	}{
		"the same address":              {"127.0.0.1:10", "", http.StatusTooManyRequests},
		"another address":               {"10.0.0.9:1", operatortest.TokenOf(operator.View), http.StatusOK},
		"an operator":                   {"127.0.0.1:11", operatortest.Token, http.StatusOK},
		"somebody who makes up a token": {"127.0.0.1:12", "made up", http.StatusUnauthorized},
	} {
		if got := ask(operator.CallStatus.Path, c.from, c.token); got != c.want {
			t.Errorf("%s: %d, want %d", what, got, c.want)
		}
	}
	cancel()
	all.Wait()
	streams := newPlaces(maxStreams, maxStreamsFrom, maxReserved)
	for range maxStreams {
		streams.take(newRequest(PathStream, "127.0.0.1:1"), false)
		streams.take(newRequest(PathStream, "10.0.0.9:1"), false)
	}
	if streams.take(newRequest(PathStream, "10.0.0.8:1"), false) != nil || streams.take(newRequest(PathStream, "127.0.0.1:1"), true) == nil {
		t.Error("streams: who has the token is shut out, or nobody is")
	}
}

// Who may act has a place when those who look have taken all.
func TestFault_C12_ACommandOfWhoMayActFindsAPlace(t *testing.T) {
	h := &operatortest.Host{Now: operatortest.Paired(), Blocking: make(chan struct{})}
	address := serve(t, h).Address()
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range maxFrom {
		all.Go(func() {
			for ctx.Err() == nil { // again, when the question below had the place
				_, _ = operator.CallExplain.Ask(ctx, operator.NewClient("http://"+address).WithToken(operatortest.TokenOf(operator.View)), operator.None{})
			}
		})
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		if _, err := operator.NewClient("http://" + address).WithToken(operatortest.TokenOf(operator.View)).Status(t.Context()); err != nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("there is always room")
		}
		time.Sleep(time.Millisecond)
	}
	if _, err := operator.NewClient("http://" + address).WithToken(operatortest.Token).Status(t.Context()); err != nil {
		t.Errorf("an operator: %v", err)
	}
	cancel()
	all.Wait()
}

// 17,000 connections that said nothing cost half a gigabyte: they are bounded, and who connects to ask is served all the same.
func TestFault_C12_ConnectionsAreBounded(t *testing.T) {
	address := serve(t, &operatortest.Host{Now: operatortest.Paired()}).Address()
	var conns []net.Conn
	for range maxConnsFrom + 50 {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conns = append(conns, conn)
	}
	if _, err := operator.NewClient("http://" + address).Status(t.Context()); err != nil {
		t.Errorf("somebody who asks: %v", err)
	}
	for _, conn := range conns[:50] {
		_ = conn.SetReadDeadline(time.Now().Add(4 * time.Second)) // less than the server waits for a header
		if _, err := conn.Read(make([]byte, 1)); err == nil || isTimeout(err) {
			t.Fatalf("one of the oldest is open still: %v", err)
		}
	}
}

// Anybody who reached a host had it search its history, or try its disk and ask its terminals, as often at once as there are calls:
// whoever asks for what costs much shows the token, and one is done at a time.
func TestFault_C11_WhatCostsMuchNeedsTheTokenAndItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &operatortest.Host{Now: operatortest.Paired(), Blocking: make(chan struct{})}
		handler := NewHandler(configOf(h))
		for _, o := range []operator.Info{operator.CallHistory.Info(), operator.CallDiverged.Info(), operator.CallDoctor.Info()} {
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				w := operatortest.Request(handler, method, o.Path, "", map[string]string{"Authorization": ""})
				if p := operatortest.WantProblem(t, w, http.StatusUnauthorized); !strings.Contains(p.Detail, "needs the role view") {
					t.Errorf("%s %s without the token: %+v", method, o.Path, p)
				}
			}
		}
		first := make(chan int)
		go func() {
			first <- operatortest.Request(handler, http.MethodGet, operator.CallHistory.Path, "", nil).Code
		}()
		synctest.Wait()
		if p := operatortest.WantProblem(t, operatortest.Request(handler, http.MethodGet, operator.CallHistory.Path+"?key=x", "", nil), http.StatusTooManyRequests); !strings.Contains(p.Detail, "one at a time") {
			t.Errorf("a second search: %+v", p)
		}
		if w := operatortest.Request(handler, http.MethodGet, operator.CallDoctor.Path, "", nil); w.Code != http.StatusOK {
			t.Errorf("what is another thing waits for a search: %d", w.Code)
		}
		close(h.Blocking)
		if code := <-first; code != http.StatusOK {
			t.Errorf("the first search: %d", code)
		}
		if w := operatortest.Request(handler, http.MethodGet, operator.CallHistory.Path, "", nil); w.Code != http.StatusOK {
			t.Errorf("a search after it: %d", w.Code)
		}
	})
}

func isTimeout(err error) bool {
	n, is := err.(net.Error)
	return is && n.Timeout()
}

func newRequest(path, from string) *http.Request {
	r, _ := http.NewRequest(http.MethodGet, "http://127.0.0.1"+path, http.NoBody) // it is well formed
	r.RemoteAddr = from
	return r
}

// answered is a writer that tells the first status that is written.
type answered struct {
	done   chan int
	once   sync.Once
	header http.Header
}

func (a *answered) Header() http.Header {
	if a.header == nil {
		a.header = http.Header{}
	}
	return a.header
}
func (a *answered) WriteHeader(code int)        { a.once.Do(func() { a.done <- code }) }
func (a *answered) Write(b []byte) (int, error) { a.WriteHeader(http.StatusOK); return len(b), nil }
