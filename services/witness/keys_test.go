package witness

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/arbiter"
	"github.com/hotpair/hotpair/services/arbiter/arbitertest"
	"github.com/hotpair/hotpair/services/door"
	proof "github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/identity/identitytest"
	"github.com/hotpair/hotpair/services/keyring"
	"github.com/hotpair/hotpair/services/process/processtest"
)

// wire is the witness's, with whose name is expected at the other end, for who has these credentials.
func wire(source proof.Source, policy proof.Policy, set *door.Set) bus.Network {
	return door.Wire{Under: bus.TCP{}, Door: door.Config{Name: "witness", Set: set,
		Offers: []door.Offer{{Protocol: "hotpair-witness", Source: source, Policy: policy}}}}
}

// sealed starts a witness whose hosts prove themselves.
func sealed(t *testing.T, pair *identitytest.Pair, data, listen string) (*Witness, *keyring.Gate, func()) {
	t.Helper()
	set := &door.Set{}
	gate := keyring.NewGate(func() { set.Sweep() })
	policy := proof.Policy{Expect: proof.Any(pair.ID, proof.RoleHost), Admit: gate.Admit}
	w := New(Config{Listen: listen, Data: data, Secret: secret, Probe: 50 * time.Millisecond, Keys: gate, Network: wire(pair.Source(proof.Witness(pair.ID)), policy, set)})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	ended := false
	stop := func() {
		if ended {
			return
		}
		ended = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the witness ended: %v", err)
		}
	}
	t.Cleanup(stop)
	select {
	case <-w.Ready():
	case <-time.After(within):
		t.Fatal("witness is not ready")
	}
	return w, gate, stop
}

// member is a host as far as the witness knows one: its files, its client, its keeper, and whom its link has proved.
type member struct {
	*arbiter.Client
	pair   *identitytest.Pair
	name   proof.Name
	files  *proof.Memory
	source *keyring.Source
	data   string
	linked chan []proof.Peer // holds the one that counts
	keeper *keyring.Keeper
	stop   func()
}

// start runs a host with credentials of its own in a directory.
func start(t *testing.T, pair *identitytest.Pair, w, host, data string, files *proof.Memory) *member {
	t.Helper()
	m := &member{pair: pair, name: proof.Host(pair.ID, host), files: files, source: keyring.NewSource(files), data: data, linked: make(chan []proof.Peer, 1)}
	m.linked <- nil
	m.Client = arbiter.New(arbiter.Config{Address: w, Secret: secret, Host: host,
		Network: wire(m.source, proof.Policy{Expect: proof.Exactly(proof.Witness(pair.ID))}, nil)})
	m.keeper = keyring.NewKeeper(keyring.Config{Host: host, Source: m.source, Witness: m.Client, Path: filepath.Join(data, keyring.File), Log: slog.New(slog.DiscardHandler),
		Peers: func() []proof.Peer { peers := <-m.linked; m.linked <- peers; return peers }})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{}, 2)
	go func() { _ = m.Client.Run(ctx); done <- struct{}{} }()
	go func() { _ = m.keeper.Run(ctx); done <- struct{}{} }()
	m.stop = func() { cancel(); <-done; <-done; m.stop = func() {} }
	t.Cleanup(func() { m.stop() })
	return m
}

// link has the handshake of the link prove another host, as whom its present key says.
func (m *member) link(others ...*member) {
	var peers []proof.Peer
	for _, o := range others {
		used, _ := o.source.Keys()
		peers = append(peers, proof.Peer{Name: o.name, Fingerprint: used})
	}
	<-m.linked
	m.linked <- peers
}

func (m *member) key() proof.Fingerprint { used, _ := m.source.Keys(); return used }

// in waits until the host is let in and reads; out until it is refused.
func in(t *testing.T, m *member, gate *keyring.Gate) {
	t.Helper()
	processtest.Await(t, m.name.String()+" is let in", func() bool {
		_, err := m.Read(t.Context())
		return err == nil && gate.Ring().Has(m.name.ID, m.key())
	})
}

func out(t *testing.T, m *member) {
	t.Helper()
	processtest.Await(t, m.name.String()+" is refused", m.Refused)
}

