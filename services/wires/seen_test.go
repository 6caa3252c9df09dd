package wires

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/clocks"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/door"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/identity/identitytest"
)

// What main, updater and terminal-if see is told together: whose certificate ends, whose files can't be used, who was refused.
func TestSeen_OfAllProcesses(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	pair := identitytest.NewPair(t, "shop")
	now := time.Now()
	over := identitytest.Between(now.AddDate(0, 0, -30), now.Add(-time.Hour))
	due := identitytest.Between(now.Add(-time.Hour), now.Add(20*time.Minute)) // the root is not older than an hour
	own := files(t, pair, identity.Host("", "a"), due)
	main := opened(t)(OpenHost(own, "a", Environment{}, log))
	updater := opened(t)(OpenHost(own, "a", Environment{}, log))
	relay := opened(t)(OpenHost(own, "a", Environment{}, log))
	b := opened(t)(OpenHost(files(t, pair, identity.Host("", "b"), over), "b", Environment{}, log))
	w := opened(t)(OpenWitness(files(t, pair, identity.Witness("")), Environment{}, log))
	joined(t, b.Link(), main.Link())
	joined(t, main.ToWitness(), w.Witness())
	joined(t, updater.Replication(), b.Replication())
	tills := map[string]identitytest.Change{"t1": over, "t2": due, "t3": func(*x509.Certificate) {}}
	for id, life := range tills {
		joined(t, relay.ToTerminal(id), opened(t)(OpenTerminal(files(t, pair, identity.Terminal("", id), life), id, Environment{}, log)).Terminal())
	}
	foreign := opened(t)(OpenHost(files(t, identitytest.NewPair(t, "bank"), identity.Host("", "b")), "b", Environment{}, log))
	_ = meet(t, foreign.Replication(), updater.Replication()) // closes its door again: that door is not seen any more

	s := Join(main.Seen(), map[string]Seen{bus.ProcessUpdater: updater.Answer(Told{}), bus.ProcessTerminalInterface: relay.Answer(Told{})})
	var names []string
	for _, p := range s.Peers {
		names = append(names, fmt.Sprint(p.Name, " ", p.Age))
	}
	want := "spiffe://shop/host/b over, spiffe://shop/witness fresh, spiffe://shop/terminal/t1 over, spiffe://shop/terminal/t2 due"
	if got := strings.Join(names, ", "); got != want {
		t.Errorf("the other ends: %s, want %s", got, want)
	}
	if s.Terminals != (TerminalEnds{Proved: 3, Due: 1, Ending: 1}) || !s.TLS || s.Insecure || s.Certificate.Age != identity.Due || len(s.Certificate.Roots) != 1 {
		t.Errorf("%+v", s)
	}
	if len(s.Doors) != 1 || s.Doors[0].Door != "hotpair-link" || s.Doors[0].Proved != 1 {
		t.Errorf("doors: %+v", s.Doors)
	}
	// Files that one process can't read are a fault of the host.
	s = Join(Seen{TLS: true}, map[string]Seen{"updater": {TLS: true, Certificate: identity.State{Fault: "gone"}, Doubt: "it jumped", Doors: []door.Stats{{Door: "x"}}}})
	if s.Certificate.Fault != "updater: gone" || s.Doubt != "it jumped" || len(s.Doors) != 1 {
		t.Errorf("%+v", s)
	}
	// What main tells of the clocks reaches who would refuse a terminal.
	if relay.Answer(Told{Clocks: clocks.Difference{Own: reading(), Other: time.Hour}}).Doubt == "" {
		t.Error("clocks that are an hour apart are believed")
	}
	plain := opened(t)(OpenHost(config.TLS{Insecure: true}, "a", Environment{}, log))
	if s := plain.Seen(); !s.Insecure || s.TLS {
		t.Errorf("%+v", s)
	}
}

