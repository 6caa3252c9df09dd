package door_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/door"
	"github.com/hotpair/hotpair/services/evidence"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/identity/identitytest"
	"github.com/hotpair/hotpair/services/process/processtest"
)

// raw opens a connection that says something, and no TLS.
func raw(t *testing.T, address, says string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := io.WriteString(c, says); err != nil {
		t.Fatal(err)
	}
	return c
}

// awaitEnd waits until the other side has ended a connection.
func awaitEnd(t *testing.T, c net.Conn) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.Copy(io.Discard, c); errors.Is(err, context.DeadlineExceeded) {
		t.Error("it is not ended")
	}
}

// beginning is that of a ClientHello whose rest is missing.
const beginning = "\x16\x03\x01\x00\xf0\x01\x00\x00\xec\x03\x03"

func TestDoor_RefusesWhatIsNoHandshake(t *testing.T) {
	a, b, _ := hosts(t)
	d := listen(t, door.Config{Offers: []door.Offer{a}, Handshake: 300 * time.Millisecond})
	for _, c := range []struct {
		says     string
		closes   bool
		is       error
		sentence string
	}{
		{"GET / HTTP/1.1\r\n\r\n", false, identity.ErrNotTLS, `"GET /"`},
		{"CONNECT {}\r\n", false, identity.ErrNotTLS, `"CONNE", which is plain text`},
		{"", false, identity.ErrHandshakeTimeout, "nothing received"},
		{beginning, false, identity.ErrHandshakeTimeout, "did not continue"},
		{beginning, true, identity.ErrHandshakeEnded, "closed without a reason"},
		{"", true, identity.ErrHandshakeEnded, "before sending anything"},
		{"\x16\x03\x01\xff\xff", false, identity.ErrNotTLS, ""},
	} {
		conn := raw(t, d.Addr().String(), c.says)
		if c.closes {
			_ = conn.Close()
		} else {
			awaitEnd(t, conn)
		}
		awaitRefusal(t, d.Stats, c.is, c.sentence)
	}
	honest, err := dial(t, d.Addr().String(), b)
	if err != nil {
		t.Fatal(err)
	}
	speak(t, honest)
}

// A connection that has come in has no deadline left of its handshake.
func TestDoor_LeavesNoDeadline(t *testing.T) {
	a, b, _ := hosts(t)
	const limit = time.Second
	d := listen(t, door.Config{Offers: []door.Offer{a}, Handshake: limit})
	c, err := dial(t, d.Addr().String(), b)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(limit + limit/4)) // nothing else passes the time
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Fatal("something came")
	}
	_ = c.SetReadDeadline(time.Time{})
	e, err := dial(t, d.Addr().String(), b)
	if err != nil {
		t.Fatal(err)
	}
	speak(t, e)
	if _, err := c.Write([]byte("x")); err != nil {
		t.Error(err)
	}
	if s := d.Stats(); s.Open != 2 {
		t.Errorf("a connection was ended: %+v", s)
	}
}

// Thousands of connections that never go on, from other addresses, keep no honest peer out.
func TestDoor_HalfOpenOnesKeepNobodyOut(t *testing.T) {
	a, b, _ := hosts(t)
	d := listen(t, door.Config{Offers: []door.Offer{a}, HalfOpen: 64, HalfOpenEach: 16, Handshake: time.Hour})
	const floods, each = 4, 500
	var flooding sync.WaitGroup
	var came atomic.Int64
	stop := make(chan struct{})
	for i := range floods {
		from := &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(i))}
		flooding.Go(func() {
			var open []net.Conn
			for range each {
				c, err := (&net.Dialer{LocalAddr: from}).Dial("tcp", d.Addr().String())
				if err != nil {
					t.Error(err)
					break
				}
				_, _ = io.WriteString(c, beginning)
				came.Add(1)
				open = append(open, c)
			}
			<-stop
			for _, c := range open {
				_ = c.Close()
			}
		})
	}
	for n := 0; n < 20 || came.Load() < floods*each && !t.Failed(); n++ {
		c, err := dial(t, d.Addr().String(), b)
		if err != nil {
			t.Fatalf("an honest peer, after %d others: %v", came.Load(), err)
		}
		speak(t, c)
		_ = c.Close()
	}
	processtest.Await(t, "all to be let go that there is no room for", func() bool { return d.Stats().Refused["door-crowded"] >= floods*(each-16) })
	s := d.Stats()
	if s.HalfOpen > 64 || len(s.Last) > 16 || s.Last[0].Times == 0 {
		t.Errorf("%+v", s)
	}
	close(stop)
	flooding.Wait()
}

