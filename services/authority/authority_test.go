package authority

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/identity"
)

func newKey(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// newIssuer is an issuing key of a new root.
func newIssuer(t *testing.T, pair string, now time.Time) (*Root, *Issuer) {
	t.Helper()
	root, err := New(pair, now)
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := root.Rotate(now)
	if err != nil {
		t.Fatal(err)
	}
	return root, issuer
}

func newSeal(t *testing.T) (*Seal, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "seal.key")
	seal, err := NewSeal(path)
	if err != nil {
		t.Fatal(err)
	}
	return seal, path
}

// What is issued is taken by members, for what the member is, and for nothing else.
func TestIssuer_MembersTakeWhatItIssues(t *testing.T) {
	now := time.Now()
	root, issuer := newIssuer(t, "p1", now)
	for _, c := range []struct {
		name          identity.Name
		life          time.Duration
		listen, dials bool
	}{
		{identity.Host("p1", "a"), 30 * day, true, true},
		{identity.Witness("p1"), 30 * day, true, false},
		{identity.Terminal("p1", "till-7"), 90 * day, true, false},
	} {
		key := newKey(t)
		own, err := issuer.Credentials(key, c.name, Life(c.name.Role), now)
		if err != nil {
			t.Fatal(err)
		}
		leaf := own.Certificate.Leaf
		if got := leaf.NotAfter.Sub(now).Round(time.Minute); got != c.life || now.Sub(leaf.NotBefore) < 11*time.Hour {
			t.Errorf("%s: from %s for %v", c.name, leaf.NotBefore, got)
		}
		if left := leaf.NotAfter.Sub(RenewAfter(own.Self)); left < c.life/3 || left > c.life/3+day {
			t.Errorf("%s: renewed %v before its end", c.name, left)
		}
		chain := []*x509.Certificate{leaf, issuer.chain[0]}
		for side, allowed := range map[identity.Side]bool{identity.Listening: c.listen, identity.Dialling: c.dials} {
			peer, err := identity.Policy{Expect: identity.Exactly(c.name)}.Judge(chain, []*x509.Certificate{root.Certificate()}, side)
			if allowed != (err == nil) || !allowed && !errors.Is(err, identity.ErrUsage) || allowed && (peer.Name != c.name || peer.Expired) {
				t.Errorf("%s as who is at side %v: %v, %v", c.name, side, peer, err)
			}
		}
		if err := SignedBy(root.Certificate(), chain...); err != nil {
			t.Error(err)
		}
		other, _ := newIssuer(t, "p1", now)
		if err := SignedBy(other.Certificate(), chain...); !errors.Is(err, ErrForeign) {
			t.Errorf("of another root: %v", err)
		}
	}
	if err := SignedBy(root.Certificate()); !errors.Is(err, ErrForeign) {
		t.Errorf("no chain: %v", err)
	}
}

// An issuing key that somebody has taken names nobody outside of its pair, no web site, and no further authority.
func TestIssuer_CanNameOnlyThePair(t *testing.T) {
	now := time.Now()
	root, issuer := newIssuer(t, "p1", now)
	key := newKey(t)
	for what, change := range map[string]func(*x509.Certificate){
		"another pair":   func(c *x509.Certificate) { c.URIs = []*url.URL{identity.Host("p2", "a").URL()} },
		"a web site":     func(c *x509.Certificate) { c.DNSNames = []string{"www.example.org"} },
		"an address":     func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(192, 0, 2, 1)} },
		"an address, v6": func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.ParseIP("2001:db8::1")} },
		"mail":           func(c *x509.Certificate) { c.EmailAddresses = []string{"a@example.org"} },
		"code":           func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning} },
		"an authority": func(c *x509.Certificate) {
			c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
		},
	} {
		chain, err := issuer.Issue(key.Public(), identity.Host("p1", "a"), day, now)
		if err != nil {
			t.Fatal(err)
		}
		template := *chain[0]
		change(&template)
		leaf, err := sign(&template, issuer.chain[0], key.Public(), issuer.key)
		if err != nil {
			t.Fatal(err)
		}
		roots, between := x509.NewCertPool(), x509.NewCertPool()
		roots.AddCert(root.Certificate())
		between.AddCert(issuer.chain[0])
		if what == "an authority" { // which signs one for another
			below := *chain[0]
			between.AddCert(leaf)
			if leaf, err = sign(&below, leaf, newKey(t).Public(), key); err != nil {
				t.Fatal(err)
			}
		}
		_, err = leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
		if what == "code" {
			_, err = leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}})
		}
		if err == nil {
			t.Errorf("it vouches for %s", what)
		}
	}
}

