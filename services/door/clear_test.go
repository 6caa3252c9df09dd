package door_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/door"
	"github.com/hotpair/hotpair/services/evidence"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/process/processtest"
)

// greeting is what a bus says to who connects, before it hears anything.
const greeting = "INFO {} \r\n"

// greeted has a listener greet, then echo, and ends it with the test.
func greeted(t *testing.T, l net.Listener) {
	t.Helper()
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer c.Close()
				if _, err := io.WriteString(c, greeting); err == nil {
					_, _ = io.Copy(c, c)
				}
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); serving.Wait() })
}

// hear takes the greeting, and holds that the connection carries what is said.
func hear(t *testing.T, c net.Conn) {
	t.Helper()
	first := make([]byte, len(greeting))
	if _, err := io.ReadFull(c, first); err != nil || string(first) != greeting {
		t.Fatalf("greeted with %q: %v", first, err)
	}
	speak(t, c)
}

// While a pair moves from secrets to certificates each process has none, or has one and lets in plain text too, or has one and does not.
// Whoever can speak TLS with each other does.
func TestWire_Clear_WhoeverCanSpeaksTLS(t *testing.T) {
	a, b, _ := hosts(t)
	var sets [4]door.Set
	wire := func(o door.Offer, clear bool, set *door.Set) bus.Network {
		return door.Wire{Under: bus.TCP{}, Door: door.Config{Name: "link", Set: set, Clear: clear, Offers: []door.Offer{o}}}
	}
	listens := map[string]bus.Network{"none": bus.TCP{}, "both": wire(a, true, &sets[0]), "TLS": wire(a, false, &sets[1])}
	dials := map[string]bus.Network{"none": bus.TCP{}, "both": wire(b, true, &sets[2]), "TLS": wire(b, false, &sets[3])}
	for listening, network := range listens {
		l, err := network.Listen(t.Context(), "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		greeted(t, l)
		for dialling, from := range dials {
			t.Run(dialling+" to "+listening, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				c, err := from.Dial(ctx, l.Addr().String())
				if c != nil {
					defer c.Close()
				}
				_, sealed := c.(*door.Conn)
				switch {
				case dialling == "TLS" && listening == "none":
					if !errors.Is(err, identity.ErrNotTLS) || door.After(evidence.Ended, err) != evidence.Silent {
						t.Fatalf("%v", err)
					}
				case err != nil:
					t.Fatal(err)
				case dialling == "none" && listening == "TLS":
					_ = c.SetDeadline(time.Now().Add(30 * time.Second))
					if _, err := io.WriteString(c, "CONNECT {}\r\n"); err == nil {
						if n, err := io.ReadFull(c, make([]byte, len(greeting))); err == nil || n > 0 && n == len(greeting) {
							t.Error("it was greeted")
						}
					}
				default:
					if want := dialling != "none" && listening != "none"; sealed != want {
						t.Errorf("TLS: %t, want %t", sealed, want)
					}
					hear(t, c)
					clear := sets[0].Clear() + sets[1].Clear() + sets[2].Clear() + sets[3].Clear()
					if want := dialling == "both" && listening == "none" || dialling == "none" && listening == "both"; (clear == 1) != want {
						t.Errorf("%d in plain text are shown, one is: %t", clear, want)
					}
				}
			})
			processtest.Await(t, "no connection in plain text is shown any more", func() bool { return sets[0].Clear()+sets[2].Clear() == 0 })
		}
	}
}

// Nobody holds the door by saying nothing, whose first byte comes late is not lost, and a port that nobody has is refused as ever.
func TestDoor_Clear_KeepsItsBounds(t *testing.T) {
	a, b, _ := hosts(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := door.Open(listener, door.Config{Name: "link", Clear: true, HalfOpenEach: 2, Offers: []door.Offer{a}})
	greeted(t, d.Listener(service))
	for _, says := range []string{"", "P", "PING\r\n"} {
		c, err := net.Dial("tcp", d.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, says); err != nil {
			t.Fatal(err)
		}
		want := greeting + says
		back := make([]byte, len(want))
		if _, err := io.ReadFull(c, back); err != nil || string(back) != want {
			t.Errorf("who says %q hears %q: %v", says, back, err)
		}
	}
	begun := raw(t, d.Addr().String(), "\x16") // TLS that never goes on
	defer begun.Close()
	c, err := dial(t, d.Addr().String(), b)
	if err != nil {
		t.Fatal(err)
	}
	hear(t, c)
	if s := d.Stats(); s.Clear != 3 || s.Proved != 1 {
		t.Errorf("%+v", s)
	}
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = nobody.Close()
	w := door.Wire{Under: bus.TCP{}, Door: door.Config{Clear: true, Offers: []door.Offer{b}}}
	if _, err := w.Dial(t.Context(), nobody.Addr().String()); door.After(evidence.Ended, err) != evidence.Refused {
		t.Errorf("where nobody listens: %v", err)
	}
}
