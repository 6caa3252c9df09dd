package identity_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/identity/identitytest"
)

const day = 24 * time.Hour

var (
	hostA   = identity.Host("p1", "a")
	hostB   = identity.Host("p1", "b")
	witness = identity.Witness("p1")
	till    = identity.Terminal("p1", "till-7")
)

// judge is what a policy says about a certificate, whoever it expects.
func judge(p identity.Policy, pair *identitytest.Pair, c *x509.Certificate, side identity.Side, between ...*x509.Certificate) (identity.Peer, error) {
	return p.Judge(slices.Concat([]*x509.Certificate{c}, between), []*x509.Certificate{pair.Root}, side)
}

func TestPolicy_DecidesByChainNameUseAndWithdrawal(t *testing.T) {
	pair, stranger := identitytest.NewPair(t, "p1"), identitytest.NewPair(t, "p1")
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	usage := func(list ...x509.ExtKeyUsage) identitytest.Change {
		return func(c *x509.Certificate) { c.ExtKeyUsage = list }
	}
	expectA := identity.Policy{Expect: identity.Exactly(hostA)}
	with := func(change func(*identity.Policy)) identity.Policy {
		p := expectA
		change(&p)
		return p
	}
	self := func() *x509.Certificate {
		alone := &identitytest.Pair{}
		*alone = *stranger
		alone.Root = nil
		return alone.Member(hostA, alone.Key)
	}
	full := errors.New("the record has other keys")
	for what, c := range map[string]struct {
		policy identity.Policy
		signer *identitytest.Pair
		key    crypto.Signer
		change identitytest.Change
		side   identity.Side
		is     error
		says   []string
	}{
		"who is expected":              {policy: expectA},
		"as who dials":                 {policy: expectA, side: identity.Dialling},
		"Ed25519":                      {policy: expectA, key: edwards},
		"a use of any kind":            {policy: expectA, change: usage(x509.ExtKeyUsageAny)},
		"one of two":                   {policy: identity.Policy{Expect: identity.Exactly(hostB, hostA)}},
		"whoever is a host":            {policy: identity.Policy{Expect: identity.Any("p1", identity.RoleHost)}},
		"another host":                 {policy: identity.Policy{Expect: identity.Exactly(hostB)}, is: identity.ErrWrongName, says: []string{"expected spiffe://p1/host/b,", "got spiffe://p1/host/a"}},
		"the witness's place":          {policy: identity.Policy{Expect: identity.Any("p1", identity.RoleWitness)}, is: identity.ErrWrongName, says: []string{"expected a witness,", "host/a"}},
		"a policy that expects nobody": {is: identity.ErrWrongPair, says: []string{"expected nobody"}},
		"another pair":                 {policy: expectA, change: identitytest.For(identity.Host("p2", "a")), is: identity.ErrWrongPair, says: []string{`of pair "p1"`, `of pair "p2"`}},
		"another pair's authority":     {policy: expectA, signer: stranger, is: identity.ErrUnknownAuthority, says: []string{"expected spiffe://p1/host/a", "claims to be spiffe://p1/host/a", "none of the 1 roots"}},
		"no name":                      {policy: expectA, change: func(c *x509.Certificate) { c.URIs = nil }, is: identity.ErrWrongName, says: []string{"0 URI names"}},
		"two names":                    {policy: expectA, change: func(c *x509.Certificate) { c.URIs = []*url.URL{hostA.URL(), hostB.URL()} }, is: identity.ErrWrongName, says: []string{"2 URI names"}},
		"for who listens only":         {policy: expectA, change: usage(x509.ExtKeyUsageServerAuth), side: identity.Dialling, is: identity.ErrUsage, says: []string{"TLS client authentication"}},
		"for who dials only":           {policy: expectA, change: usage(x509.ExtKeyUsageClientAuth), is: identity.ErrUsage, says: []string{"TLS server authentication"}},
		"for no use":                   {policy: expectA, change: usage(), is: identity.ErrUsage},
		"may not sign":                 {policy: expectA, change: func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement }, is: identity.ErrUsage},
		"an authority":                 {policy: expectA, change: func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }, is: identity.ErrUsage},
		"RSA":                          {policy: expectA, key: rsaKey, is: identity.ErrKey, says: []string{"RSA", "P-256"}},
		"P-384":                        {policy: expectA, key: p384, is: identity.ErrKey, says: []string{"P-384"}},
		"withdrawn":                    {policy: with(func(p *identity.Policy) { p.Withdrawn = func(q identity.Peer) bool { return q.Name == hostA } }), is: identity.ErrWithdrawn, says: []string{"host/a", "withdrawn"}},
		"another one withdrawn":        {policy: with(func(p *identity.Policy) { p.Withdrawn = func(q identity.Peer) bool { return q.Name == hostB } })},
		"not admitted":                 {policy: with(func(p *identity.Policy) { p.Admit = func(identity.Peer) error { return full } }), is: full, says: []string{full.Error()}},
	} {
		signer, key := c.signer, c.key
		if signer == nil {
			signer = pair
		}
		if key == nil {
			key = identitytest.Key(t)
		}
		var changes []identitytest.Change
		if c.change != nil {
			changes = append(changes, c.change)
		}
		shown := signer.Member(hostA, key, changes...)
		found, err := judge(c.policy, pair, shown, c.side)
		if c.is == nil {
			if err != nil || found.Name != hostA || found.Fingerprint != identity.FingerprintOf(shown) || found.Expired || !found.NotAfter.Equal(shown.NotAfter) {
				t.Errorf("%s: %+v, %v", what, found, err)
			}
			continue
		}
		if !errors.Is(err, c.is) || found != (identity.Peer{}) {
			t.Errorf("%s: %v", what, err)
			continue
		}
		for _, words := range c.says {
			if !strings.Contains(err.Error(), words) {
				t.Errorf("%s: %q does not say %q", what, err, words)
			}
		}
	}
	if _, err := judge(expectA, pair, self(), identity.Listening); !errors.Is(err, identity.ErrUnknownAuthority) {
		t.Errorf("signed by itself: %v", err)
	}
	if _, err := expectA.Judge(nil, []*x509.Certificate{pair.Root}, identity.Dialling); !errors.Is(err, identity.ErrNoCertificate) || !strings.Contains(err.Error(), hostA.String()) {
		t.Errorf("no certificate: %v", err)
	}
	c := pair.Member(hostA, identitytest.Key(t))
	if _, err := judge(expectA, pair, c, identity.Listening, c, c, c, c, c); !errors.Is(err, identity.ErrUsage) || !strings.Contains(err.Error(), "6 certificates") {
		t.Errorf("too many certificates: %v", err)
	}
	if found, err := (identity.Policy{Unproved: true}).Judge(nil, nil, identity.Dialling); err != nil || found != (identity.Peer{}) {
		t.Errorf("unproved: %v, %v", found, err)
	}
}

