package lab

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

// TestNetwork_CutsAndJoins shows what each cut does to a connection between two nodes, in each direction, that all the
// other wires are spared, and that a joined wire is as before.
func TestNetwork_CutsAndJoins(t *testing.T) {
	needLab(t)
	n, err := newNetwork(1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := n.close(); err != nil {
			t.Error(err)
		}
	}()
	peers := map[string]*peer{}
	for node := range n.spaces {
		peers[node] = listen(t, n, node)
	}
	whole := func(except ...Wire) {
		t.Helper()
		for _, w := range n.wires {
			for _, end := range []Wire{w, w.Back()} {
				lost := false
				for _, e := range except {
					lost = lost || e == end
				}
				if got := peers[end.To].hears(t, n, end.From, end.To, lost); got == lost {
					t.Errorf("cut %v: from %s to %s heard: %v", except, end.From, end.To, got)
				}
			}
		}
	}
	whole()
	for _, w := range n.wires {
		for _, end := range []Wire{w, w.Back()} {
			for _, how := range Cuts() {
				for range 2 { // a cut may be repeated
					if err := n.cut(end.From, end.To, how); err != nil {
						t.Fatal(err)
					}
				}
				if how == OneDirection {
					whole(end)
				} else {
					whole(end, end.Back())
				}
				if err := errors.Join(n.join(w), n.join(w)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	whole()
}

const portProbe = "7799"

// peer hears datagrams in a namespace.
type peer struct{ conn net.PacketConn }

func listen(t *testing.T, n *network, node string) *peer {
	t.Helper()
	p := &peer{}
	err := n.spaces[node].do(func() (err error) {
		p.conn, err = net.ListenPacket("udp4", ":"+portProbe)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.conn.Close() })
	return p
}

// hears sends a datagram with a text of its own and waits for it: not for long when it is to be lost, for on these wires it takes microseconds, but a
// busy machine may take long to hand on one that arrives.
func (p *peer) hears(t *testing.T, n *network, from, to string, lost bool) bool {
	t.Helper()
	text := from + time.Now().String()
	conn, err := n.spaces[from].DialContext(context.Background(), "udp4", n.addresses[to]+":"+portProbe)
	if err != nil {
		return false // unplugged: no route
	}
	defer conn.Close()
	_, _ = conn.Write([]byte(text)) // an error is told for the datagram before
	within := 10 * time.Second
	if lost {
		within = 30 * time.Millisecond
	}
	deadline := time.Now().Add(within)
	buffer := make([]byte, 200)
	for {
		if err := p.conn.SetReadDeadline(deadline); err != nil {
			t.Fatal(err)
		}
		length, _, err := p.conn.ReadFrom(buffer)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return false
		}
		if err != nil {
			t.Fatal(err)
		}
		if string(buffer[:length]) == text {
			return true
		}
	}
}