// Proved connections that nobody takes do not gather.
func TestDoor_WhatNobodyTakesIsClosed(t *testing.T) {
	a, b, _ := hosts(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := door.Open(listener, door.Config{Offers: []door.Offer{a}, HalfOpen: 1, Handshake: time.Second})
	defer d.Close()
	for range 2 {
		c, err := dial(t, d.Addr().String(), b)
		if err != nil {
			t.Fatal(err)
		}
		awaitEnd(t, c)
	}
	processtest.Await(t, "both to be noted", func() bool { return d.Stats().Refused["door-crowded"] == 2 })
	if s := d.Stats(); s.Open != 0 || s.Proved != 0 {
		t.Errorf("%+v", s)
	}
}

// Whoever is withdrawn, or is not expected any more, loses its connection at once; the others keep theirs.
func TestDoor_SweepEndsWhoIsWithdrawn(t *testing.T) {
	a, b, pair := hosts(t)
	var withdrawn atomic.Value
	withdrawn.Store("")
	a.Policy = identity.Policy{Expect: identity.Any("p1", identity.RoleHost), Withdrawn: func(p identity.Peer) bool { return p.Name.ID == withdrawn.Load() }}
	d := listen(t, door.Config{Offers: []door.Offer{a}})
	c, err := dial(t, d.Addr().String(), b)
	if err != nil {
		t.Fatal(err)
	}
	other, err := dial(t, d.Addr().String(), door.Offer{Protocol: service, Source: pair.Source(identity.Host("p1", "c")), Policy: b.Policy})
	if err != nil {
		t.Fatal(err)
	}
	if ended := d.Sweep(); len(ended) != 0 {
		t.Errorf("ended: %v", ended)
	}
	withdrawn.Store("b")
	if ended := d.Sweep(); len(ended) != 1 || ended[0].Name != hostB {
		t.Errorf("ended: %v", ended)
	}
	awaitEnd(t, c)
	speak(t, other)
	awaitRefusal(t, d.Stats, identity.ErrWithdrawn)
	if _, err := dial(t, d.Addr().String(), b); !errors.Is(err, identity.ErrRefused) {
		t.Errorf("it comes back: %v", err)
	}
}

// Whoever is withdrawn while its handshake is under way is not let in, whenever the list changes.
func TestDoor_WithdrawnDuringTheHandshake(t *testing.T) {
	a, b, _ := hosts(t)
	var asked atomic.Int64
	a.Policy.Withdrawn = func(identity.Peer) bool { return asked.Add(1) > 1 }
	d := listen(t, door.Config{Offers: []door.Offer{a}})
	if _, err := dial(t, d.Addr().String(), b); err == nil || door.After(evidence.Ended, err) != evidence.Silent {
		t.Errorf("%v", err)
	}
	awaitRefusal(t, d.Stats, identity.ErrWithdrawn)
	if s := d.Stats(); s.Open != 0 || s.Proved != 0 {
		t.Errorf("%+v", s)
	}
}

// Certificates and roots change while connections live: those stay, and new ones are made with the new ones.
func TestDoor_CredentialsChangeMeanwhile(t *testing.T) {
	pair := identitytest.NewPair(t, "p1")
	dirA, dirB := t.TempDir(), t.TempDir()
	pathsA, pathsB := pair.Write(dirA, hostA), pair.Write(dirB, hostB)
	filesA, filesB := identity.NewFiles(pathsA, nil, nil), identity.NewFiles(pathsB, nil, nil)
	if err := errors.Join(filesA.Load(), filesB.Load()); err != nil {
		t.Fatal(err)
	}
	d := listen(t, door.Config{Offers: []door.Offer{{Protocol: service, Source: filesA, Policy: identity.Policy{Expect: identity.Exactly(hostB)}}}})
	b := door.Offer{Protocol: service, Source: filesB, Policy: identity.Policy{Expect: identity.Exactly(hostA)}}
	first, err := dial(t, d.Addr().String(), b)
	if err != nil {
		t.Fatal(err)
	}
	// Another authority for a alone: b does not know it yet.
	next := identitytest.NewPair(t, "p1")
	next.Write(dirA, hostA)
	if err := filesA.Load(); err != nil {
		t.Fatal(err)
	}
	if _, err := dial(t, d.Addr().String(), b); !errors.Is(err, identity.ErrUnknownAuthority) {
		t.Errorf("of an authority that b does not know: %v", err)
	}
	next.Write(dirB, hostB)
	if err := filesB.Load(); err != nil {
		t.Fatal(err)
	}
	second, err := dial(t, d.Addr().String(), b)
	if err != nil {
		t.Fatal(err)
	}
	if first.Peer().Fingerprint == second.Peer().Fingerprint {
		t.Error("the new connection has the old key")
	}
	speak(t, first)
	speak(t, second)
}
