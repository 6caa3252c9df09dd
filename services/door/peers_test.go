package door_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/door"
	"github.com/hotpair/hotpair/services/evidence"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/identity/identitytest"
	"github.com/hotpair/hotpair/services/process/processtest"
)

// forged are credentials that identity.NewCredentials might refuse: what somebody else's program shows.
func forged(c *x509.Certificate, key crypto.Signer, roots ...*x509.Certificate) *identity.Memory {
	return identity.NewMemory(&identity.Credentials{
		Certificate: tls.Certificate{Certificate: [][]byte{c.Raw}, PrivateKey: key, Leaf: c}, Roots: roots,
		Self: identity.Peer{Name: identity.Name{Pair: "p1", Role: "forged"}},
	})
}

// awaitRefusal waits for a refusal at a door with a reason and these words.
func awaitRefusal(t *testing.T, stats func() door.Stats, reason error, words ...string) {
	t.Helper()
	code := reason.(interface{ Code() string }).Code()
	processtest.Await(t, "a refusal: "+code+strings.Join(words, ", "), func() bool {
		return slices.ContainsFunc(stats().Last, func(r door.Refusal) bool {
			return r.Reason == code && r.From == "127.0.0.1" && !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(r.Sentence, w) })
		})
	})
}

// badPeers are members of pair p1, as far as they are, that a policy which expects host b, or till-7, must refuse.
var badPeers = map[string]struct {
	is   error
	says string
	made func(t *testing.T, pair, stranger *identitytest.Pair) *identity.Memory
}{
	"expired": {identity.ErrExpired, "90 days of grace", func(t *testing.T, pair, _ *identitytest.Pair) *identity.Memory {
		return pair.Source(till, identitytest.Between(time.Now().AddDate(-1, 0, 0), time.Now().AddDate(0, 0, -91)))
	}},
	"not yet valid": {identity.ErrExpired, "90 days of grace", func(t *testing.T, pair, _ *identitytest.Pair) *identity.Memory {
		return pair.Source(till, identitytest.Between(time.Now().AddDate(0, 0, 91), time.Now().AddDate(1, 0, 0)))
	}},
	"of another pair": {identity.ErrWrongPair, `of pair "p2"`, func(t *testing.T, _, _ *identitytest.Pair) *identity.Memory {
		return identitytest.NewPair(t, "p2").Source(identity.Host("p2", "b"))
	}},
	"of an authority of the same name": {identity.ErrUnknownAuthority, "none of the 1 roots", func(t *testing.T, _, stranger *identitytest.Pair) *identity.Memory {
		return stranger.Source(hostB)
	}},
	"another member": {identity.ErrWrongName, "got spiffe://p1/host/c", func(t *testing.T, pair, _ *identitytest.Pair) *identity.Memory {
		return pair.Source(identity.Host("p1", "c"))
	}},
	"for another use": {identity.ErrUsage, "extended key usage", func(t *testing.T, pair, _ *identitytest.Pair) *identity.Memory {
		key := identitytest.Key(t)
		return forged(pair.Member(hostB, key, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning} }), key, pair.Root)
	}},
	"signed by itself": {identity.ErrUnknownAuthority, "claims to be spiffe://p1/host/b", func(t *testing.T, pair, stranger *identitytest.Pair) *identity.Memory {
		alone := *stranger
		alone.Root = nil
		return forged(alone.Member(hostB, alone.Key), alone.Key, pair.Root)
	}},
	"withdrawn": {identity.ErrWithdrawn, "was withdrawn", func(t *testing.T, pair, _ *identitytest.Pair) *identity.Memory {
		return pair.Source(identity.Host("p1", "stolen"))
	}},
	"RSA": {identity.ErrKey, "RSA", func(t *testing.T, pair, _ *identitytest.Pair) *identity.Memory {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		return forged(pair.Member(hostB, key), key, pair.Root)
	}},
	"without the key of its certificate": {identity.ErrHandshake, "", func(t *testing.T, pair, _ *identitytest.Pair) *identity.Memory {
		return forged(pair.Member(hostB, identitytest.Key(t)), identitytest.Key(t), pair.Root)
	}},
	"with two names": {identity.ErrWrongName, "2 URI names", func(t *testing.T, pair, _ *identitytest.Pair) *identity.Memory {
		key := identitytest.Key(t)
		return forged(pair.Member(hostB, key, func(c *x509.Certificate) { c.URIs = append(c.URIs, identity.Host("p1", "a").URL()) }), key, pair.Root)
	}},
}

