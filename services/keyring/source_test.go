package keyring

import (
	"crypto/x509"
	"testing"

	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/identity/identitytest"
)

// A new key waits until the witness knows it; whom to believe waits for nobody.
func TestSource_KeysWaitAndRootsDoNot(t *testing.T) {
	stolen, anew := identitytest.NewPair(t, "shop"), identitytest.NewPair(t, "shop")
	a := identity.Host("shop", "a")
	before, after := stolen.Credentials(a), anew.Credentials(a)
	files := identity.NewMemory(before)
	s := NewSource(files)
	is := func(what string, key identity.Fingerprint, roots ...*x509.Certificate) {
		t.Helper()
		c, err := s.Current()
		if err != nil || c.Self.Fingerprint != key || !c.BelievesAs(before.Believing(roots)) {
			t.Errorf("%s: %v, %v, %d roots", what, err, c.Self.Fingerprint == key, len(c.Roots))
		}
	}
	is("at first", before.Self.Fingerprint, stolen.Root)
	files.Set(after)
	is("a new key, of another root", before.Self.Fingerprint, anew.Root)
	if used, waiting := s.Keys(); used != before.Self.Fingerprint || waiting != after.Self.Fingerprint {
		t.Errorf("%v is used, %v waits", used, waiting)
	}
	s.Pass(after.Self.Fingerprint)
	is("known to the witness", after.Self.Fingerprint, anew.Root)
	files.Set(after.Believing([]*x509.Certificate{anew.Root, stolen.Root}))
	is("other roots", after.Self.Fingerprint, anew.Root, stolen.Root)
}
