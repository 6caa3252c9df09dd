package wires

import (
	"crypto/rand"
	"crypto/x509"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/door"
	"github.com/hotpair/hotpair/services/evidence"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/identity/identitytest"
	"github.com/hotpair/hotpair/services/process/processtest"
)

// oneWire is a wire of a pair: which protocol, who listens, and both ends as their processes make them.
type oneWire struct {
	protocol door.Protocol
	listener identity.Name
	listens  func(config.TLS, Environment, *slog.Logger) (bus.Network, error)
	dials    func(*Wires) bus.Network // of host b
}

func eachWire() map[string]oneWire {
	a, w, till := identity.Host("shop", "a"), identity.Witness("shop"), identity.Terminal("shop", "t1")
	return map[string]oneWire{
		"link": {link, a, func(c config.TLS, g Environment, log *slog.Logger) (bus.Network, error) {
			made, err := OpenHost(c, "a", g, log)
			return network(made, err, (*Wires).Link)
		}, (*Wires).Link},
		"replication": {replication, a, func(c config.TLS, g Environment, log *slog.Logger) (bus.Network, error) {
			made, err := OpenHost(c, "a", g, log)
			return network(made, err, (*Wires).Replication)
		}, (*Wires).Replication},
		"witness": {witness, w, func(c config.TLS, g Environment, log *slog.Logger) (bus.Network, error) {
			made, err := OpenWitness(c, g, log)
			return network(made, err, (*Wires).Witness)
		}, (*Wires).ToWitness},
		"terminal": {terminal, till, func(c config.TLS, g Environment, log *slog.Logger) (bus.Network, error) {
			made, err := OpenTerminal(c, "t1", g, log)
			return network(made, err, (*Wires).Terminal)
		}, func(b *Wires) bus.Network { return b.ToTerminal("t1") }},
	}
}

func network(w *Wires, err error, end func(*Wires) bus.Network) (bus.Network, error) {
	if err != nil {
		return nil, err
	}
	return end(w), nil
}

// shown is a certificate that no process would take for its own.
type shown struct {
	issuer *identitytest.Pair
	name   identity.Name
	self   bool // it vouches for itself
	change identitytest.Change
}

// end is one end of a wire that shows it. It trusts the roots of a pair, and expects whoever has a role there.
func (s shown) end(t *testing.T, trusts *identitytest.Pair, p door.Protocol, expects identity.Role, log *slog.Logger) bus.Network {
	t.Helper()
	key := identitytest.Key(t)
	change := s.change
	if change == nil {
		change = func(*x509.Certificate) {}
	}
	leaf := s.issuer.Member(s.name, key, change)
	if s.self {
		raw, err := x509.CreateCertificate(rand.Reader, leaf, leaf, key.Public(), key)
		if err == nil {
			leaf, err = x509.ParseCertificate(raw)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	c := &identity.Credentials{Roots: []*x509.Certificate{trusts.Root}, Self: identity.Peer{Name: s.name}}
	c.Certificate.Certificate, c.Certificate.PrivateKey, c.Certificate.Leaf = [][]byte{leaf.Raw}, key, leaf
	return door.Wire{Under: bus.TCP{}, Door: door.Config{Name: string(p), Logger: log,
		Offers: []door.Offer{{Protocol: p, Source: identity.NewMemory(c), Policy: identity.Policy{Expect: identity.Any(trusts.ID, expects)}}}}}
}

// greeted dials a listener that greets whoever it lets in, and gives what the dial says, "" when it was let in.
func greeted(t *testing.T, from, to bus.Network) (said string, err error) {
	t.Helper()
	l, err := to.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() }) // what it says of a refusal may come later than the dial's end
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, "INFO {}\r\n")
			go func() { _, _ = io.Copy(io.Discard, conn) }()
		}
	}()
	if err = first(t, from, l.Addr().String()); err != nil {
		return err.Error(), err
	}
	return "", nil
}