var (
	hostA = identity.Host("p1", "a")
	hostB = identity.Host("p1", "b")
	till  = identity.Terminal("p1", "till-7")
)

// careful expects b or the till, and has withdrawn one certificate.
func careful() identity.Policy {
	stolen := identity.Host("p1", "stolen")
	return identity.Policy{Expect: identity.Exactly(hostB, till, stolen), Withdrawn: func(p identity.Peer) bool { return p.Name == stolen }}
}

// Who is not who is expected does not come in: the door says why, and who dialled learns that it was refused, and where to look. An honest peer
// comes in before and after.
func TestDoor_RefusesWhoIsNotExpected(t *testing.T) {
	pair, stranger := identitytest.NewPair(t, "p1"), identitytest.NewPair(t, "p1")
	d := listen(t, door.Config{Offers: []door.Offer{{Protocol: service, Source: pair.Source(hostA), Policy: careful()}}})
	honest := door.Offer{Protocol: service, Source: pair.Source(hostB), Policy: identity.Policy{Expect: identity.Exactly(hostA)}}
	for what, bad := range badPeers {
		source := bad.made(t, pair, stranger)
		_, err := dial(t, d.Addr().String(), door.Offer{Protocol: service, Source: trusting(t, source, pair), Policy: honest.Policy})
		var fault *door.Fault
		if !errors.Is(err, identity.ErrRefused) || !errors.As(err, &fault) || fault.Proof != door.Silent || !strings.Contains(err.Error(), "log of the other side") {
			t.Errorf("%s is told: %v", what, err)
		}
		for _, before := range []evidence.State{evidence.Silent, evidence.Ended, evidence.Refused} {
			if after := door.After(before, err); after != evidence.Silent {
				t.Errorf("%s: what was %s is %s", what, before, after)
			}
		}
		awaitRefusal(t, d.Stats, bad.is, bad.says)
		c, err := dial(t, d.Addr().String(), honest)
		if err != nil {
			t.Fatalf("after %s, an honest peer: %v", what, err)
		}
		speak(t, c)
	}
	s := d.Stats()
	if s.Proved != uint64(len(badPeers)) || s.Came != 2*s.Proved || len(s.Last) > 16 {
		t.Errorf("%+v", s)
	}
}

// trusting is a source whose roots are those of the pair: a bad peer that believes the good one.
func trusting(t *testing.T, source *identity.Memory, pair *identitytest.Pair) *identity.Memory {
	t.Helper()
	c, err := source.Current()
	if err != nil {
		t.Fatal(err)
	}
	copied := *c
	copied.Roots = []*x509.Certificate{pair.Root}
	return identity.NewMemory(&copied)
}

// The same peers are refused when they listen: here who dials says why, and the door learns that it was refused.
func TestDial_RefusesWhoIsNotExpected(t *testing.T) {
	pair, stranger := identitytest.NewPair(t, "p1"), identitytest.NewPair(t, "p1")
	self := door.Offer{Protocol: service, Source: pair.Source(hostA), Policy: careful()}
	for what, bad := range badPeers {
		d := listen(t, door.Config{Offers: []door.Offer{{Protocol: service, Source: trusting(t, bad.made(t, pair, stranger), pair), Policy: identity.Policy{Expect: identity.Exactly(hostA)}}}})
		_, err := dial(t, d.Addr().String(), self)
		if !errors.Is(err, bad.is) || !strings.Contains(err.Error(), bad.says) || door.After(evidence.Ended, err) != evidence.Silent {
			t.Errorf("%s: %v", what, err)
		}
		awaitRefusal(t, d.Stats, identity.ErrRefused)
	}
}

