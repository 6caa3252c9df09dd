// Package linktest holds what tests of connections between hosts share.
package linktest

import (
	"net"
	"sync"
	"testing"
)

// Relay is a TCP relay whose far side can fall silent.
type Relay struct {
	net.Listener
	to    string
	mu    sync.Mutex
	deaf  bool
	conns []net.Conn
}

// NewRelay makes a relay to an address, which ends with the test.
func NewRelay(t testing.TB, to string) *Relay {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &Relay{Listener: l, to: to}
	t.Cleanup(func() {
		l.Close()
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, c := range r.conns {
			c.Close()
		}
	})
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				in.Close()
				continue
			}
			r.mu.Lock()
			r.conns = append(r.conns, in, out)
			r.mu.Unlock()
			go r.pump(in, out)
			go r.pump(out, in)
		}
	}()
	return r
}

func (r *Relay) pump(from, to net.Conn) {
	buffer := make([]byte, 4096)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		r.mu.Lock()
		deaf := r.deaf
		r.mu.Unlock()
		if deaf {
			continue
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// Reset ends the relay: every connection gets a RST, and new dials are refused.
func (r *Relay) Reset() {
	r.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns {
		_ = c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
}

// Set makes it deaf: it takes what comes, and passes nothing on.
func (r *Relay) Set(deaf bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.deaf = deaf
}
