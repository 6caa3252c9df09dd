package e2e_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/deployments/local"
	"github.com/hotpair/hotpair/services/alarms"
	"github.com/hotpair/hotpair/services/authority"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/simulator/pair"
)

// root is that of a cluster's own authority.
func (c *cluster) root() *authority.Root {
	c.Helper()
	root, err := authority.OpenRoot(filepath.Join(c.Dir, "root.key"), "")
	if err != nil {
		c.Fatal(err)
	}
	return root
}

// equip gives a host or the witness a new key and a certificate that was issued at a time.
func (c *cluster) equip(root *authority.Root, node string, life time.Duration, at time.Time) {
	c.Helper()
	issuer, err := root.Rotate(at)
	if err != nil {
		c.Fatal(err)
	}
	if _, err := issuer.Equip(c.certificates(node), pair.Identity(root.Pair(), node), life, at); err != nil {
		c.Fatal(err)
	}
}

func (c *cluster) certificates(node string) string { return filepath.Join(c.Dir, "certificates", node) }

// certify gives an agent that a test starts beside the cluster what proves it, in its environment.
func (c *cluster) certify(env map[string]string, name identity.Name) {
	c.Helper()
	c.certifyBy(c.root(), env, name)
}

// certifyBy is certify by another authority than the cluster's.
func (c *cluster) certifyBy(root *authority.Root, env map[string]string, name identity.Name) {
	c.Helper()
	issuer, err := root.Rotate(time.Now())
	if err == nil {
		name.Pair = issuer.Pair()
		var paths identity.Paths
		paths, err = issuer.Equip(filepath.Join(c.TempDir(), "certificate"), name, time.Hour, time.Now())
		env["HOTPAIR_TLS_CERT"], env["HOTPAIR_TLS_KEY"], env["HOTPAIR_TLS_CA"] = paths.Certificate, paths.Key, paths.Roots
	}
	if err != nil {
		c.Fatal(err)
	}
}

// awaitAlarm waits until this alarm is raised on a host, whatever others are.
func (c *cluster) awaitAlarm(host, id string) {
	c.Helper()
	c.Await(healWithin, "alarm "+id+" of "+host, func() bool {
		s, err := c.Status(host)
		return err == nil && slices.ContainsFunc(s.Alarms, func(a bus.Alarm) bool { return a.ID == id && a.Host == host })
	})
}

// awaitAlarms waits until these alarms are raised on a host, and none of the others of certificates.
func (c *cluster) awaitAlarms(host string, want ...string) {
	c.Helper()
	slices.Sort(want)
	var have []string
	defer func() {
		if c.Failed() {
			c.Logf("on %s are raised: %v", host, have)
		}
	}()
	c.Await(healWithin, "alarms "+host, func() bool {
		s, err := c.Status(host)
		have = nil
		for _, a := range s.Alarms {
			of := []string{alarms.CertificateDue, alarms.CertificateEnding, alarms.CertificateUnusable, alarms.PeerCertificate, alarms.WiresPlain}
			if a.Host == host && slices.Contains(of, a.ID) {
				have = append(have, a.ID)
			}
		}
		slices.Sort(have)
		return err == nil && slices.Equal(have, want)
	})
}

// same holds that nothing has moved: the host that served does, in the same term, with as many terminals.
func (c *cluster) same(before operator.Status) {
	c.Helper()
	host, now := c.mustActive()
	if host != before.Host || now.Epoch != before.Epoch || now.Terminals != before.Terminals {
		c.Errorf("%s served in epoch %d with %+v, and now %s in epoch %d with %+v", before.Host, before.Epoch, before.Terminals, host, now.Epoch, now.Terminals)
	}
}