func TestIssuer_RefusesWhatItShouldNotIssue(t *testing.T) {
	now := time.Now()
	_, issuer := newIssuer(t, "p1", now)
	key := newKey(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	a := identity.Host("p1", "a")
	for what, c := range map[string]struct {
		public crypto.PublicKey
		name   identity.Name
		life   time.Duration
		at     time.Time
		is     error
		says   string
	}{
		"another pair":        {key.Public(), identity.Host("p2", "a"), day, now, ErrRequest, "another pair"},
		"no name":             {key.Public(), identity.Name{}, day, now, identity.ErrMalformed, ""},
		"RSA":                 {rsaKey.Public(), a, day, now, identity.ErrKey, "RSA of 2048 bits"},
		"no key":              {nil, a, day, now, identity.ErrKey, ""},
		"no life":             {key.Public(), a, 0, now, ErrRequest, ""},
		"two years too early": {key.Public(), a, day, now.AddDate(-2, 0, 0), ErrClock, "is that right?"},
		"after its end":       {key.Public(), a, day, now.AddDate(11, 0, 0), ErrClock, "new issuing key"},
	} {
		chain, err := issuer.Issue(c.public, c.name, c.life, c.at)
		if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) || chain != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	chain, err := issuer.Issue(key.Public(), a, 100*365*day, now)
	if err != nil || !chain[0].NotAfter.Equal(issuer.NotAfter()) {
		t.Errorf("longer than its own life: %v, %v", chain, err)
	}
	edwards, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := issuer.Issue(edwards, a, day, now); err != nil {
		t.Errorf("Ed25519: %v", err)
	}
}

func TestIssuer_RequestsProveTheirKey(t *testing.T) {
	now := time.Now()
	_, issuer := newIssuer(t, "p1", now)
	till := identity.Terminal("p1", "till-7")
	request := func(uris ...*url.URL) []byte {
		raw, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{URIs: uris, DNSNames: []string{"www.example.org"}}, newKey(t))
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	for _, raw := range [][]byte{request(), request(till.URL())} {
		chain, err := issuer.IssueRequest(raw, till, day, now)
		if err != nil || len(chain[0].DNSNames) != 0 || len(chain[0].URIs) != 1 || chain[0].URIs[0].String() != till.String() {
			t.Errorf("%v, %v", chain, err)
		}
	}
	broken := request()
	broken[len(broken)-1] ^= 1
	for what, raw := range map[string][]byte{"nothing": nil, "the name of another": request(identity.Host("p1", "a").URL()), "another signature": broken, "too large": make([]byte, 1<<20)} {
		if _, err := issuer.IssueRequest(raw, till, day, now); !errors.Is(err, ErrRequest) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// When all seals are lost, the root signs another issuing key. Members that trust the root take what either has issued.
func TestRoot_SignsANewIssuingKey(t *testing.T) {
	now := time.Now()
	path := filepath.Join(t.TempDir(), "root.key")
	root, old := newIssuer(t, "p1", now)
	if err := root.create(path, "correct horse", 10); err != nil {
		t.Fatal(err)
	}
	for words, is := range map[string]error{"": ErrPassphrase, "correct house": ErrPassphrase} {
		if _, err := OpenRoot(path, words); !errors.Is(err, is) || strings.Contains(err.Error(), "horse") {
			t.Errorf("with %q: %v", words, err)
		}
	}
	opened, err := OpenRoot(path, "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if err := root.create(path, "", 10); !errors.Is(err, ErrExists) || !strings.Contains(err.Error(), path) {
		t.Errorf("over the only one: %v", err)
	}
	next, err := opened.Rotate(now.AddDate(5, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	for _, issuer := range []*Issuer{old, next} {
		chain, err := issuer.Issue(newKey(t).Public(), identity.Host("p1", "b"), day, now.AddDate(6, 0, 0))
		if err != nil {
			t.Fatal(err)
		}
		if err := SignedBy(root.Certificate(), chain...); err != nil || !slices.Equal(issuer.Root().Raw, root.Certificate().Raw) || issuer.Pair() != root.Pair() {
			t.Error(err)
		}
	}
	if _, err := New("Not A Pair", now); !errors.Is(err, identity.ErrMalformed) {
		t.Errorf("%v", err)
	}
}

// A root without a passphrase is a file that only its owner may read.
func TestRoot_WithoutAPassphrase(t *testing.T) {
	root, _ := newIssuer(t, "p1", time.Now())
	path := filepath.Join(t.TempDir(), "root.key")
	if err := root.Create(path, ""); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if got, err := OpenRoot(path, "not asked for"); err != nil || got.pair != "p1" {
		t.Errorf("%v", err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenRoot(path, ""); !errors.Is(err, identity.ErrReadable) {
		t.Errorf("readable by all: %v", err)
	}
	if _, err := OpenRoot(path+"x", ""); !errors.Is(err, ErrNone) {
		t.Errorf("no file: %v", err)
	}
}

// What is written in PEM is what package identity reads.
func TestEncode_FilesAreThoseOfIdentity(t *testing.T) {
	now := time.Now()
	_, issuer := newIssuer(t, "p1", now)
	key := newKey(t)
	chain, err := issuer.Issue(key.Public(), identity.Host("p1", "a"), day, now)
	if err != nil {
		t.Fatal(err)
	}
	text, err := EncodeKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	paths := identity.Paths{Certificate: filepath.Join(dir, "crt"), Key: filepath.Join(dir, "key"), Roots: filepath.Join(dir, "ca")}
	for path, content := range map[string][]byte{paths.Certificate: EncodeCertificates(chain...), paths.Key: text, paths.Roots: EncodeCertificates(issuer.Root())} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files := identity.NewFiles(paths, nil, nil)
	if err := files.Load(); err != nil {
		t.Fatal(err)
	}
	if block, rest := pem.Decode(text); block == nil || len(rest) != 0 {
		t.Errorf("%q", text)
	}
}
