package enrolment

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// wire is one end of a connection, with what both ends derive from it.
type wire struct {
	io.ReadWriter
	secret string
}

func (w wire) Export(string, []byte, int) ([]byte, error) { return []byte(w.secret), nil }

// meeting is how an exchange between a host and an agent ended.
type meeting struct {
	host, agent error
	got         Granted
	final       bool
	issued      bool
	took        bool
}

// meet has a host and an agent speak. At their ends the connection has these secrets: the same, unless somebody is in between.
func meet(t *testing.T, h hostSide, a agentPart, atHost, atAgent string) (m meeting) {
	t.Helper()
	left, right := net.Pipe()
	for _, c := range []net.Conn{left, right} {
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	h.issue = func([]byte) (chain, roots [][]byte, err error) {
		m.issued = true
		return [][]byte{[]byte("certificate")}, [][]byte{[]byte("root")}, nil
	}
	a.take = func(g grant) error {
		m.took = true
		if len(g.Chain) != 1 || string(g.Chain[0]) != "certificate" || g.Login != h.login {
			t.Errorf("it is granted %+v", g)
		}
		return nil
	}
	a.heard = func(offer) {}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		m.host = h.enrol(wire{left, atHost})
		_ = left.Close() // else who waits for it waits
	}()
	m.got, m.final, m.agent = a.enrol(wire{right, atAgent}, func() time.Time { return h.now.Add(-time.Hour) })
	_ = right.Close()
	<-ended
	return m
}

func TestExchange(t *testing.T) {
	until := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	token := NewToken("shop", "till-7", until)
	host := hostSide{pair: "shop", host: "a", terminal: "till-7", key: token.Key(), now: until, login: "c0ffee"}
	agent := agentPart{token: token, request: []byte("request")}
	for _, c := range []struct {
		name            string
		host            func(*hostSide)
		agent           func(*agentPart)
		between         bool
		atHost, atAgent error // nil: enrolled
	}{
		{name: "the token is the same"},
		{name: "somebody is in between", between: true, atAgent: ErrStranger, atHost: ErrStranger},
		{name: "another token was made since", host: func(h *hostSide) { h.key = NewToken("shop", "till-7", until).Key() }, atAgent: ErrStranger, atHost: ErrStranger},
		{name: "the host of another pair", host: func(h *hostSide) { h.pair = "bank" }, atAgent: ErrStranger, atHost: ErrStranger},
		{name: "at the address of another terminal", host: func(h *hostSide) { h.terminal = "till-8" }, atAgent: ErrStranger, atHost: ErrStranger},
		{name: "a host without a name", host: func(h *hostSide) { h.host = "\x1b[2J" }, atAgent: ErrStranger, atHost: ErrStranger},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, a, secret := host, agent, "of the connection"
			if c.host != nil {
				c.host(&h)
			}
			if c.between {
				secret = "of another one"
			}
			m := meet(t, h, a, "of the connection", secret)
			enrolled := c.atAgent == nil
			if !errors.Is(m.host, c.atHost) || !errors.Is(m.agent, c.atAgent) || enrolled != (m.host == nil && m.agent == nil) {
				t.Errorf("at the host %v, at the agent %v", m.host, m.agent)
			}
			if m.issued != enrolled || m.took != enrolled || m.final != enrolled {
				t.Errorf("issued %t, taken %t, final %t", m.issued, m.took, m.final)
			}
			if enrolled && (m.got.Host != "a" || m.got.Ahead != time.Hour) {
				t.Errorf("got %+v", m.got)
			}
			if !enrolled && strings.ContainsRune(m.agent.Error(), '\x1b') {
				t.Errorf("it passes on what no person should see: %q", m.agent)
			}
		})
	}
}

