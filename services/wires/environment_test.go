package wires

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/clocks"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/identity/identitytest"
)

// list is what was withdrawn, or who is admitted.
type list struct {
	mu  sync.Mutex
	has map[identity.Fingerprint]bool
}

func (l *list) add(f identity.Fingerprint) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.has == nil {
		l.has = map[identity.Fingerprint]bool{}
	}
	l.has[f] = true
}

func (l *list) Withdrawn(p identity.Peer) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.has[p.Fingerprint]
}

var errNotListed = errors.New("not in the record")

func (l *list) Admit(p identity.Peer) error {
	if l.Withdrawn(p) {
		return nil
	}
	return errNotListed
}

// joined dials from one network to a listener of another, and gives both ends.
func joined(t *testing.T, from, to bus.Network) (dialled, accepted net.Conn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	l, err := to.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	came := make(chan net.Conn, 1)
	go func() {
		defer close(came)
		if c, err := l.Accept(); err == nil {
			came <- c
		}
	}()
	if dialled, err = from.Dial(ctx, l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	accepted, ok := <-came
	if !ok {
		t.Fatal("nobody came")
	}
	t.Cleanup(func() { _ = dialled.Close(); _ = accepted.Close() })
	return dialled, accepted
}

// Who has the wires of a process sees what stands on them, and ends what was withdrawn: on the side that listens and on the one that dialled.
func TestWires_SeeAndSweepTheirConnections(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	pair := identitytest.NewPair(t, "shop")
	for _, side := range []string{"who listens", "who dialled"} {
		t.Run(side, func(t *testing.T) {
			var gone list
			a := opened(t)(OpenHost(files(t, pair, identity.Host("", "a")), "a", Environment{Withdrawals: &gone}, log))
			b := opened(t)(OpenHost(files(t, pair, identity.Host("", "b")), "b", Environment{}, log))
			from, to := b, a
			if side == "who dialled" {
				from, to = a, b
			}
			dialled, accepted := joined(t, from.Link(), to.Link())
			own, other := accepted, dialled
			if side == "who dialled" {
				own, other = dialled, accepted
			}
			if peers := a.Peers(); len(peers) != 1 || peers[0].Name != identity.Host("shop", "b") || peers[0].Fingerprint != b.Own().Fingerprint {
				t.Fatalf("a sees %v, and b is %v", peers, b.Own())
			}
			if doors := to.Doors(); len(doors) != 1 || doors[0].Door != "hotpair-link" || doors[0].Proved != 1 {
				t.Errorf("doors %+v", doors)
			}
			if ended := a.Sweep(); len(ended) != 0 {
				t.Errorf("ended without a reason: %v", ended)
			}
			gone.add(b.Own().Fingerprint)
			if ended := a.Sweep(); len(ended) != 1 || ended[0].Name.ID != "b" {
				t.Errorf("ended: %v", ended)
			}
			if _, err := io.ReadAll(other); err != nil && !errors.Is(err, io.EOF) {
				t.Errorf("the other side: %v", err)
			}
			_ = own.Close()
			if err := meet(t, a.Link(), b.Link()); !errors.Is(err, identity.ErrWithdrawn) {
				t.Errorf("dialled again: %v", err)
			}
			if err := meet(t, b.Link(), a.Link()); !errors.Is(err, identity.ErrRefused) {
				t.Errorf("dialled from there: %v", err)
			}
		})
	}
}

// A witness lets in only hosts with the keys that the record names.
func TestWires_WitnessAdmitsByKey(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	pair := identitytest.NewPair(t, "shop")
	var known list
	host := opened(t)(OpenHost(files(t, pair, identity.Host("", "a")), "a", Environment{}, log))
	stranger := opened(t)(OpenHost(files(t, pair, identity.Host("", "a")), "a", Environment{}, log))
	known.add(host.Own().Fingerprint)
	w := opened(t)(OpenWitness(files(t, pair, identity.Witness("")), Environment{Admission: &known}, log))
	if err := meet(t, host.ToWitness(), w.Witness()); err != nil {
		t.Errorf("the host of the record: %v", err)
	}
	if err := meet(t, stranger.ToWitness(), w.Witness()); !errors.Is(err, identity.ErrRefused) {
		t.Errorf("the same name with another key: %v", err)
	}
}

// A terminal that is past its grace is refused by a clock that is right, and not by one that is in doubt.
func TestWires_NoCertificateEndsByAClockInDoubt(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	pair := identitytest.NewPair(t, "shop")
	old := identitytest.Between(time.Now().AddDate(-2, 0, 0), time.Now().AddDate(-1, 0, 0))
	host := opened(t)(OpenHost(files(t, pair, identity.Host("", "a")), "a", Environment{}, log))
	till := opened(t)(OpenTerminal(files(t, pair, identity.Terminal("", "till-1"), old), "till-1", Environment{}, log))
	if err := meet(t, host.ToTerminal("till-1"), till.Terminal()); !errors.Is(err, identity.ErrExpired) {
		t.Errorf("a clock that is right: %v", err)
	}
	host.Compared(clocks.Difference{Own: reading(), Other: time.Minute})
	if host.Doubt() == "" {
		t.Error("hosts that are a minute apart are believed")
	}
	if err := meet(t, host.ToTerminal("till-1"), till.Terminal()); err != nil {
		t.Errorf("a clock in doubt: %v", err)
	}
	host.Compared(clocks.Difference{Own: reading(), Other: time.Millisecond})
	if err := meet(t, host.ToTerminal("till-1"), till.Terminal()); !errors.Is(err, identity.ErrExpired) {
		t.Errorf("clocks that agree again: %v", err)
	}
	early := identitytest.Between(time.Now().AddDate(0, 0, 1), time.Now().AddDate(1, 0, 0))
	if w := opened(t)(OpenHost(files(t, pair, identity.Host("", "b"), early), "b", Environment{}, log)); w.Doubt() == "" {
		t.Error("a clock before the own certificate was made is believed")
	}
}
