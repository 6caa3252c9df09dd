package web

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/operatortest"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/services/refusals"
)

// 64 threads of any local user on calls that take long left every operator with 429, and 16 streams shut out the 17th: places are
// reserved for who has the token, and none are for one address alone. All of them are counted, and given back.
func TestFault_C12_AnOperatorFindsAPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &operatortest.Host{Now: operatortest.Paired(), Blocking: make(chan struct{})}
		handler := NewHandler(configOf(h)).(*handler)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ask := func(path, from, token string) int {
			r := newRequest(path, from)
			if token != "" {
				r.Header.Set("Authorization", "Bearer "+token)
			}
			w := &answered{done: make(chan int, 1)}
			handler.ServeHTTP(w, r.WithContext(ctx))
			return <-w.done
		}
		var refused atomic.Int32
		flood := func(n int, from, token string) {
			for range n {
				go func() {
					if ask(operator.CallExplain.Path, from, token) == http.StatusTooManyRequests {
						refused.Add(1)
					}
				}()
			}
		}
		taken := func(when string, open, extra int, over int32) {
			t.Helper()
			synctest.Wait()
			if c := handler.calls; c.open != open || c.extra != extra || refused.Load() != over {
				t.Errorf("%s: %d calls are under way and %d beside them, %d were refused; want %d, %d, %d", when, c.open, c.extra, refused.Load(), open, extra, over)
			}
		}
		flood(64, "127.0.0.1:9", operatortest.TokenOf(operator.View))
		over := int32(64 - maxFrom)
		taken("one address has its share", maxFrom, 0, over)
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
		flood(16, "10.0.0.9:2", operatortest.TokenOf(operator.View))
		over += 16 - (maxCalls - maxFrom)
		taken("those who look have all that is theirs", maxCalls, 0, over)
		if got := ask(operator.CallStatus.Path, "10.0.0.8:1", operatortest.TokenOf(operator.View)); got != http.StatusTooManyRequests {
			t.Errorf("one more who looks: %d", got)
		}
		flood(12, "10.0.0.8:2", operatortest.Token)
		over += 12 - maxReserved
		taken("those who may act have all that is theirs", maxCalls, maxReserved, over)
		cancel()
		taken("all have ended", 0, 0, over)
	})

	streams := newPlaces(maxStreams, maxStreamsFrom, maxReserved)
	var leave []func()
	take := func(n int, from string, acts bool) (got int) {
		for range n {
			if gone := streams.take(newRequest(PathStream, from), acts); gone != nil {
				leave, got = append(leave, gone), got+1
			}
		}
		return got
	}
	counts := func(when string) {
		t.Helper()
		one, another, third := take(40, "127.0.0.1:1", false), take(40, "10.0.0.9:1", false), take(40, "10.0.0.8:1", false)
		if acting := take(40, "10.0.0.8:1", true); one != maxStreamsFrom || another != maxStreams-maxStreamsFrom || third != 0 || acting != maxReserved {
			t.Errorf("%s: streams of one address %d, of another %d, of a third %d, of those who may act %d", when, one, another, third, acting)
		}
	}
	counts("at first")
	for _, gone := range leave {
		gone()
	}
	counts("when all had ended")
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
	status := func(token string) error {
		_, err := operator.NewClient("http://" + address).WithToken(token).Status(t.Context())
		return err
	}
	processtest.Await(t, "those who look to have taken all places", func() bool {
		var p *operator.Problem
		return errors.As(status(operatortest.TokenOf(operator.View)), &p) && p.Status == http.StatusTooManyRequests
	})
	if err := status(operatortest.Token); err != nil {
		t.Errorf("an operator: %v", err)
	}
	cancel()
	all.Wait()
}

// 17,000 connections that said nothing cost half a gigabyte: they are bounded, of one address and in all, and who connects to ask is served all
// the same. Those that were closed for it are counted, for the server also closes what says nothing for some seconds.
func TestFault_C12_ConnectionsAreBounded(t *testing.T) {
	var refused refusals.Counter
	c := configOf(&operatortest.Host{Now: operatortest.Paired()})
	c.Refused = &refused
	s := NewServer(c)
	operatortest.Start(t, s)
	const over = 40
	closed := 0
	connect := func(from byte, n, more int) {
		t.Helper()
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 2, from)}}
		for range n {
			conn, err := d.Dial("tcp", s.Address())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = conn.Close() })
		}
		closed += more
		processtest.Await(t, fmt.Sprintf("%d connections to be closed for others", closed), func() bool {
			return refused.Counts()[refusals.HTTPConnection] >= uint64(closed)
		})
		if now := refused.Counts()[refusals.HTTPConnection]; now != uint64(closed) {
			t.Errorf("%d connections were closed for others, and there was room for all but %d", now, closed)
		}
	}
	connect(1, maxConnsFrom+over, over)
	connect(2, maxConns-maxConnsFrom, 0)
	connect(3, over, over)
	if _, err := operator.NewClient("http://" + s.Address()).Status(t.Context()); err != nil {
		t.Errorf("somebody who asks: %v", err)
	}
}

// Of too many connections the one goes that has waited longest without a call, of its own address where that has too many; none on which one is
// under way.
func TestLimits_WhoHasWaitedLongestGoes(t *testing.T) {
	l := newLimits(nil)
	all := map[*known]bool{}
	state := func(c *known, to http.ConnState, wants *known) {
		t.Helper()
		all[c] = true
		gone := l.note(c, to)
		if wants == nil && gone != nil || wants != nil && gone != wants {
			t.Fatalf("%v of %s: %v goes, want %v", to, c.address, gone, wants)
		}
		if gone != nil {
			delete(all, wants)
			l.note(gone, http.StateClosed) // as the server says then
		}
	}
	come := func(address string, wants *known) *known {
		t.Helper()
		c := &known{address: address}
		state(c, http.StateNew, wants)
		return c
	}
	busy, again := come("10.0.0.1:1", nil), come("10.0.0.1:2", nil)
	state(busy, http.StateActive, nil)
	first, second := come("10.0.0.1:3", nil), come("10.0.0.1:4", nil)
	for range maxConnsFrom - 4 {
		come("10.0.0.1:5", nil)
	}
	state(again, http.StateActive, nil)
	state(again, http.StateIdle, nil)
	come("10.0.0.1:6", first)
	for range maxConns - maxConnsFrom {
		come("10.0.0.2:1", nil)
	}
	come("10.0.0.3:1", second)
	if len(l.conns) != maxConns || l.conns[busy] == nil || l.conns[again] == nil {
		t.Errorf("%d connections are held", len(l.conns))
	}
	for c := range all {
		state(c, http.StateClosed, nil)
	}
	if len(l.conns)+len(l.from) != 0 {
		t.Errorf("of those that have ended %d are held, of %d addresses", len(l.conns), len(l.from))
	}
}

// known is a connection of which an address is known, and nothing else.
type known struct {
	net.Conn
	address string
}

func (k *known) RemoteAddr() net.Addr { return address(k.address) }

type address string

func (address) Network() string  { return "tcp" }
func (a address) String() string { return string(a) }

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