// An agent that was not given the token can't prove it, not even by what the host has shown: each side proves it in its own way.
func TestExchange_NobodyProvesATokenByEcho(t *testing.T) {
	token := NewToken("shop", "till-7", time.Now())
	left, right := net.Pipe()
	defer left.Close()
	defer right.Close()
	heard := make(chan error, 1)
	go func() {
		var o offer
		err := hear(right, &o)
		if err == nil {
			err = say(right, request{Terminal: o.Terminal, Proof: o.Proof, Request: []byte("request")})
		}
		var g grant
		if err == nil {
			err = hear(right, &g)
		}
		if err == nil && (g.Problem == nil || g.Chain != nil) {
			err = errors.New("it is granted a certificate")
		}
		heard <- err
	}()
	h := hostSide{pair: "shop", host: "a", terminal: "till-7", key: token.Key(), issue: func([]byte) (chain, roots [][]byte, err error) {
		t.Error("a certificate is issued")
		return nil, nil, nil
	}}
	if err := h.enrol(wire{left, "of the connection"}); !errors.Is(err, errUnproved) {
		t.Errorf("the host says %v", err)
	}
	if err := <-heard; err != nil {
		t.Error(err)
	}
}

// A refusal that no time fixes ends the wait of an agent; any other one does not.
func TestExchange_FinalRefusals(t *testing.T) {
	token := NewToken("shop", "till-7", time.Now())
	for err, final := range map[error]bool{ErrExpired: true, ErrUsed: true, ErrVoid: true, errors.New("no issuing key here"): false} {
		left, right := net.Pipe()
		h := hostSide{pair: "shop", host: "a", terminal: "till-7", key: token.Key(), issue: func([]byte) (chain, roots [][]byte, issuing error) { return nil, nil, err }}
		ended := make(chan error, 1)
		go func() { ended <- h.enrol(wire{left, ""}) }()
		a := agentPart{token: token, heard: func(offer) {}, take: func(grant) error { t.Error("it is taken"); return nil }}
		_, got, refusal := a.enrol(wire{right, ""}, time.Now)
		if got != final || refusal == nil || final && !errors.Is(refusal, err) {
			t.Errorf("refused by %v: %v, final %t", err, refusal, got)
		}
		if atHost := <-ended; !errors.Is(atHost, err) {
			t.Errorf("at the host %v", atHost)
		}
		_, _ = left.Close(), right.Close()
	}
}

// said are messages as they are written.
func said(f *testing.F, messages ...any) []byte {
	f.Helper()
	var all bytes.Buffer
	for _, m := range messages {
		if err := say(&all, m); err != nil {
			f.Fatal(err)
		}
	}
	return all.Bytes()
}

// script is a connection from which a text is read, and to which anything may be written.
type script struct {
	io.Reader
	io.Writer
}

// FuzzExchange: whoever reaches an agent that enrols, or stands where a host dials, may say anything. Who does not know the token is granted
// nothing, and has nothing taken; nobody panics.
func FuzzExchange(f *testing.F) {
	token := NewToken("shop", "till-7", time.Unix(1, 0))
	f.Add(said(f, offer{form, "shop", "a", "till-7", []byte("proof"), time.Unix(1, 0)}, grant{Chain: [][]byte{{1}}}))
	f.Add(said(f, request{Terminal: "till-7", Proof: []byte("proof"), Request: []byte("request")}, taken{}))
	f.Add(said(f, request{Problem: &problem{[]string{"enrolment-void", "?"}, "\x00\xff"}}))
	f.Add(said(f, grant{Problem: &problem{nil, strings.Repeat("ä", 500)}}))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, text []byte) {
		h := hostSide{pair: "shop", host: "a", terminal: "till-7", key: token.Key(), issue: func([]byte) (chain, roots [][]byte, err error) {
			t.Error("a certificate is issued")
			return nil, nil, errors.New("none")
		}}
		if err := h.enrol(wire{script{bytes.NewReader(text), io.Discard}, "secret"}); err == nil {
			t.Error("it is enrolled")
		}
		a := agentPart{token: token, heard: func(offer) {}, take: func(grant) error { t.Error("it is taken"); return nil }}
		if _, final, err := a.enrol(wire{script{bytes.NewReader(text), io.Discard}, "secret"}, time.Now); err == nil || final {
			t.Errorf("final %t, %v", final, err)
		}
	})
}
