package lab

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/durable"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/wires"
	"github.com/hotpair/hotpair/simulator/pair"
)

// files are those of a node's certificate.
func (f *fixture) files(node string) string { return filepath.Join(f.options.Dir, "tls-"+node) }

// place puts a file in place of another, as a whole.
func (f *fixture) place(from, to string) {
	f.Helper()
	text, err := os.ReadFile(from)
	f.must(err)
	f.must(durable.Write(to, text))
}

// roots awaits that both hosts say how many authorities they believe.
func (f *fixture) roots(n int) {
	f.Helper()
	f.await("the roots are read", func() bool {
		for _, host := range pair.Hosts() {
			if s, err := f.Status(f.ctx, host); err != nil || len(s.Wires.Certificate.Roots) != n {
				return false
			}
		}
		return true
	})
}

// within is the network of a node.
type within struct{ *space }

func (w within) Dial(ctx context.Context, address string) (net.Conn, error) {
	return w.DialContext(ctx, "tcp", address)
}

func (within) Listen(context.Context, string) (net.Listener, error) {
	return nil, errors.ErrUnsupported
}

// replaceable reports whether either host may take over from the other: both are in sync, and the witness lets both in.
func (f *fixture) replaceable() bool {
	a, errA := f.Status(f.ctx, pair.HostA)
	b, errB := f.Status(f.ctx, pair.HostB)
	return errors.Join(errA, errB) == nil && a.Witness.Reachable && b.Witness.Reachable && f.paired(f.ctx)
}

// TestLab_AHostIsStolen: the files of a host are taken, its issuing key and seal among them. The pair changes its authority while it serves, by the
// steps of the operations guide. The thief is let in at every port before, and at none afterwards.
func TestLab_AHostIsStolen(t *testing.T) {
	sideBySide(t)
	if *plain {
		t.Skip("SKIPPED: nobody has certificates")
	}
	f := begin(t, Options{})
	active, _ := f.mustActive()
	victim := pair.Other(active)
	taken := t.TempDir()
	f.must(os.CopyFS(taken, os.DirFS(f.files(victim))))
	for _, name := range []string{"key.pem", "seal.key"} {
		f.must(os.Chmod(filepath.Join(taken, name), 0o600))
	}

	anew, pass := filepath.Join(t.TempDir(), "anew"), filepath.Join(t.TempDir(), "new.txt")
	f.must(os.WriteFile(pass, []byte("a passphrase of its own\n"), 0o600))
	args := []string{"authority", "init", "--pair", "lab", "--out", anew, "--passphrase-file", pass}
	var ids []string
	for i := range f.options.Terminals {
		ids = append(ids, pair.TerminalID(i))
		args = append(args, "--terminals", pair.TerminalID(i))
	}
	if out, err := exec.CommandContext(f.ctx, binary, args...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	made := func(node, file string) string {
		name := pair.Identity("lab", node)
		return filepath.Join(anew, string(name.Role), name.ID, file)
	}
	root := made(pair.HostA, "ca.pem")
	var both []byte
	second, err := os.ReadFile(root)
	f.must(err)
	for _, node := range f.names() {
		first, err := os.ReadFile(filepath.Join(f.files(node), "ca.pem"))
		f.must(err)
		both = bytes.Join([][]byte{first, second}, nil)
		f.must(durable.Write(filepath.Join(f.files(node), "ca.pem"), both))
	}
	f.roots(2)

	for _, node := range f.names() {
		files := []string{"cert.pem", "key.pem"}
		if node == pair.HostA || node == pair.HostB {
			files = append(files, "issuing.key", "seal.key")
		}
		for _, file := range files {
			f.place(made(node, file), filepath.Join(f.files(node), file))
		}
		f.progress()
	}
	_, want := f.ends(active)
	f.await("the active shows its new certificate", func() bool {
		_, s := f.mustActive()
		return s.Wires.Certificate.Fingerprint == want
	})

	// The thief believes both, and is let in wherever a host is.
	f.must(durable.Write(filepath.Join(taken, "ca.pem"), both))
	thief, err := wires.OpenHost(config.TLS{TLSCert: filepath.Join(taken, "cert.pem"), TLSKey: filepath.Join(taken, "key.pem"), TLSCa: filepath.Join(taken, "ca.pem")},
		victim, wires.Environment{Network: within{f.network.spaces[victim]}}, slog.New(slog.DiscardHandler))
	f.must(err)
	dial := func() map[string]error {
		said := map[string]error{}
		for what, p := range map[string]struct {
			network bus.Network
			address string
		}{
			"link":        {thief.Link(), f.at(active, pair.PortLink)},
			"replication": {thief.Replication(), f.at(active, pair.PortReplication)},
			"terminal":    {thief.ToTerminal(ids[0]), f.at(ids[0], pair.PortTerminal)},
		} {
			ctx, cancel := context.WithTimeout(f.ctx, healWithin)
			conn, err := p.network.Dial(ctx, p.address)
			cancel()
			if err == nil {
				err = conn.Close()
			}
			said[what] = err
		}
		return said
	}
	for what, err := range dial() {
		if err != nil {
			t.Errorf("the thief at the %s, before: %v", what, err)
		}
	}

	for _, node := range f.names() {
		f.must(durable.Write(filepath.Join(f.files(node), "ca.pem"), second))
	}
	f.roots(1)
	f.await("the agent has read it, which can't say so", func() bool { return dial()["terminal"] != nil })
	for what, err := range dial() {
		if !errors.Is(err, identity.ErrRefused) {
			t.Errorf("the thief at the %s: %v", what, err)
		}
	}
	f.awaitAttached(f.options.Terminals)
	// The witness lets a host in by its new key when it was told of that, by the one that serves, who was told by the other.
	f.await("both in sync, and at the witness", f.replaceable)
	f.progress()
	active, before := f.mustActive()
	f.must(f.Kill(f.ctx, active))
	f.awaitTakeover(before)
	f.must(f.Run(active))
	f.await("both in sync", func() bool { return f.paired(f.ctx) })
	f.finishCrossed()
}