// The birth of a pair, a host that renews its key while it runs, one that comes with another key, and what the keys that were replaced are
// worth then: nothing, on connections that stand too.
func TestKeys_OfAPairsLife(t *testing.T) {
	t.Parallel()
	pair := identitytest.NewPair(t, "shop")
	w, gate, _ := sealed(t, pair, t.TempDir(), processtest.Address(t))
	aKey, bKey := pair.Source(proof.Host("shop", "a")), pair.Source(proof.Host("shop", "b"))
	a, b := start(t, pair, w.Address(), "a", t.TempDir(), aKey), start(t, pair, w.Address(), "b", t.TempDir(), bKey)
	a.link(b)
	b.link(a)
	in(t, a, gate)
	in(t, b, gate)

	// A third one with a certificate as good as theirs.
	c := start(t, pair, w.Address(), "c", t.TempDir(), pair.Source(proof.Host("shop", "c")))
	out(t, c)

	// b gets another key. It goes on with the first until the witness knows the second, and loses no connection by it.
	first := b.key()
	since := b.Status().Since
	bKey.Set(pair.Credentials(proof.Host("shop", "b")))
	processtest.Await(t, "b uses its new key", func() bool { return b.key() != first })
	if ring := gate.Ring(); !ring.Has("b", first) || !ring.Has("b", b.key()) {
		t.Errorf("two keys are valid at a time: %s", ring.Sentence())
	}
	if now := b.Status(); !now.Reachable || now.Since != since {
		t.Errorf("b lost its connection by the renewal: %+v", now)
	}
	a.link(b)

	// b is made anew, with a key that nobody knows. a has it by the link and vouches for it; what b had before is worth nothing from then
	// on, not even the connection that stands.
	old := b
	anew := start(t, pair, w.Address(), "b", t.TempDir(), pair.Source(proof.Host("shop", "b")))
	out(t, anew)
	a.link(anew)
	in(t, anew, gate)
	anew.link(a)
	out(t, old)
	for _, key := range []proof.Fingerprint{first, old.key()} {
		if err := gate.Admit(proof.Peer{Name: old.name, Fingerprint: key}); !errors.Is(err, keyring.ErrUnlisted) {
			t.Errorf("a key that was replaced: %v", err)
		}
	}
	// The old machine reaches the link once more. Nobody vouches for it but an operator.
	a.link(old)
	processtest.Await(t, "an operator is told", func() bool {
		r, problem := a.keeper.Shown()
		return r != nil && r.IsRetired(old.key()) && r.Has("b", anew.key()) && strings.Contains(problem, "hotpair admit b")
	})
	if a.keeper.Admit("c") {
		t.Error("c is no host that waits to be let in")
	}
	processtest.Await(t, "an operator can let it in", func() bool { return a.keeper.Admit("b") })
	in(t, old, gate)
	out(t, anew)
	processtest.Await(t, "nothing is left to do", func() bool { r, problem := a.keeper.Shown(); return problem == "" && r.Has("b", old.key()) })
	if r, problem := (*keyring.Keeper)(nil).Shown(); r != nil || problem != "" {
		t.Errorf("where nobody keeps keys: %v %q", r, problem)
	}
}

