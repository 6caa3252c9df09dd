package lab

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/alarms"
	"github.com/hotpair/hotpair/services/authority"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/certificates"
	"github.com/hotpair/hotpair/services/wires"
	"github.com/hotpair/hotpair/simulator/pair"
)

// enrol runs hotpair terminal enrol on the machine of a terminal.
func (f *fixture) enrol(id, dir, token string) (string, error) {
	ctx, cancel := context.WithTimeout(f.ctx, healWithin)
	defer cancel()
	c := exec.CommandContext(ctx, "nsenter", "--net="+f.network.spaces[id].path(), binary, "terminal", "enrol", "--data", dir, "--listen", f.network.addresses[id]+":4223", token)
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	return out.String(), err
}

// hotpair runs a command on the machine of a host, as an operator does.
func (f *fixture) hotpair(host string, args ...string) string {
	f.Helper()
	ctx, cancel := context.WithTimeout(f.ctx, healWithin)
	defer cancel()
	c := exec.CommandContext(ctx, "nsenter", append([]string{"--net=" + f.network.spaces[host].path(), binary}, args...)...)
	c.Env = append(os.Environ(), "HOTPAIR_TOKEN="+operatorToken, "HOTPAIR_HTTP=127.0.0.1:"+strconv.Itoa(pair.PortHTTP))
	out, err := c.CombinedOutput()
	if err != nil {
		f.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// token gives a new token for a terminal.
func (f *fixture) token(id string) string {
	f.Helper()
	active, _ := f.mustActive()
	_, said, _ := strings.Cut(f.hotpair(active, "terminals", "token", id), "hotpair terminal enrol ")
	return strings.TrimSpace(said)
}

// row is a terminal as the active tells of it.
func (f *fixture) row(id string) operator.TerminalRow {
	f.Helper()
	active, _ := f.mustActive()
	page, err := operator.CallTerminals.Ask(f.ctx, f.clients[active], operator.TerminalsRequest{Limit: 100})
	f.must(err)
	for _, r := range page.Terminals {
		if r.ID == id {
			return r
		}
	}
	return operator.TerminalRow{}
}

func (f *fixture) awaitAlarm(host, id string, raised bool) {
	f.Helper()
	f.await("alarm "+id, func() bool {
		s, err := f.Status(f.ctx, host)
		return err == nil && raised == slices.ContainsFunc(s.Alarms, func(a bus.Alarm) bool { return a.ID == id })
	})
}

// certificateOf is what is told of a terminal's certificate.
func (f *fixture) certificateOf(id string) certificates.TerminalCertificate {
	f.Helper()
	if c := f.row(id).Certificate; c != nil {
		return *c
	}
	return certificates.TerminalCertificate{}
}

// ends is when the certificate ends that a node has in its file, and the fingerprint of its key.
func (f *fixture) ends(node string) (time.Time, identity.Fingerprint) {
	f.Helper()
	text, err := os.ReadFile(filepath.Join(f.options.Dir, "tls-"+node, "cert.pem"))
	f.must(err)
	chain, err := identity.ParseCertificates(text)
	f.must(err)
	return chain[0].NotAfter, identity.FingerprintOf(chain[0])
}

// renewed awaits that all have renewed what was issued long ago, while everybody serves: hosts for themselves, terminals over their sessions.
// Then nobody is told any more that they end, although connections stand on what they began with. The witness is nobody's to renew.
func (f *fixture) renewed() {
	f.Helper()
	_, before := f.mustActive()
	nodes := []string{pair.HostA, pair.HostB}
	for i := range f.options.Terminals {
		nodes = append(nodes, pair.TerminalID(i))
	}
	keys := map[string]identity.Fingerprint{}
	for _, node := range nodes {
		_, keys[node] = f.ends(node)
	}
	for _, node := range nodes {
		life := authority.Life(pair.Identity("lab", node).Role)
		f.await("renewed: "+node, func() bool {
			until, key := f.ends(node)
			return key == keys[node] && time.Until(until) > life*9/10
		})
	}
	f.await("it is known", func() bool {
		_, s := f.mustActive()
		return s.Wires.Certificate.Age == identity.Fresh && s.Wires.Terminals == wires.TerminalEnds{Proved: f.options.Terminals} &&
			!slices.ContainsFunc(s.Alarms, func(a bus.Alarm) bool {
				return a.ID != alarms.PeerCertificate || !strings.Contains(a.Text, "/witness ended") || strings.Contains(a.Text, "/host/")
			})
	})
	f.same(before)
}

// TestEnrolment_OfALab: real processes, each machine in a network of its own. Certificates were issued 70 days ago, and are renewed while the
// pair serves. A terminal is stolen: withdrawn, it is left by both hosts, and
// stays out over a takeover. A new machine enrols in its place with a token, and is served; another one that comes with the same
// token is told so, and raises an alarm. A seal that is lost stops nothing, and is an alarm.
func TestEnrolment_OfALab(t *testing.T) {
	sideBySide(t)
	if *plain {
		t.Skip("SKIPPED: nobody enrols without certificates")
	}
	f := begin(t, Options{Issued: 70 * 24 * time.Hour})
	id, all := pair.TerminalID(0), f.options.Terminals
	f.renewed()
	active, _ := f.mustActive()

	f.hotpair(active, "terminals", "revoke", id, "--reason", "stolen")
	f.awaitAttached(all - 1)
	f.await("both hosts leave it", func() bool {
		hosts := f.row(id).Hosts
		return len(hosts) == 2 && hosts[pair.HostA].State == "unreachable" && hosts[pair.HostB].State == "unreachable"
	})
	f.must(f.Switchover(f.ctx, pair.Other(active)))
	f.awaitAttached(all - 1)
	if r := f.row(id); r.Certificate == nil || r.Certificate.State != certificates.Withdrawn || r.Certificate.Reason != "stolen" || !strings.Contains(r.Hosts[pair.HostA].Reason+r.Hosts[pair.HostB].Reason, "withdrawn") {
		t.Errorf("%+v", r)
	}
	f.must(f.Kill(f.ctx, id))

	// The disk of the new machine does not take what it is given: the token is bound to its key, and it is tried again.
	first, second := filepath.Join(t.TempDir(), "first"), filepath.Join(t.TempDir(), "second")
	hinder := filepath.Join(first, "enrolled.env")
	f.must(os.MkdirAll(filepath.Join(hinder, "x"), 0o700))
	token := f.token(id)
	stuck := make(chan error, 1)
	ctx, cancel := context.WithCancel(f.ctx)
	defer cancel()
	says, err := os.Create(filepath.Join(t.TempDir(), "says"))
	f.must(err)
	defer says.Close()
	go func() {
		c := exec.CommandContext(ctx, "nsenter", "--net="+f.network.spaces[id].path(), binary, "terminal", "enrol", "--data", first, "--listen", f.network.addresses[id]+":4223", token)
		c.Stdout, c.Stderr = says, says
		stuck <- c.Run()
	}()
	f.await("it says that it could not take its certificate", func() bool {
		said, err := os.ReadFile(says.Name())
		return err == nil && strings.Contains(string(said), "not enrolled yet")
	})
	f.await("the token is bound", func() bool { return f.certificateOf(id).Key != "" })
	cancel()
	<-stuck
	active, _ = f.mustActive()
	if said, err := f.enrol(id, second, token); err == nil || !strings.Contains(said, "used with another key") {
		t.Errorf("another machine with the same token: %v, %s", err, said)
	}
	f.awaitAlarm(active, alarms.TokenMisused, true)
	f.must(os.RemoveAll(hinder))
	said, err := f.enrol(id, first, token)
	if err != nil || !strings.Contains(said, "is a member of pair lab now") {
		t.Fatalf("%v, %s", err, said)
	}
	settings, err := os.ReadFile(hinder)
	f.must(err)
	for line := range strings.Lines(string(settings)) {
		name, from, _ := strings.Cut(strings.TrimSpace(line), "=")
		to := map[string]string{"HOTPAIR_TLS_CERT": "cert.pem", "HOTPAIR_TLS_KEY": "key.pem", "HOTPAIR_TLS_CA": "ca.pem"}[name]
		if to != "" {
			raw, err := os.ReadFile(from)
			f.must(err)
			f.must(os.WriteFile(filepath.Join(f.options.Dir, "tls-"+id, to), raw, 0o600))
		}
	}
	f.must(f.Run(id))
	f.awaitAttached(all)
	f.await("the register knows", func() bool { return f.certificateOf(id).State == certificates.Enrolled })
	f.token(id) // ends the alarm, and leaves the terminal as it is
	f.awaitAlarm(active, alarms.TokenMisused, false)
	f.awaitAttached(all)

	seal := filepath.Join(f.options.Dir, "tls-"+active, "seal.key")
	f.must(os.Rename(seal, seal+".lost"))
	doctor := func() string {
		found, err := operator.CallDoctor.Ask(f.ctx, f.clients[active], operator.None{})
		f.must(err)
		for _, one := range found.Findings {
			if one.Check == "issuing key" && one.Host == active {
				return one.Level + ": " + one.Value
			}
		}
		return ""
	}
	if found := doctor(); !strings.Contains(found, "the seal's key file is missing") {
		t.Errorf("doctor says %q", found)
	}
	f.awaitAlarm(active, alarms.IssuingKey, true)
	f.progress()
	f.must(os.Rename(seal+".lost", seal))
	if found := doctor(); !strings.Contains(found, "the seal opens") {
		t.Errorf("doctor says %q", found)
	}
	f.awaitAlarm(active, alarms.IssuingKey, false)
	f.finishCrossed()
}