// Whole processes, under load: certificates are renewed, a root comes beside the old one, files are damaged while they are in use and at a
// start, and end. Nothing of that moves the service or costs a session, and each is told.
func TestCertificates_OfWholeProcesses(t *testing.T) {
	sideBySide(t)
	c := startCluster(t, []string{"--terminals", "5"}, leaseSetting)
	w := c.startWork(200)
	c.awaitPaired()
	root, nodes := c.root(), []string{local.HostA, local.HostB, local.Witness}
	_, before := c.mustActive()
	keys := func(host string) (own identity.Fingerprint, roots int) {
		s, err := c.Status(host)
		if err != nil {
			return own, 0
		}
		return s.Wires.Certificate.Fingerprint, len(s.Wires.Certificate.Roots)
	}
	for _, host := range pair.Hosts() {
		c.awaitAlarms(host)
	}

	// A second root beside the first, and then certificates of either, with new keys.
	second, err := authority.New(root.Pair(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	both := authority.EncodeCertificates(root.Certificate(), second.Certificate())
	trustBoth := func() {
		for _, node := range nodes {
			if err := os.WriteFile(filepath.Join(c.certificates(node), "ca.pem"), both, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	trustBoth()
	c.Await(healWithin, "two roots", func() bool {
		_, a := keys(local.HostA)
		_, b := keys(local.HostB)
		return a == 2 && b == 2
	})
	for _, host := range pair.Hosts() {
		old, _ := keys(host)
		c.equip(root, host, 30*24*time.Hour, time.Now())
		trustBoth()
		c.Await(healWithin, "new certificate of "+host, func() bool { now, _ := keys(host); return now != old && !now.IsZero() })
	}
	c.same(before)

	// Damaged while in use: what was good goes on.
	active := before.Host
	standby := pair.Other(active)
	key := filepath.Join(c.certificates(standby), "key.pem")
	good, err := os.ReadFile(key)
	if err == nil {
		err = os.WriteFile(key, []byte("-----BEGIN PRIVATE KEY-----\n"), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	c.awaitAlarms(standby, alarms.CertificateUnusable)
	c.same(before)
	// And at a start: the copy serves.
	c.order("kill", standby)
	c.order("start", standby)
	c.awaitPaired()
	c.awaitAlarms(standby, alarms.CertificateUnusable)
	if s, err := c.Status(standby); err != nil || !s.Wires.Certificate.Copied {
		t.Errorf("%+v, %v: no copy serves", s.Wires.Certificate, err)
	}
	if err := os.WriteFile(key, good, 0o600); err != nil {
		t.Fatal(err)
	}
	c.awaitAlarms(standby)
	c.same(before)

	// Two thirds are over, and nobody has renewed it.
	c.equip(root, standby, 20*24*time.Hour+3*time.Hour, time.Now().AddDate(0, 0, -20))
	trustBoth()
	c.awaitAlarms(standby, alarms.CertificateDue)

	// All have ended long ago: an alarm, and no refusal, when all are started anew and when the host that serves dies.
	for _, node := range nodes {
		c.equip(root, node, time.Hour, time.Now().AddDate(0, 0, -60))
	}
	trustBoth()
	// What stands was let in before; whoever connects anew shows that its certificate has ended.
	c.awaitAlarm(standby, alarms.CertificateEnding)
	c.awaitAlarm(active, alarms.CertificateEnding)
	c.order("kill", local.Witness)
	c.order("start", local.Witness)
	c.order("kill", standby)
	c.order("start", standby)
	c.awaitPaired()
	c.same(before)
	c.awaitAlarms(active, alarms.CertificateEnding, alarms.PeerCertificate)
	c.order("kill", active)
	took := c.awaitTakeover(before)
	t.Logf("measured: takeover with ended certificates after %s", took.Round(time.Millisecond))
	c.order("start", active)
	c.awaitPaired()
	w.finish()
	c.compareHistories()
}

// A host with certificates for nobody is refused at its start, with what to write; the copy is for files that were good once.
func TestCertificates_WrongOnesAreExplained(t *testing.T) {
	sideBySide(t)
	c := startCluster(t, []string{"--terminals", "1"})
	env := c.File().Hosts[local.HostA].Env
	if _, err := os.Stat(filepath.Join(env["HOTPAIR_DATA"], identity.KeptFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	of := func(node string) config.TLS {
		paths := authority.Paths(c.certificates(node))
		return config.TLS{TLSCert: paths.Certificate, TLSKey: paths.Key, TLSCa: paths.Roots}
	}
	b := of(local.HostB)
	out, err := c.hotpairWith([]string{"HOTPAIR_TLS_CERT=" + b.TLSCert, "HOTPAIR_TLS_KEY=" + b.TLSKey, "HOTPAIR_TLS_CA=" + b.TLSCa}, env, "main")
	mustSay(t, out, err, "is the certificate of spiffe://", "the settings name this process")
	out, err = c.hotpairWith([]string{"HOTPAIR_TLS_KEY=" + b.TLSKey}, env, "main")
	mustSay(t, out, err, "the key does not belong to the certificate")
	out, err = c.hotpairWith([]string{"HOTPAIR_TLS_CERT=", "HOTPAIR_TLS_KEY=", "HOTPAIR_TLS_CA=", "HOTPAIR_LINK=0.0.0.0:1"}, env, "main")
	mustSay(t, out, err, "HOTPAIR_LINK=0.0.0.0:1 is reachable from other machines", "HOTPAIR_INSECURE=true")
}

// hotpairWith runs a process with the environment of another one and some changes, in a data directory of its own.
func (c *cluster) hotpairWith(changes []string, env map[string]string, args ...string) (string, error) {
	c.Helper()
	cmd := exec.Command(binary, args...)
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Env = append(append(cmd.Env, "HOTPAIR_DATA="+c.TempDir()), changes...) // of a name that is there twice the last one counts
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func mustSay(t *testing.T, out string, err error, want ...string) {
	t.Helper()
	for _, text := range want {
		if err == nil || !strings.Contains(out, text) {
			t.Errorf("%v, want %q:\n%s", err, text, out)
		}
	}
}