// An authority between the root and the members is as good as the root, and as good as its own constraints.
func TestPolicy_FollowsTheChain(t *testing.T) {
	pair := identitytest.NewPair(t, "p1")
	between := func(change identitytest.Change) *identitytest.Pair {
		p := *pair
		p.Key = identitytest.Key(t)
		p.Root = pair.Sign(func(c *x509.Certificate) {
			c.Subject = pkix.Name{CommonName: "issuing key"}
			c.IsCA, c.BasicConstraintsValid, c.MaxPathLenZero, c.KeyUsage, c.ExtKeyUsage = true, true, true, x509.KeyUsageCertSign, nil
			c.NotAfter = time.Now().Add(10 * day)
			change(c)
		}, p.Key.Public())
		return &p
	}
	expect := identity.Policy{Expect: identity.Exactly(hostA)}
	for what, c := range map[string]struct {
		change identitytest.Change
		is     error
	}{
		"plain":                   {func(*x509.Certificate) {}, nil},
		"constrained to the pair": {func(c *x509.Certificate) { c.PermittedURIDomains, c.PermittedDNSDomainsCritical = []string{"p1"}, true }, nil},
		"constrained to another":  {func(c *x509.Certificate) { c.PermittedURIDomains, c.PermittedDNSDomainsCritical = []string{"p2"}, true }, identity.ErrUnknownAuthority},
		"for another use":         {func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection} }, identity.ErrUsage},
		"not an authority":        {func(c *x509.Certificate) { c.IsCA, c.MaxPathLenZero = false, false }, identity.ErrUnknownAuthority},
	} {
		issuing := between(c.change)
		found, err := judge(expect, pair, issuing.Member(hostA, identitytest.Key(t)), identity.Listening, issuing.Root)
		if c.is != nil {
			if !errors.Is(err, c.is) {
				t.Errorf("%s: %v", what, err)
			}
			continue
		}
		// What ends first is the end of all.
		if err != nil || !found.NotAfter.Equal(issuing.Root.NotAfter) {
			t.Errorf("%s: %+v, %v", what, found, err)
		}
	}
	issuing := between(func(*x509.Certificate) {})
	if _, err := judge(expect, pair, issuing.Member(hostA, identitytest.Key(t)), identity.Listening); !errors.Is(err, identity.ErrUnknownAuthority) {
		t.Errorf("without the one between: %v", err)
	}
}

