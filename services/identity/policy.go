package identity

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Grace is how long after its validity the certificate of a terminal is accepted. A terminal may be stored for a
// season; it is still checked by its name, which must be listed.
const Grace = 90 * 24 * time.Hour

// maxChain bounds the certificates that a peer may present: its own, and those between it and the root.
const maxChain = 5

// Expected says which members are accepted. The zero Expected accepts none.
type Expected struct {
	pair string
	what string
	fits func(Name) bool
}

// Exactly accepts one of these names, all of one pair.
func Exactly(names ...Name) Expected {
	if len(names) == 0 {
		return Expected{}
	}
	texts := make([]string, len(names))
	for i, n := range names {
		texts[i] = n.String()
	}
	return Expected{names[0].Pair, strings.Join(texts, " or "), func(n Name) bool { return slices.Contains(names, n) }}
}

// Matching accepts members of the pair for which fits is true; what describes them in a sentence: "a listed
// terminal". fits must not block.
func Matching(pair, what string, fits func(Name) bool) Expected { return Expected{pair, what, fits} }

// Any accepts every member of the pair.
func Any(pair string, role Role) Expected {
	return Matching(pair, "a "+string(role), func(n Name) bool { return n.Role == role })
}

// String describes them for a sentence.
func (e Expected) String() string {
	if e.fits == nil {
		return "nobody"
	}
	return e.what
}

// Clock is the wall clock that certificates are compared with.
type Clock struct {
	// Now is time.Now if nil.
	Now func() time.Time
	// InDoubt reports that the clock may be wrong: then validity refuses no peer. nil means never. It must not block.
	InDoubt func() bool
}

func (c Clock) now() time.Time {
	if c.Now == nil {
		return time.Now()
	}
	return c.Now()
}

// Policy decides whether a peer is let in, by chain, name, use and withdrawal. Validity decides about terminals only,
// with Grace before and after: an expired host or witness is let in with Peer.Expired, which raises an alarm.
// Otherwise expiry would stop the pair, and a jump of the clock would stop both hosts at once.
type Policy struct {
	Expect Expected
	// Withdrawn reports that a certificate was withdrawn; nil means none. It must not block.
	Withdrawn func(Peer) bool
	// Admit makes the final check; its error says why a peer is refused. nil accepts all. It must not block.
	Admit func(Peer) error
	Clock Clock
	// Unproved accepts any peer, with any certificate or none, as the zero Peer: it is authenticated in another way,
	// over the connection's keying material. The fields above do not count then.
	Unproved bool
	// Verdict is called with each decision, in the goroutine of the handshake; may be nil. Whether a peer has the key
	// of its certificate is known only after the handshake.
	Verdict func(Peer, error)
}

// Side is which end of a connection a peer is.
type Side int

// The sides.
const (
	// Listening is the end that was dialled.
	Listening Side = iota
	// Dialling is the end that dialled.
	Dialling
)

func (s Side) usage() x509.ExtKeyUsage {
	if s == Dialling {
		return x509.ExtKeyUsageClientAuth
	}
	return x509.ExtKeyUsageServerAuth
}

func (s Side) String() string {
	if s == Dialling {
		return "TLS client authentication"
	}
	return "TLS server authentication"
}

// Judge decides about the certificates that a peer presented, its own first. peer is the peer's end. It is pure
// except for the policy's functions.
func (p Policy) Judge(shown []*x509.Certificate, roots []*x509.Certificate, peer Side) (Peer, error) {
	found, err := p.judge(shown, roots, peer)
	if p.Verdict != nil {
		p.Verdict(found, err)
	}
	return found, err
}

func (p Policy) judge(shown []*x509.Certificate, roots []*x509.Certificate, peer Side) (Peer, error) {
	if p.Unproved {
		return Peer{}, nil
	}
	if len(shown) == 0 {
		return Peer{}, fmt.Errorf("%w: expected %s, but it presented no certificate", ErrNoCertificate, p.Expect)
	}
	leaf := shown[0]
	name, err := Of(leaf)
	if err != nil {
		return Peer{}, fmt.Errorf("expected %s: %w", p.Expect, err)
	}
	// The claimed name is not authenticated yet. It only makes the message better.
	if name.Pair != p.Expect.pair {
		return Peer{}, fmt.Errorf("%w: expected %s of pair %q, got %s of pair %q", ErrWrongPair, p.Expect, p.Expect.pair, name, name.Pair)
	}
	from, until, err := chain(shown, roots, peer)
	if err != nil {
		return Peer{}, fmt.Errorf("expected %s, got a certificate that claims to be %s: %w", p.Expect, name, err)
	}
	found := Peer{Name: name, Fingerprint: FingerprintOf(leaf), NotBefore: from, NotAfter: until}
	return p.name(found)
}

// Still decides whether a peer that was let in would be let in again, except for its chain, which Believed checks. It
// is called when withdrawals or lists have changed. The error is Judge's.
func (p Policy) Still(found Peer) error {
	if p.Unproved {
		return nil
	}
	_, err := p.name(found)
	return err
}

// Believed checks again the chain of a peer that was let in, its own certificate first: it is called when the roots
// have changed since. The error is Judge's.
func (p Policy) Believed(shown, roots []*x509.Certificate, peer Side) error {
	if p.Unproved {
		return nil
	}
	_, _, err := chain(shown, roots, peer)
	return err
}