// Who is not in the ring learns nothing: the handshake ends before one byte of the witness's own came.
func TestKeys_AStrangerHearsNothing(t *testing.T) {
	t.Parallel()
	pair := identitytest.NewPair(t, "shop")
	w, gate, _ := sealed(t, pair, t.TempDir(), processtest.Address(t))
	a := start(t, pair, w.Address(), "a", t.TempDir(), pair.Source(proof.Host("shop", "a")))
	in(t, a, gate)
	thief := pair.Source(proof.Host("shop", "a"))
	conn, err := door.Dial(deadline(t), bus.TCP{}, w.Address(), door.Offer{Protocol: "hotpair-witness", Source: thief,
		Policy: proof.Policy{Expect: proof.Exactly(proof.Witness("shop"))}})
	if !errors.Is(err, proof.ErrRefused) || conn != nil {
		t.Errorf("another key of the same name: %v", err)
	}
	raw, err := net.Dial("tcp", w.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	if _, err := io.WriteString(raw, "CONNECT {\"verbose\":true}\r\nPING\r\n"); err != nil {
		t.Fatal(err)
	}
	_ = raw.SetReadDeadline(time.Now().Add(within))
	said, err := io.ReadAll(raw)
	if err != nil && len(said) == 0 {
		t.Fatal(err)
	}
	if strings.Contains(string(said), "INFO") || len(said) > 7 { // one alert of TLS
		t.Errorf("plain text is answered %q", said)
	}
}

// A witness that was emptied, or restored from an older copy, is given the list again by a host that knew a newer one, after a restart of
// that host too; a key that was replaced meanwhile is not let in by the older copy for long.
func TestKeys_AWitnessThatWentBack(t *testing.T) {
	t.Parallel()
	pair := identitytest.NewPair(t, "shop")
	for _, lost := range []string{"emptied", "an older copy"} {
		t.Run(lost, func(t *testing.T) {
			data, address := t.TempDir(), processtest.Address(t)
			_, gate, stop := sealed(t, pair, data, address)
			aKey := pair.Source(proof.Host("shop", "a"))
			a, b := start(t, pair, address, "a", t.TempDir(), aKey), start(t, pair, address, "b", t.TempDir(), pair.Source(proof.Host("shop", "b")))
			a.link(b)
			in(t, b, gate)
			stop()
			copied, err := os.ReadFile(filepath.Join(data, keysFile))
			if err != nil {
				t.Fatal(err)
			}
			_, gate, stop = sealed(t, pair, data, address)
			anew := start(t, pair, address, "b", t.TempDir(), pair.Source(proof.Host("shop", "b")))
			a.link(anew)
			in(t, anew, gate)
			processtest.Await(t, "a remembers", func() bool { r, _ := a.keeper.Shown(); return r != nil && r.Has("b", anew.key()) })
			a.stop()
			stop()
			anew.stop()
			if lost == "emptied" {
				err = os.Remove(filepath.Join(data, keysFile))
			} else {
				err = os.WriteFile(filepath.Join(data, keysFile), copied, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			_, gate, _ = sealed(t, pair, data, address)
			// b's new machine is off. The key of its old one opens a witness that has forgotten, until a is there.
			a = start(t, pair, address, "a", a.data, aKey)
			in(t, a, gate)
			processtest.Await(t, "the newer list is back", func() bool { return gate.Ring().Has("b", anew.key()) })
			out(t, b)
			if ring := gate.Ring(); !ring.Has("b", anew.key()) || !ring.IsRetired(b.key()) {
				t.Errorf("%+v", ring)
			}
		})
	}
}

// A host that has a new key and is no more let in with the old one tries the new one.
func TestKeys_TheOldKeyIsRefused(t *testing.T) {
	t.Parallel()
	pair := identitytest.NewPair(t, "shop")
	w, gate, _ := sealed(t, pair, t.TempDir(), processtest.Address(t))
	a := start(t, pair, w.Address(), "a", t.TempDir(), pair.Source(proof.Host("shop", "a")))
	in(t, a, gate)
	bKey := pair.Source(proof.Host("shop", "b"))
	b := start(t, pair, w.Address(), "b", t.TempDir(), bKey)
	out(t, b)
	next := pair.Credentials(proof.Host("shop", "b"))
	if err := gate.Replace(gate.Ring().Replaced("a", "b", next.Self.Fingerprint), gate.Ring().Digest()); err != nil {
		t.Fatal(err)
	}
	bKey.Set(next)
	in(t, b, gate)
}

// The list survives a restart, and one that is damaged is not taken for none: that would let everybody in.
func TestKeys_AreKept(t *testing.T) {
	t.Parallel()
	pair := identitytest.NewPair(t, "shop")
	data, address := t.TempDir(), processtest.Address(t)
	_, gate, stop := sealed(t, pair, data, address)
	a := start(t, pair, address, "a", t.TempDir(), pair.Source(proof.Host("shop", "a")))
	in(t, a, gate)
	kept := gate.Ring()
	stop()
	_, gate, stop = sealed(t, pair, data, address)
	if gate.Ring().Digest() != kept.Digest() {
		t.Errorf("kept %+v, had %+v", gate.Ring(), kept)
	}
	in(t, a, gate)
	stop()
	if err := os.WriteFile(filepath.Join(data, keysFile), []byte(`{"format":1,"version":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	w := New(Config{Listen: address, Data: data, Secret: secret, Keys: keyring.NewGate(func() {})})
	if err := w.Run(t.Context()); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), keysFile) {
		t.Errorf("a damaged list: %v", err)
	}
	if err := keyring.NewGate(nil).Admit(proof.Peer{Name: a.name}); !errors.Is(err, keyring.ErrClosed) {
		t.Errorf("before the list is read: %v", err)
	}
}

// What no host of the pair asks for changes nothing, whoever has a host's login.
func TestKeys_NoListThatNoHostMakes(t *testing.T) {
	t.Parallel()
	pair := identitytest.NewPair(t, "shop")
	w, gate, _ := sealed(t, pair, t.TempDir(), processtest.Address(t))
	a := start(t, pair, w.Address(), "a", t.TempDir(), pair.Source(proof.Host("shop", "a")))
	in(t, a, gate)
	now := gate.Ring()
	for what, c := range map[string]struct {
		next, over keyring.Ring
		want       error
	}{
		"of another list":     {now.Renewed("a", proof.Fingerprint{9}), keyring.Ring{}, keyring.ErrChanged},
		"without its own key": {now.Renewed("a", proof.Fingerprint{8}).Renewed("a", proof.Fingerprint{9}), now, keyring.ErrImpossible},
		"nobody":              {keyring.Ring{Version: 9}, now, keyring.ErrImpossible},
	} {
		if err := a.ReplaceKeys(deadline(t), c.next, c.over); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if gate.Ring().Digest() != now.Digest() {
		t.Errorf("%+v", gate.Ring())
	}
	if _, err := a.Write(deadline(t), arbitertest.Sample(w.ID()), 0); err != nil {
		t.Errorf("the register beside it: %v", err)
	}
}