// The clock decides about terminals alone, 90 days late, and not even there when it is in doubt.
func TestPolicy_ClockNeverRefusesAHost(t *testing.T) {
	pair := identitytest.NewPair(t, "p1")
	begins := time.Now().Truncate(time.Second)
	ends := begins.Add(30 * day)
	for _, c := range []struct {
		at               time.Time
		expired, refused bool // of a terminal
	}{
		{begins.AddDate(-2, 0, 0), true, true},
		{begins.Add(-90*day - time.Second), true, true},
		{begins.Add(-90 * day), true, false},
		{begins.Add(-time.Second), true, false},
		{begins, false, false},
		{ends, false, false},
		{ends.Add(time.Second), true, false},
		{ends.Add(90 * day), true, false},
		{ends.Add(90*day + time.Second), true, true},
		{begins.AddDate(10, 0, 0), true, true},
		{begins.AddDate(100, 0, 0), true, true},
		{time.Time{}, true, true},
	} {
		for _, name := range []identity.Name{hostA, witness, till} {
			for _, doubt := range []bool{false, true} {
				policy := identity.Policy{Expect: identity.Exactly(name), Clock: identity.Clock{Now: func() time.Time { return c.at }, InDoubt: func() bool { return doubt }}}
				found, err := judge(policy, pair, pair.Member(name, identitytest.Key(t), identitytest.Between(begins, ends)), identity.Listening)
				refused := c.refused && name == till && !doubt
				if refused != errors.Is(err, identity.ErrExpired) || !refused && (err != nil || found.Expired != c.expired) {
					t.Errorf("%s at %s, in doubt %v: %+v, %v", name, c.at, doubt, found, err)
				}
				if refused && !strings.Contains(err.Error(), "90 days of grace, but the clock here says "+c.at.UTC().Format("2006-01-02 15:04")) {
					t.Errorf("%q does not say what the clock says", err)
				}
				if again := policy.Still(identity.Peer{Name: name, NotBefore: begins, NotAfter: ends}); errors.Is(again, identity.ErrExpired) != refused {
					t.Errorf("%s, asked again: %v", name, again)
				}
			}
		}
	}
}

func TestFingerprint_IsOfTheKey(t *testing.T) {
	pair := identitytest.NewPair(t, "p1")
	key := identitytest.Key(t)
	one, renewed := identity.FingerprintOf(pair.Member(hostA, key)), identity.FingerprintOf(pair.Member(hostA, key))
	if one != renewed || one == identity.FingerprintOf(pair.Member(hostA, identitytest.Key(t))) || one.IsZero() {
		t.Error("the fingerprint is not that of the key")
	}
	text, err := one.MarshalText()
	var back identity.Fingerprint
	if err != nil || back.UnmarshalText(text) != nil || back != one {
		t.Errorf("%s is read as %s: %v", text, back, err)
	}
	for _, text := range []string{"00", strings.Repeat("g", 64), strings.Repeat("0", 66)} {
		if back.UnmarshalText([]byte(text)) == nil {
			t.Errorf("%q is a fingerprint", text)
		}
	}
	if back.UnmarshalText(nil) != nil || !back.IsZero() {
		t.Error("none is not none")
	}
}

func TestNewCredentials_RefusesWhatNoPeerWouldTake(t *testing.T) {
	pair, other := identitytest.NewPair(t, "p1"), identitytest.NewPair(t, "p1")
	key := identitytest.Key(t)
	good := pair.Member(hostA, key)
	onlyDials := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }
	for what, c := range map[string]struct {
		shown []*x509.Certificate
		key   crypto.Signer
		roots []*x509.Certificate
		is    error
	}{
		"no certificate":               {nil, key, []*x509.Certificate{pair.Root}, identity.ErrCredentials},
		"no root":                      {[]*x509.Certificate{good}, key, nil, identity.ErrCredentials},
		"a member for a root":          {[]*x509.Certificate{good}, key, []*x509.Certificate{good}, identity.ErrCredentials},
		"another key":                  {[]*x509.Certificate{good}, identitytest.Key(t), []*x509.Certificate{pair.Root}, identity.ErrCredentials},
		"another root":                 {[]*x509.Certificate{good}, key, []*x509.Certificate{other.Root}, identity.ErrUnknownAuthority},
		"a host that can't be dialled": {[]*x509.Certificate{pair.Member(hostA, key, onlyDials)}, key, []*x509.Certificate{pair.Root}, identity.ErrUsage},
	} {
		if got, err := identity.NewCredentials(c.shown, c.key, c.roots); !errors.Is(err, identity.ErrCredentials) || !errors.Is(err, c.is) || got != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	old := pair.Credentials(hostA, identitytest.Between(time.Now().AddDate(-1, 0, 0), time.Now().Add(-25*time.Hour)))
	if s := identity.StateOf(old, time.Time{}, time.Now()); s.DaysLeft != -2 || !s.Expired {
		t.Errorf("an expired certificate: %+v", s)
	}
}