// A host whose clock, or whose other host's clock, has jumped by years comes in, and it is seen that its certificate is out of its time.
func TestDoor_LetsHostsInWhateverTheClockSays(t *testing.T) {
	pair := identitytest.NewPair(t, "p1")
	for _, years := range []int{-2, 10, 100} {
		clock := identity.Clock{Now: func() time.Time { return time.Now().AddDate(years, 0, 0) }}
		d := listen(t, door.Config{Offers: []door.Offer{{Protocol: service, Source: pair.Source(hostA), Policy: identity.Policy{Expect: identity.Exactly(hostB), Clock: clock}}}})
		c, err := dial(t, d.Addr().String(), door.Offer{Protocol: service, Source: pair.Source(hostB), Policy: identity.Policy{Expect: identity.Exactly(hostA), Clock: clock}})
		if err != nil {
			t.Fatalf("%d years: %v", years, err)
		}
		speak(t, c)
		if !c.Peer().Expired {
			t.Errorf("%d years: nobody is told: %+v", years, c.Peer())
		}
	}
}

// TLS 1.2 is refused in the words of TLS, and the door says which version came.
func TestDoor_RefusesOlderTLS(t *testing.T) {
	a, _, pair := hosts(t)
	d := listen(t, door.Config{Offers: []door.Offer{a}})
	current, err := pair.Source(hostB).Current()
	if err != nil {
		t.Fatal(err)
	}
	old := &tls.Config{MaxVersion: tls.VersionTLS12, InsecureSkipVerify: true, Certificates: []tls.Certificate{current.Certificate}, NextProtos: []string{string(service)}}
	_, err = tls.Dial("tcp", d.Addr().String(), old)
	if explained := identity.Explain(err, hostB, identity.Listening, true); !errors.Is(explained, identity.ErrRefused) || !strings.Contains(explained.Error(), "no TLS 1.3") {
		t.Errorf("who dialled: %v", explained)
	}
	awaitRefusal(t, d.Stats, identity.ErrVersion, "TLS 1.2 at most")
	none := &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true, Certificates: []tls.Certificate{current.Certificate}}
	if c, err := tls.Dial("tcp", d.Addr().String(), none); err == nil {
		_, err = c.Read(make([]byte, 1))
		if _, refused := identity.Refused(err, hostB); !refused {
			t.Errorf("without a protocol: %v", err)
		}
		_ = c.Close()
	}
	awaitRefusal(t, d.Stats, identity.ErrProtocol, "expected protocol "+string(service), "offers none")
}

// A listener that speaks only an older TLS is refused by who dials, and the other way round.
func TestDial_RefusesOlderTLS(t *testing.T) {
	_, b, pair := hosts(t)
	current, err := pair.Source(hostA).Current()
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{current.Certificate}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.(*tls.Conn).Handshake()
			_ = c.Close()
		}
	}()
	if _, err := dial(t, l.Addr().String(), b); !errors.Is(err, identity.ErrRefused) || !strings.Contains(err.Error(), "no TLS 1.3") {
		t.Errorf("%v", err)
	}
}

// Who shows no certificate is told nothing but that.
func TestDoor_RefusesWhoShowsNothing(t *testing.T) {
	a, b, pair := hosts(t)
	d := listen(t, door.Config{Offers: []door.Offer{a}})
	nobody := identity.NewMemory(&identity.Credentials{Roots: []*x509.Certificate{pair.Root}})
	_, err := dial(t, d.Addr().String(), door.Offer{Protocol: service, Source: nobody, Policy: b.Policy})
	if !errors.Is(err, identity.ErrRefused) || !strings.Contains(err.Error(), "certificate of this side") {
		t.Errorf("who dialled: %v", err)
	}
	awaitRefusal(t, d.Stats, identity.ErrNoCertificate, "expected spiffe://p1/host/b")
}

// A host without a certificate of its own says so, to its own people.
func TestDoor_WithoutACertificateOfItsOwn(t *testing.T) {
	a, b, _ := hosts(t)
	a.Source = &identity.Memory{}
	d := listen(t, door.Config{Offers: []door.Offer{a}})
	if _, err := dial(t, d.Addr().String(), b); !errors.Is(err, identity.ErrRefused) || !strings.Contains(err.Error(), "no usable certificate") {
		t.Errorf("who dialled: %v", err)
	}
	awaitRefusal(t, d.Stats, identity.ErrCredentials)
	if _, err := dial(t, d.Addr().String(), a); !errors.Is(err, identity.ErrCredentials) {
		t.Errorf("who has none: %v", err)
	}
}

var _ net.Conn = (*door.Conn)(nil)
