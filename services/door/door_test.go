package door_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/door"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/identity/identitytest"
)

const (
	service   door.Protocol = "hotpair-test"
	enrolment door.Protocol = "hotpair-enrol-test"
)

// listen opens a door on loopback with an echo behind it, and ends both with the test.
func listen(t *testing.T, c door.Config) *door.Door {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := door.Open(listener, c)
	var echoing sync.WaitGroup
	for _, o := range c.Offers {
		echoing.Go(func() { echo(d.Listener(o.Protocol), &echoing) })
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		echoing.Wait()
	})
	return d
}

// echo says back what each connection says, until it ends.
func echo(l net.Listener, echoing *sync.WaitGroup) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		echoing.Go(func() {
			defer c.Close()
			_, _ = io.Copy(c, c)
		})
	}
}

func dial(t *testing.T, address string, o door.Offer) (*door.Conn, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c, err := door.Dial(ctx, bus.TCP{}, address, o)
	if err == nil {
		t.Cleanup(func() { _ = c.Close() })
	}
	return c, err
}

// speak holds that a connection carries what is said.
func speak(t *testing.T, c net.Conn) {
	t.Helper()
	if _, err := io.WriteString(c, "hello"); err != nil {
		t.Fatal(err)
	}
	var back [5]byte
	if _, err := io.ReadFull(c, back[:]); err != nil || string(back[:]) != "hello" {
		t.Fatalf("%q came back: %v", back, err)
	}
}

// hosts are a and b of a pair, each with what it offers to the other.
func hosts(t *testing.T) (a, b door.Offer, pair *identitytest.Pair) {
	t.Helper()
	pair = identitytest.NewPair(t, "p1")
	nameA, nameB := identity.Host("p1", "a"), identity.Host("p1", "b")
	return door.Offer{Protocol: service, Source: pair.Source(nameA), Policy: identity.Policy{Expect: identity.Exactly(nameB)}},
		door.Offer{Protocol: service, Source: pair.Source(nameB), Policy: identity.Policy{Expect: identity.Exactly(nameA)}}, pair
}

func TestDoor_BothSidesKnowTheOther(t *testing.T) {
	a, b, _ := hosts(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := door.Open(listener, door.Config{Offers: []door.Offer{a}})
	defer d.Close()
	accepted := make(chan *door.Conn, 1)
	go func() {
		c, err := d.Listener(service).Accept()
		if err != nil {
			t.Error(err)
			close(accepted)
			return
		}
		accepted <- c.(*door.Conn)
	}()
	out, err := dial(t, d.Addr().String(), b)
	if err != nil {
		t.Fatal(err)
	}
	in := <-accepted
	defer in.Close()
	if out.Peer().Name != identity.Host("p1", "a") || in.Peer().Name != identity.Host("p1", "b") {
		t.Errorf("a is known as %v, b as %v", out.Peer(), in.Peer())
	}
	one, err1 := out.Export("label", []byte("context"), 32)
	two, err2 := in.Export("label", []byte("context"), 32)
	if err := errors.Join(err1, err2); err != nil || string(one) != string(two) || len(one) != 32 {
		t.Errorf("the ends derive %x and %x: %v", one, two, err)
	}
	if s := d.Stats(); s.Came != 1 || s.Proved != 1 || s.Open != 1 || s.HalfOpen != 0 {
		t.Errorf("%+v", s)
	}
	_ = in.Close()
	if _, err := out.Read(make([]byte, 1)); err != io.EOF || !out.Ended() {
		t.Errorf("after the other end closed: %v, ended %v", err, out.Ended())
	}
	if s := d.Stats(); s.Open != 0 {
		t.Errorf("a closed connection is open: %+v", s)
	}
}

func TestDoor_TellsProtocolsApart(t *testing.T) {
	a, b, _ := hosts(t)
	nobody, err := identity.Anonymous()
	if err != nil {
		t.Fatal(err)
	}
	unproved := door.Offer{Protocol: enrolment, Source: identity.NewMemory(nobody), Policy: identity.Policy{Unproved: true}}
	d := listen(t, door.Config{Offers: []door.Offer{a, unproved}})
	for _, o := range []door.Offer{b, unproved} {
		c, err := dial(t, d.Addr().String(), o)
		if err != nil {
			t.Fatalf("%s: %v", o.Protocol, err)
		}
		if c.Protocol() != o.Protocol || c.Peer().Name.Pair == "" != o.Policy.Unproved {
			t.Errorf("%s: %v", o.Protocol, c.Peer())
		}
		speak(t, c)
	}
	b.Protocol = "something-else"
	if _, err := dial(t, d.Addr().String(), b); !errors.Is(err, identity.ErrRefused) || !strings.Contains(err.Error(), "another protocol") {
		t.Errorf("a protocol that nobody offers: %v", err)
	}
	// Who is let in without a name to enrol is not let in to the service.
	unproved.Protocol = service
	if _, err := dial(t, d.Addr().String(), unproved); !errors.Is(err, identity.ErrRefused) {
		t.Errorf("nobody came in to the service: %v", err)
	}
}
