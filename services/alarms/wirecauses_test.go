package alarms

import (
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/role"
	"github.com/hotpair/hotpair/services/wires"
)

func TestWireCauses(t *testing.T) {
	end := time.Date(2026, 5, 6, 12, 0, 0, 0, time.UTC)
	own := func(age identity.Age, fault string, copied bool) wires.Seen {
		return wires.Seen{TLS: true, Certificate: identity.State{Name: "spiffe://p/host/a", Age: age, NotBefore: end, NotAfter: end, Fault: fault, Copied: copied}}
	}
	with := func(s wires.Seen, change func(*wires.Seen)) wires.Seen { change(&s); return s }
	fresh := own(identity.Fresh, "", false)
	for what, c := range map[string]struct {
		wires wires.Seen
		id    string // "": none
		says  string
	}{
		"without a certificate on one machine": {wires.Seen{}, "", ""},
		"plain between machines":               {wires.Seen{Insecure: true}, WiresPlain, "HOTPAIR_INSECURE is set"},
		"all well":                             {fresh, "", ""},
		"moving to certificates":               {with(fresh, func(s *wires.Seen) { s.Optional, s.Clear = true, 3 }), WiresPlain, "HOTPAIR_TLS_OPTIONAL), 3 connections"},
		"due":                                  {own(identity.Due, "", false), CertificateDue, "ends on 2026-05-06 12:00 UTC, two thirds"},
		"ending":                               {own(identity.Ending, "", false), CertificateEnding, "host a ends on 2026-05-06"},
		"over":                                 {own(identity.Over, "", false), CertificateEnding, "ended on 2026-05-06"},
		"not begun":                            {own(identity.Early, "", false), CertificateEnding, "begins on 2026-05-06"},
		"over by a clock in doubt":             {with(own(identity.Over, "", false), func(s *wires.Seen) { s.Doubt = "it jumped" }), CertificateEnding, "in doubt: it jumped"},
		"damaged":                              {own(identity.Fresh, "HOTPAIR_TLS_KEY: damaged", false), CertificateUnusable, "the previous one stays in use: HOTPAIR_TLS_KEY"},
		"damaged at the start":                 {own(identity.Fresh, "HOTPAIR_TLS_KEY: damaged", true), CertificateUnusable, "the copy of the last good one is in use"},
		"the witness's is over": {with(fresh, func(s *wires.Seen) {
			s.Peers = []wires.OtherEnd{{Name: "spiffe://p/host/b", Age: identity.Due}, {Name: "spiffe://p/witness", Age: identity.Over, NotAfter: end}}
		}), PeerCertificate, "the certificate of spiffe://p/witness ended on 2026-05-06 12:00 UTC, as host a sees it"},
		"a peer's is due only": {with(fresh, func(s *wires.Seen) { s.Peers = []wires.OtherEnd{{Name: "spiffe://p/host/b", Age: identity.Due}} }), "", ""},
		"terminals": {with(fresh, func(s *wires.Seen) {
			s.Peers = []wires.OtherEnd{{Name: "spiffe://p/terminal/t9", Age: identity.Ending, NotAfter: end}}
			s.Terminals = wires.TerminalEnds{Proved: 1000, Ending: 12}
		}), PeerCertificate, "12 certificates of terminals of 1000, first spiffe://p/terminal/t9, which ends on 2026-05-06"},
	} {
		got := map[string]string{}
		f := Facts{Host: "a", Wires: c.wires}
		for id, text := range judge(f, recent{}, false) {
			got[id] = text
		}
		if c.id == "" && len(got) > 0 || c.id != "" && (len(got) != 1 || !strings.Contains(got[c.id], c.says)) {
			t.Errorf("%s: %v, want %s: %q", what, got, c.id, c.says)
		}
	}
}

// The other host knows its own certificate, and raises an alarm of its own; here a connection goes on with the one that it began with, although
// there is a new one. Once that host is not heard any more it is told here.
func TestWireCauses_TheOtherHostTellsOfItself(t *testing.T) {
	w := wires.Seen{TLS: true, Certificate: identity.State{Age: identity.Fresh}, Peers: []wires.OtherEnd{{Name: "spiffe://p/host/b", Age: identity.Over}}}
	f := Facts{Host: "a", Wires: w, Lease: time.Second, Now: time.Hour, View: role.View{HasPeer: true, HeardAt: time.Hour}}
	if text, told := judge(f, recent{}, false)[PeerCertificate]; told {
		t.Errorf("while it is heard: %s", text)
	}
	f.View.HeardAt -= 2 * f.Lease
	if text := judge(f, recent{}, false)[PeerCertificate]; !strings.Contains(text, "spiffe://p/host/b ended") {
		t.Errorf("once it is not: %q", text)
	}
}