// name checks a peer with a valid chain.
func (p Policy) name(found Peer) (Peer, error) {
	name := found.Name
	if p.Expect.fits == nil || !p.Expect.fits(name) {
		return Peer{}, fmt.Errorf("%w: expected %s, got %s", ErrWrongName, p.Expect, name)
	}
	if p.Withdrawn != nil && p.Withdrawn(found) {
		return Peer{}, fmt.Errorf("%w: the certificate of %s with key %s was withdrawn", ErrWithdrawn, name, found.Fingerprint)
	}
	if p.Admit != nil {
		if err := p.Admit(found); err != nil {
			return Peer{}, fmt.Errorf("%w: %s, with the key %s: %w", ErrNotAdmitted, name, found.Fingerprint, err)
		}
	}
	found.Expired = p.Expired(found)
	now := p.Clock.now()
	if name.Role == RoleTerminal && outOfTime(now, found.NotBefore, found.NotAfter, Grace) && !(p.Clock.InDoubt != nil && p.Clock.InDoubt()) {
		return Peer{}, fmt.Errorf("%w: the certificate of %s is valid from %s to %s, with %d days of grace, but the clock here says %s",
			ErrExpired, name, stamp(found.NotBefore), stamp(found.NotAfter), int(Grace.Hours()/24), stamp(now))
	}
	return found, nil
}

// Expired reports whether a peer is not valid now by this process's clock, which decides nothing.
func (p Policy) Expired(found Peer) bool {
	return outOfTime(p.Clock.now(), found.NotBefore, found.NotAfter, 0)
}

func outOfTime(now, from, until time.Time, grace time.Duration) bool {
	return now.Before(from.Add(-grace)) || now.After(until.Add(grace))
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// chain verifies everything except names and validity, and returns the validity of the best chain.
func chain(shown, roots []*x509.Certificate, peer Side) (from, until time.Time, err error) {
	leaf := shown[0]
	switch {
	case len(shown) > maxChain:
		return from, until, fmt.Errorf("%w: it presented %d certificates, at most %d allowed", ErrUsage, len(shown), maxChain)
	case leaf.IsCA:
		return from, until, fmt.Errorf("%w: it is the certificate of an authority, not of a member", ErrUsage)
	case leaf.KeyUsage != 0 && leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return from, until, fmt.Errorf("%w: the key may not sign (key usage)", ErrUsage)
	case !slices.Contains(leaf.ExtKeyUsage, peer.usage()) && !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageAny):
		return from, until, fmt.Errorf("%w: it is not for %s (extended key usage)", ErrUsage, peer)
	}
	if err := CheckKey(leaf.PublicKey); err != nil {
		return from, until, err
	}
	options := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), KeyUsages: []x509.ExtKeyUsage{peer.usage()}, CurrentTime: always}
	for _, c := range roots {
		options.Roots.AddCert(timeless(c))
	}
	for _, c := range shown[1:] {
		options.Intermediates.AddCert(timeless(c))
	}
	chains, err := timeless(leaf).Verify(options)
	if err != nil {
		return from, until, unverified(err, leaf, len(roots))
	}
	times := map[string]*x509.Certificate{}
	for _, c := range slices.Concat(shown, roots) {
		times[string(c.Raw)] = c
	}
	for _, c := range chains {
		since, to := leaf.NotBefore, leaf.NotAfter
		for _, link := range c {
			link = times[string(link.Raw)]
			if link.NotBefore.After(since) {
				since = link.NotBefore
			}
			if link.NotAfter.Before(to) {
				to = link.NotAfter
			}
		}
		if until.IsZero() || to.After(until) {
			from, until = since, to
		}
	}
	return from, until, nil
}

// always is within the time of every timeless certificate.
var always = time.Unix(0, 0)

// timeless is a certificate that never begins and never ends. x509 compares the times of the struct and the signature of the raw bytes, so
// this takes the clock, and only that, out of its verification: Policy has its own rule.
func timeless(c *x509.Certificate) *x509.Certificate {
	copied := *c
	copied.NotBefore, copied.NotAfter = always.Add(-1), always.Add(1)
	return &copied
}

func unverified(err error, leaf *x509.Certificate, roots int) error {
	switch err := err.(type) {
	case x509.UnknownAuthorityError:
		return fmt.Errorf("%w: it was issued by %.100q, which none of the %d roots here has signed: is it of another authority, or is a root missing here?",
			ErrUnknownAuthority, leaf.Issuer.String(), roots)
	case x509.CertificateInvalidError:
		if err.Reason == x509.IncompatibleUsage {
			return fmt.Errorf("%w: its authority may not issue certificates for that use: %w", ErrUsage, err)
		}
	}
	return fmt.Errorf("%w: %w", ErrUnknownAuthority, err)
}

// CheckKey refuses keys other than ECDSA P-256 and Ed25519: two kinds are cheap to verify and enough for
// compatibility. The error is ErrKey.
func CheckKey(key crypto.PublicKey) error {
	kind := fmt.Sprintf("%T", key)
	switch key := key.(type) {
	case ed25519.PublicKey:
		return nil
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P256() {
			return nil
		}
		kind = "ECDSA " + key.Curve.Params().Name
	case *rsa.PublicKey:
		kind = fmt.Sprintf("RSA of %d bits", key.Size()*8)
	}
	return fmt.Errorf("%w: %s; only ECDSA P-256 and Ed25519 are supported", ErrKey, kind)
}
