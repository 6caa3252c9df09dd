package alarms

import (
	"fmt"
	"strings"
	"time"

	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/wires"
)

// wireCauses reports plain text between machines, and certificates that must be renewed. Nothing is refused because of
// them yet, so nobody would notice without an alarm.
func wireCauses(f Facts, add func(id, format string, a ...any)) {
	w := f.Wires
	if w.Insecure {
		add(WiresPlain, "host %s: %s", f.Host, wires.Insecure)
	}
	if !w.TLS {
		return
	}
	if w.Optional {
		add(WiresPlain, "host %s accepts plain text from machines without a certificate (HOTPAIR_TLS_OPTIONAL), %s just now", f.Host, plural(w.Clear, "connection", "connections"))
	}
	c := w.Certificate
	if c.Fault != "" {
		serves := "the previous one stays in use"
		if c.Copied {
			serves = "the copy of the last good one is in use"
		}
		add(CertificateUnusable, "host %s can't use its certificate files, %s: %s", f.Host, serves, c.Fault)
	}
	doubt := ""
	if w.Doubt != "" {
		doubt = "; the clock here is in doubt: " + w.Doubt
	}
	switch {
	case c.Age.Bad():
		add(CertificateEnding, "the certificate of host %s %s%s", f.Host, life(c.Age, c.NotBefore, c.NotAfter), doubt)
	case c.Age == identity.Due:
		add(CertificateDue, "the certificate of host %s %s%s", f.Host, life(c.Age, c.NotBefore, c.NotAfter), doubt)
	}
	if v := f.View; v.HasPeer && f.Now-v.HeardAt < 2*f.Lease {
		w = w.WithoutHost() // it has an alarm of its own
	}
	if text := peersEnding(w); text != "" {
		add(PeerCertificate, "%s, as host %s sees it%s", text, f.Host, doubt)
	}
}

// peersEnding names hosts and witness whose certificates must be renewed, and counts terminals; "" when there are none.
func peersEnding(w wires.Seen) string {
	var parts []string
	var first wires.OtherEnd
	for _, p := range w.Peers {
		n, err := identity.Parse(p.Name)
		switch {
		case err != nil || !p.Age.Bad():
		case n.Role != identity.RoleTerminal:
			parts = append(parts, "the certificate of "+p.Name+" "+life(p.Age, p.NotBefore, p.NotAfter))
		case first.Name == "":
			first = p
		}
	}
	if n := w.Terminals.Ending; n > 0 {
		parts = append(parts, fmt.Sprintf("%s of %d, first %s, which %s", plural(n, "certificate of a terminal", "certificates of terminals"), w.Terminals.Proved, first.Name, life(first.Age, first.NotBefore, first.NotAfter)))
	}
	return strings.Join(parts, "; ")
}

func life(a identity.Age, from, until time.Time) string {
	at := func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
	switch a {
	case identity.Early:
		return "begins on " + at(from)
	case identity.Over:
		return "ended on " + at(until)
	case identity.Due:
		return "ends on " + at(until) + ", two thirds of its lifetime are over, and it was not renewed"
	}
	return "ends on " + at(until)
}
