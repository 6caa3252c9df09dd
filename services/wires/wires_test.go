package wires

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/identity/identitytest"
)

// files writes the files of a member of a pair and gives the settings that name them.
func files(t *testing.T, p *identitytest.Pair, n identity.Name, changes ...identitytest.Change) config.TLS {
	t.Helper()
	n.Pair = p.ID
	paths := p.Write(t.TempDir(), n, changes...)
	return config.TLS{TLSCert: paths.Certificate, TLSKey: paths.Key, TLSCa: paths.Roots}
}

// opened returns the wires, or fails.
func opened(t *testing.T) func(*Wires, error) *Wires {
	return func(w *Wires, err error) *Wires {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
}

// meet dials from one network to a listener of another and passes the first words.
func meet(t *testing.T, from, to bus.Network) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	l, err := to.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if c, err := l.Accept(); err == nil {
			_, _ = io.WriteString(c, "INFO {}\r\n")
			_, _ = io.Copy(io.Discard, c) // until the other side has had enough
			_ = c.Close()
		}
	}()
	c, err := from.Dial(ctx, l.Addr().String())
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second)) // whoever is let in by mistake may wait for us
	if _, err := io.WriteString(c, "CONNECT {}\r\n"); err != nil {
		return err
	}
	_, err = io.ReadFull(c, make([]byte, 1))
	return err
}

// Each wire has two ends, and nobody of the pair gets in at an end that is not his: a terminal's certificate opens no port of a
// host, a host's does not make a witness.
func TestWires_WhoMeetsWhom(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	pair, other := identitytest.NewPair(t, "shop"), identitytest.NewPair(t, "bank")
	host := func(p *identitytest.Pair, name string) *Wires {
		return opened(t)(OpenHost(files(t, p, identity.Host("", name)), name, Environment{}, log))
	}
	a, b, foreign := host(pair, "a"), host(pair, "b"), host(other, "b")
	w := opened(t)(OpenWitness(files(t, pair, identity.Witness("")), Environment{}, log))
	till := func(id string) *Wires {
		return opened(t)(OpenTerminal(files(t, pair, identity.Terminal("", id)), id, Environment{}, log))
	}
	one, two := till("till-1"), till("till-2")
	plain := opened(t)(OpenHost(config.TLS{}, "a", Environment{Network: bus.TCP{}}, log))
	for name, c := range map[string]struct {
		from, to bus.Network
		want     error
	}{
		"link, a to b":                         {a.Link(), b.Link(), nil},
		"link, b to a":                         {b.Link(), a.Link(), nil},
		"replication, a to b":                  {a.Replication(), b.Replication(), nil},
		"a host to the witness":                {a.ToWitness(), w.Witness(), nil},
		"a host to a terminal":                 {b.ToTerminal("till-1"), one.Terminal(), nil},
		"a host to itself":                     {a.Link(), a.Link(), identity.ErrWrongName},
		"a host to another terminal there":     {a.ToTerminal("till-1"), two.Terminal(), identity.ErrWrongName},
		"a host of another pair":               {foreign.Link(), a.Link(), identity.ErrWrongPair},
		"a terminal where the witness belongs": {a.ToWitness(), one.Terminal(), identity.ErrRefused},
		"the link's protocol at replication":   {a.Link(), b.Replication(), identity.ErrRefused},
		"a host as witness":                    {a.ToWitness(), b.wire(witness, identity.Any("shop", identity.RoleHost)), identity.ErrWrongName},
		"a terminal as host":                   {one.wire(link, identity.Any("shop", identity.RoleHost)), a.Link(), identity.ErrRefused},
		"the witness as host":                  {w.wire(terminal, identity.Any("shop", identity.RoleTerminal)), one.Terminal(), identity.ErrRefused},
		"plain text to a host":                 {plain.Link(), a.Link(), io.EOF},
		"a host to plain text":                 {a.Link(), plain.Link(), identity.ErrNotTLS},
		"without certificates":                 {plain.Link(), plain.Link(), nil},
	} {
		t.Run(name, func(t *testing.T) {
			err := meet(t, c.from, c.to)
			if !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

// A process is who its settings say, or it does not start; and files that come later are of the same one, or change nothing.
func TestOpen_IsWhoTheSettingsSay(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	pair := identitytest.NewPair(t, "shop")
	own := files(t, pair, identity.Host("", "a"))
	if _, err := OpenHost(own, "b", Environment{}, log); !errors.Is(err, ErrSelf) || !strings.Contains(err.Error(), "host/b") {
		t.Errorf("host b with the certificate of a: %v", err)
	}
	if _, err := OpenWitness(own, Environment{}, log); !errors.Is(err, ErrSelf) {
		t.Errorf("a witness with the certificate of a: %v", err)
	}
	missing := own
	missing.TLSKey = filepath.Join(t.TempDir(), "gone")
	if _, err := OpenHost(missing, "a", Environment{}, log); !errors.Is(err, identity.ErrCredentials) || !strings.Contains(err.Error(), "HOTPAIR_TLS_KEY") {
		t.Errorf("without a key: %v", err)
	}
	a := opened(t)(OpenHost(own, "a", Environment{}, log))
	others := files(t, pair, identity.Host("", "b"))
	for from, to := range map[string]string{others.TLSCert: own.TLSCert, others.TLSKey: own.TLSKey} {
		content, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(to, content, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := a.files.Load(); !errors.Is(err, identity.ErrCredentials) {
		t.Errorf("the certificate of b came into the files of a: %v", err)
	}
	s := a.State()
	if s.Name != "spiffe://shop/host/a" || s.Fault == "" || s.FaultSince.IsZero() {
		t.Errorf("state %+v, want the last good certificate and a fault", s)
	}
	if err := meet(t, a.Link(), opened(t)(OpenHost(others, "b", Environment{}, log)).Link()); err != nil {
		t.Errorf("with the last good one: %v", err)
	}
}