// Whatever is wrong with either end of any wire between machines, nobody is let in who should not be, each side says it, and none of it is
// evidence that the other side is dead. Time alone keeps out nobody but terminals.
func TestWires_EachWireSaysWhatIsWrong(t *testing.T) {
	pair, other, forged := identitytest.NewPair(t, "shop"), identitytest.NewPair(t, "bank"), identitytest.NewPair(t, "shop")
	quiet, now := slog.New(slog.DiscardHandler), time.Now()
	ended, early := identitytest.Between(now.AddDate(-2, 0, 0), now.AddDate(-1, 0, 0)), identitytest.Between(now.AddDate(1, 0, 0), now.AddDate(2, 0, 0))
	only := func(u x509.ExtKeyUsage) identitytest.Change {
		return func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{u} }
	}
	b := identity.Host("shop", "b")
	for wire, w := range eachWire() {
		role, foreign := w.listener.Role, w.listener
		foreign.Pair = "bank"
		wrong := identity.Terminal("shop", "elsewhere")
		honest := opened(t)(OpenHost(files(t, pair, b), "b", Environment{}, quiet))
		// judged is what the side says that judges; the other one says that its certificate was not taken. "" is let in.
		type fault struct {
			shown     shown
			judged    string
			withdrawn bool
		}
		dialling := map[string]fault{
			"expired": {shown: shown{issuer: pair, name: b, change: ended}}, "not yet valid": {shown: shown{issuer: pair, name: b, change: early}},
			"wrong pair":   {shown: shown{issuer: other, name: identity.Host("bank", "b")}, judged: `got spiffe://bank/host/b of pair`},
			"wrong name":   {shown: shown{issuer: pair, name: wrong}, judged: "got spiffe://shop/terminal/elsewhere"},
			"wrong usage":  {shown: shown{issuer: pair, name: b, change: only(x509.ExtKeyUsageServerAuth)}, judged: "it is not for TLS client authentication"},
			"self-signed":  {shown: shown{issuer: pair, name: b, self: true}, judged: "none of the 1 roots here has signed"},
			"another root": {shown: shown{issuer: forged, name: b}, judged: "none of the 1 roots here has signed"},
			"two names":    {shown: shown{issuer: pair, name: b, change: func(c *x509.Certificate) { c.URIs = []*url.URL{b.URL(), b.URL()} }}, judged: "2 URI names"},
			"withdrawn":    {shown: shown{issuer: pair, name: b}, judged: "was withdrawn", withdrawn: true},
		}
		for what, c := range dialling {
			t.Run(wire+"/who dials/"+what, func(t *testing.T) {
				var heard processtest.Output
				g := Environment{}
				if c.withdrawn {
					g.Withdrawals = everybody{}
				}
				listening, err := w.listens(files(t, pair, w.listener), g, slog.New(slog.NewTextHandler(&heard, nil)))
				if err != nil {
					t.Fatal(err)
				}
				said, _ := greeted(t, c.shown.end(t, pair, w.protocol, role, quiet), listening)
				if want := "it rejects the certificate of this side, " + c.shown.name.String(); (said == "") != (c.judged == "") || said != "" && !strings.Contains(said, want) {
					t.Errorf("who dials says %q", said)
				}
				awaitText(t, &heard, c.judged)
			})
		}
		time := ""
		if role == identity.RoleTerminal {
			time = "with 90 days of grace"
		}
		listening := map[string]fault{
			"expired": {shown: shown{issuer: pair, name: w.listener, change: ended}, judged: time}, "not yet valid": {shown: shown{issuer: pair, name: w.listener, change: early}, judged: time},
			"wrong pair":   {shown: shown{issuer: other, name: foreign}, judged: "got spiffe://bank/"},
			"wrong name":   {shown: shown{issuer: pair, name: wrong}, judged: "got spiffe://shop/terminal/elsewhere"},
			"wrong usage":  {shown: shown{issuer: pair, name: w.listener, change: only(x509.ExtKeyUsageClientAuth)}, judged: "it is not for TLS server authentication"},
			"self-signed":  {shown: shown{issuer: pair, name: w.listener, self: true}, judged: "none of the 1 roots here has signed"},
			"another root": {shown: shown{issuer: forged, name: w.listener}, judged: "none of the 1 roots here has signed"},
			"withdrawn":    {shown: shown{issuer: pair, name: w.listener}, judged: "was withdrawn", withdrawn: true},
		}
		for what, c := range listening {
			t.Run(wire+"/who listens/"+what, func(t *testing.T) {
				var heard processtest.Output
				from := w.dials(honest)
				if c.withdrawn {
					from = w.dials(opened(t)(OpenHost(files(t, pair, b), "b", Environment{Withdrawals: everybody{}}, quiet)))
				}
				said, err := greeted(t, from, c.shown.end(t, pair, w.protocol, identity.RoleHost, slog.New(slog.NewTextHandler(&heard, nil))))
				if (said == "") != (c.judged == "") || !strings.Contains(said, c.judged) {
					t.Errorf("who dials says %q, want %q", said, c.judged)
				}
				if err != nil && door.After(evidence.Ended, err) != evidence.Silent {
					t.Errorf("known of the other side is %s", door.After(evidence.Ended, err))
				}
				if c.judged != "" {
					awaitText(t, &heard, "it rejects the certificate of this side, "+c.shown.name.String())
				}
			})
		}
		for what, c := range map[string]struct {
			says   raw
			judged string
		}{
			"plain text":          {raw{says: "CONNECT {\"verbose\":false}\r\n"}, `it began with \"CONNE\", which is plain text`},
			"truncated handshake": {raw{says: "\x16\x03\x01\x02", closes: true}, "the other side closed without a reason"},
			"closed at once":      {raw{closes: true}, "closed before sending anything"},
		} {
			t.Run(wire+"/"+what, func(t *testing.T) {
				var heard processtest.Output
				listening, err := w.listens(files(t, pair, w.listener), Environment{}, slog.New(slog.NewTextHandler(&heard, nil)))
				if err != nil {
					t.Fatal(err)
				}
				if said, _ := greeted(t, c.says, listening); said == "" {
					t.Error("it is let in")
				}
				awaitText(t, &heard, c.judged)
			})
		}
		t.Run(wire+"/TLS at a port in plain text", func(t *testing.T) {
			var heard processtest.Output
			listening, err := w.listens(config.TLS{Insecure: true}, Environment{}, slog.New(slog.NewTextHandler(&heard, nil)))
			if err != nil {
				t.Fatal(err)
			}
			said, err := greeted(t, w.dials(honest), listening)
			if !strings.Contains(said, "is HOTPAIR_INSECURE set there") || door.After(evidence.Ended, err) != evidence.Silent {
				t.Errorf("who dials says %q, and known is %s", said, door.After(evidence.Ended, err))
			}
			awaitText(t, &heard, "TLS received on a plain-text port")
		})
	}
}