// A session stands on the certificate that it began with. Once the terminal has the next one nobody is told any more that it ends.
func TestLearn_ARenewedTerminalDoesNotEnd(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	pair := identitytest.NewPair(t, "shop")
	now, till := time.Now(), identity.Terminal("shop", "t1")
	over := files(t, pair, till, identitytest.Between(now.AddDate(0, 0, -30), now.Add(-time.Hour)))
	relay := opened(t)(OpenHost(files(t, pair, identity.Host("", "a")), "a", Environment{}, log))
	agent := opened(t)(OpenTerminal(over, "t1", Environment{}, log))
	joined(t, relay.ToTerminal("t1"), agent.Terminal())
	if s := relay.Seen(); s.Terminals != (TerminalEnds{Proved: 1, Ending: 1}) {
		t.Fatalf("%+v", s.Terminals)
	}
	own, err := agent.files.Current()
	if err != nil {
		t.Fatal(err)
	}
	for what, chain := range map[string][]*x509.Certificate{
		"nothing":          nil,
		"another pair's":   {identitytest.NewPair(t, "bank").Member(till, own.Certificate.PrivateKey.(crypto.Signer))},
		"another terminal": {pair.Member(identity.Terminal("shop", "t2"), own.Certificate.PrivateKey.(crypto.Signer))},
	} {
		if p, err := relay.Learn("t1", chain); err == nil {
			t.Errorf("%s: %+v", what, p)
		}
	}
	if _, err := relay.Learn("t1", []*x509.Certificate{pair.Member(till, identitytest.Key(t))}); err != nil {
		t.Error(err)
	}
	if s := relay.Seen(); s.Terminals.Ending != 1 {
		t.Errorf("of another key: %+v", s.Terminals)
	}
	next := pair.Member(till, own.Certificate.PrivateKey.(crypto.Signer))
	if _, err := relay.Learn("t1", []*x509.Certificate{next}); err != nil {
		t.Fatal(err)
	}
	if s := relay.Seen(); s.Terminals != (TerminalEnds{Proved: 1}) || len(relay.later.all) != 1 {
		t.Errorf("renewed: %+v, %d kept", s.Terminals, len(relay.later.all))
	}
}

// Thousands of terminals with certificates that end are counted, and some named: an answer is a message of bounded size.
func TestSeen_IsBounded(t *testing.T) {
	var s Seen
	for i := range 5000 {
		s.add(OtherEnd{Name: fmt.Sprintf("spiffe://p/terminal/t%d", i), NotAfter: time.Unix(int64(5000-i), 0), Age: identity.Over}, identity.RoleTerminal)
	}
	s.add(OtherEnd{Name: "spiffe://p/witness"}, identity.RoleWitness)
	s.order()
	if s.Terminals.Ending != 5000 || len(s.Peers) != 1+shownTerminals || s.Peers[0].Name != "spiffe://p/witness" || s.Peers[1].Name != "spiffe://p/terminal/t4999" {
		t.Errorf("%d of %d: %v", len(s.Peers), s.Terminals.Ending, s.Peers[:2])
	}
}

// A terminal that the table has somewhere else is not dialled in plain text.
func TestWires_NoPlainTextToAnotherMachine(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	here := opened(t)(OpenHost(config.TLS{}, "a", Environment{}, log))
	if _, err := here.ToTerminal("t1").Dial(t.Context(), "192.0.2.1:4223"); err == nil || !strings.Contains(err.Error(), "HOTPAIR_INSECURE=true") {
		t.Errorf("dialled: %v", err)
	}
	if err := meet(t, here.ToTerminal("t1"), bus.TCP{}); err != nil {
		t.Errorf("on this machine: %v", err)
	}
	allowed := opened(t)(OpenHost(config.TLS{Insecure: true}, "a", Environment{}, log))
	if err := meet(t, bus.OrTCP(allowed.ToTerminal("t1")), bus.TCP{}); err != nil {
		t.Errorf("allowed: %v", err)
	}
}
