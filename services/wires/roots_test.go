package wires

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/authority"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/identity/identitytest"
	"github.com/hotpair/hotpair/services/process/processtest"
)

// believe writes the roots that a process believes.
func believe(t *testing.T, c config.TLS, pairs ...*identitytest.Pair) {
	t.Helper()
	var text []byte
	for _, p := range pairs {
		text = slices.Concat(text, authority.EncodeCertificates(p.Root))
	}
	if err := os.WriteFile(c.TLSCa, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A root that was stolen is replaced while the pair runs. Another one beside it ends nothing; once the first is believed no more, whoever it let
// in is put out, however long the connection has been there, and the others stay: on the side that listens and on the one that dialled.
func TestWires_ARootThatIsBelievedNoMore(t *testing.T) {
	log, b := slog.New(slog.DiscardHandler), identity.Host("", "b")
	for _, side := range []string{"who listens", "who dialled"} {
		t.Run(side, func(t *testing.T) {
			stolen, anew := identitytest.NewPair(t, "shop"), identitytest.NewPair(t, "shop")
			own := files(t, anew, identity.Host("", "a"))
			believe(t, own, anew, stolen)
			a := opened(t)(OpenHost(own, "a", Environment{}, log))
			made := func(p *identitytest.Pair) *Wires {
				of := files(t, p, b)
				believe(t, of, anew, stolen)
				return opened(t)(OpenHost(of, "b", Environment{}, log))
			}
			thief, honest := made(stolen), made(anew)
			ctx, cancel := context.WithCancel(t.Context())
			var running sync.WaitGroup
			running.Go(func() { _ = a.Run(ctx) })
			defer running.Wait()
			defer cancel()
			connected := func(other *Wires) (theirs net.Conn) {
				if side == "who dialled" {
					_, theirs = joined(t, a.Link(), other.Link())
				} else {
					theirs, _ = joined(t, other.Link(), a.Link())
				}
				return theirs
			}
			out, in := connected(thief), connected(honest)
			believe(t, own, stolen, anew)
			processtest.Await(t, "the files are read", func() bool { return a.State().Roots[0].Fingerprint == thief.State().Roots[1].Fingerprint })
			if len(a.Peers()) != 2 {
				t.Errorf("both are believed, and connected are %v", a.Peers())
			}
			believe(t, own, anew)
			_ = out.SetReadDeadline(time.Now().Add(30 * time.Second))
			if _, err := io.ReadAll(out); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal("whom the stolen root let in stays connected")
			}
			_ = in.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			if _, err := in.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || len(a.Peers()) != 1 || a.Peers()[0].Fingerprint != honest.Own().Fingerprint {
				t.Errorf("the other one: %v, connected are %v", err, a.Peers())
			}
			if err := meet(t, thief.Link(), a.Link()); !errors.Is(err, identity.ErrRefused) {
				t.Errorf("the thief again: %v", err)
			}
		})
	}
}
