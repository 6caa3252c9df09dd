package operations

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hotpair/hotpair/services/alarms"
	"github.com/hotpair/hotpair/services/door"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/wires"
)

const (
	// rootWarns is how long before its expiry a root is reported: every member must get its successor first.
	rootWarns = 180 * 24 * time.Hour
	// refusedLately is how long a refusal at a door is reported as a warning.
	refusedLately = time.Hour
)

// examineWires checks the certificate files as they are now, the certificates at the other ends, and the refusals at
// the doors.
func (o *Operations) examineWires(f *findings, w wires.Seen, now time.Time) {
	if !w.TLS {
		if w.Insecure {
			f.add(operator.Warning, "wires", wires.Insecure, alarms.KindOf(alarms.WiresPlain).Remedy)
		} else {
			f.add(operator.Good, "wires", "plain text, within this machine only", "")
		}
		return
	}
	if w.Optional {
		f.add(operator.Warning, "wires", fmt.Sprintf("TLS 1.3 as %s, and plain text for machines without a certificate (HOTPAIR_TLS_OPTIONAL), %d connections just now", w.Certificate.Name, w.Clear),
			alarms.KindOf(alarms.WiresPlain).Remedy)
	} else {
		f.add(operator.Good, "wires", "mutual TLS 1.3 as "+w.Certificate.Name, "")
	}
	o.examineCertificate(f, w.Certificate)
	for _, r := range w.Certificate.Roots {
		if left := r.NotAfter.Sub(now); left < rootWarns {
			f.add(operator.Warning, "root", fmt.Sprintf("%s ends on %s", r.Name, r.NotAfter.UTC().Format(time.DateOnly)),
				"add its successor to the file of HOTPAIR_TLS_CA on every member first, then renew the certificates, then remove the old root")
		}
	}
	var ending []string
	for _, p := range w.Peers {
		if p.Age.Bad() {
			ending = append(ending, fmt.Sprintf("%s until %s", p.Name, p.NotAfter.UTC().Format(time.DateOnly)))
		}
	}
	if len(ending) > 0 {
		value := strings.Join(ending[:min(len(ending), shownNames)], ", ")
		if more := w.Terminals.Ending - shownNames; more > 0 {
			value += fmt.Sprintf(" and %d more terminals", more)
		}
		f.add(operator.Warning, "peers", "certificates end: "+value, alarms.KindOf(alarms.PeerCertificate).Remedy)
	} else {
		f.add(operator.Good, "peers", fmt.Sprintf("%d terminals with a valid certificate, none expires soon", w.Terminals.Proved), "")
	}
	if w.Doubt != "" {
		f.add(operator.Warning, "clock", "in doubt: "+w.Doubt, "set it and keep it synchronised (chrony, systemd-timesyncd); until then no certificate is refused for its dates")
	}
	for _, d := range w.Doors {
		examineDoor(f, d, now)
	}
}

// examineCertificate reads the files now: those in use may have been read before they were damaged.
func (o *Operations) examineCertificate(f *findings, c identity.State) {
	files := identity.NewFiles(identity.Paths{Certificate: o.Host.TLSCert, Key: o.Host.TLSKey, Roots: o.Host.TLSCa}, nil, nil)
	if err := files.Load(); err != nil {
		value := err.Error()
		if c.Copied {
			value += "; the copy of the last good ones is in use"
		}
		f.add(operator.Warning, "certificate files", value, alarms.KindOf(alarms.CertificateUnusable).Remedy)
	} else {
		f.add(operator.Good, "certificate files", fmt.Sprintf("chain, key and %d roots match; only this user can read the key", len(files.State().Roots)), "")
	}
	if c.Unkept != "" {
		f.add(operator.Warning, "certificate copy", c.Unkept, "make HOTPAIR_DATA writable: without the copy a start with damaged certificate files fails")
	}
	value := fmt.Sprintf("until %s (%d days), key %.16s…", c.NotAfter.UTC().Format(time.DateOnly), c.DaysLeft, c.Fingerprint)
	switch {
	case c.Age.Bad():
		f.add(operator.Warning, "certificate", value, alarms.KindOf(alarms.CertificateEnding).Remedy)
	case c.Age == identity.Due:
		f.add(operator.Warning, "certificate", value, alarms.KindOf(alarms.CertificateDue).Remedy)
	default:
		f.add(operator.Good, "certificate", value, "")
	}
}

// examineDoor reports refusals by reason, and the last one.
func examineDoor(f *findings, d door.Stats, now time.Time) {
	value := fmt.Sprintf("%d connections, %d accepted, %d open", d.Came, d.Proved, d.Open)
	level := operator.Good
	var reasons []string
	for _, reason := range slices.Sorted(maps.Keys(d.Refused)) {
		reasons = append(reasons, fmt.Sprintf("%s %d", reason, d.Refused[reason]))
	}
	if len(reasons) > 0 {
		value += "; refused: " + strings.Join(reasons, ", ")
	}
	if len(d.Last) > 0 {
		last := d.Last[0]
		value += fmt.Sprintf("; last from %s at %s: %s", last.From, last.At.UTC().Format(time.RFC3339), last.Sentence)
		if now.Sub(last.At) < refusedLately {
			level = operator.Warning
		}
	}
	f.add(level, d.Door, value, "the text says which member was expected and what connected instead; block other machines from this address")
}
