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

// Grace is for how long after its time the certificate of a terminal is taken. A terminal may stand in a cupboard for a season; it is
// listed, or it would be refused by its name.
const Grace = 90 * 24 * time.Hour

// maxChain bounds the certificates that a peer may show: its own, and those between it and the root.
const maxChain = 5

// Expected says who may be at the other end. The zero Expected is nobody.
type Expected struct {
	pair string
	what string
	fits func(Name) bool
}

// Exactly expects one of these names, all of one pair.
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

// Matching expects a member of the pair that fits; what says in a sentence who that is: "a listed terminal". fits must not block.
func Matching(pair, what string, fits func(Name) bool) Expected { return Expected{pair, what, fits} }

// Any expects whoever has a role in the pair.
func Any(pair string, role Role) Expected {
	return Matching(pair, "a "+string(role), func(n Name) bool { return n.Role == role })
}

// String is how sentences say it.
func (e Expected) String() string {
	if e.fits == nil {
		return "nobody"
	}
	return e.what
}

// Clock is the wall clock that certificates are compared with.
type Clock struct {
	// Now is time.Now when nil.
	Now func() time.Time
	// InDoubt says that the clock may be wrong: then no time refuses anybody. nil is never. It must not block.
	InDoubt func() bool
}

func (c Clock) now() time.Time {
	if c.Now == nil {
		return time.Now()
	}
	return c.Now()
}

// Policy decides whether a peer is let in. Chain, name, use and withdrawal decide. Time decides about terminals only, with Grace before
// and after: an expired host or witness is let in and is Peer.Expired, for which somebody raises an alarm. It would stop the pair else,
// and a clock that has jumped would stop both hosts at once.
type Policy struct {
	Expect Expected
	// Withdrawn says that a certificate is worth nothing any more; nil is none. It must not block.
	Withdrawn func(Peer) bool
	// Admit has the last word; its error says why not. nil is everybody who got so far. It must not block.
	Admit func(Peer) error
	Clock Clock
	// Unproved lets in whoever comes, with any certificate or none, as the zero Peer: something else proves who that is, over the
	// connection's keying material. Everything above does not count then.
	Unproved bool
	// Verdict is told what was decided, in the goroutine of the handshake; may be nil. That a peer has the key of its certificate is
	// known only when the handshake is over.
	Verdict func(Peer, error)
}

// Side is which end of a connection a peer is.
type Side int

// The sides.
const (
	// Listening is who was dialled.
	Listening Side = iota
	// Dialling is who dialled.
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

// Judge decides about the certificates that a peer has shown, its own first. peer is which end it is. It is pure but for what the
// policy's functions do.
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
		return Peer{}, fmt.Errorf("%w: expected %s, and it showed no certificate", ErrNoCertificate, p.Expect)
	}
	leaf := shown[0]
	name, err := Of(leaf)
	if err != nil {
		return Peer{}, fmt.Errorf("expected %s: %w", p.Expect, err)
	}
	// What it calls itself is not proved yet. It only makes a better sentence.
	if name.Pair != p.Expect.pair {
		return Peer{}, fmt.Errorf("%w: expected %s of pair %q, and %s came, which is of pair %q", ErrWrongPair, p.Expect, p.Expect.pair, name, name.Pair)
	}
	from, until, err := chain(shown, roots, peer)
	if err != nil {
		return Peer{}, fmt.Errorf("expected %s, and came what calls itself %s: %w", p.Expect, name, err)
	}
	found := Peer{Name: name, Fingerprint: FingerprintOf(leaf), NotBefore: from, NotAfter: until}
	return p.name(found)
}

// Still decides about a peer that was let in and proved: whether it would be let in again, but for its chain, about which Believed decides. It
// is asked when withdrawals or lists have changed. The error is Judge's.
func (p Policy) Still(found Peer) error {
	if p.Unproved {
		return nil
	}
	_, err := p.name(found)
	return err
}

// Believed decides again about the chain of a peer that was let in, its own certificate first: it is asked when other roots are believed than
// then. The error is Judge's.
func (p Policy) Believed(shown, roots []*x509.Certificate, peer Side) error {
	if p.Unproved {
		return nil
	}
	_, _, err := chain(shown, roots, peer)
	return err
}

// name decides about one whose chain is well.
func (p Policy) name(found Peer) (Peer, error) {
	name := found.Name
	if p.Expect.fits == nil || !p.Expect.fits(name) {
		return Peer{}, fmt.Errorf("%w: expected %s, and %s came", ErrWrongName, p.Expect, name)
	}
	if p.Withdrawn != nil && p.Withdrawn(found) {
		return Peer{}, fmt.Errorf("%w: that of %s, with the key %s, is on the list of those that were withdrawn", ErrWithdrawn, name, found.Fingerprint)
	}
	if p.Admit != nil {
		if err := p.Admit(found); err != nil {
			return Peer{}, fmt.Errorf("%w: %s, with the key %s: %w", ErrNotAdmitted, name, found.Fingerprint, err)
		}
	}
	found.Expired = p.Expired(found)
	now := p.Clock.now()
	if name.Role == RoleTerminal && outOfTime(now, found.NotBefore, found.NotAfter, Grace) && !(p.Clock.InDoubt != nil && p.Clock.InDoubt()) {
		return Peer{}, fmt.Errorf("%w: that of %s holds from %s to %s, with %d days of grace, and the clock here says %s",
			ErrExpired, name, stamp(found.NotBefore), stamp(found.NotAfter), int(Grace.Hours()/24), stamp(now))
	}
	return found, nil
}

// Expired reports whether a peer is out of its time by the own clock now, which decides nothing.
func (p Policy) Expired(found Peer) bool {
	return outOfTime(p.Clock.now(), found.NotBefore, found.NotAfter, 0)
}

func outOfTime(now, from, until time.Time, grace time.Duration) bool {
	return now.Before(from.Add(-grace)) || now.After(until.Add(grace))
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// chain verifies all but names and time, and gives the time in which the best chain holds.
func chain(shown, roots []*x509.Certificate, peer Side) (from, until time.Time, err error) {
	leaf := shown[0]
	switch {
	case len(shown) > maxChain:
		return from, until, fmt.Errorf("%w: it showed %d certificates, and %d are the most", ErrUsage, len(shown), maxChain)
	case leaf.IsCA:
		return from, until, fmt.Errorf("%w: the certificate is of an authority, not of a member", ErrUsage)
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
		return fmt.Errorf("%w: it was issued by %.100q, which none of the %d roots here has signed: is it of another authority, or a root missing here?",
			ErrUnknownAuthority, leaf.Issuer.String(), roots)
	case x509.CertificateInvalidError:
		if err.Reason == x509.IncompatibleUsage {
			return fmt.Errorf("%w: its authority may not give that use: %w", ErrUsage, err)
		}
	}
	return fmt.Errorf("%w: %w", ErrUnknownAuthority, err)
}

// CheckKey refuses what is neither ECDSA P-256 nor Ed25519: two kinds that cost little to prove, and one way to be compatible. The error is
// ErrKey.
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
	return fmt.Errorf("%w: %s, and only ECDSA P-256 or Ed25519 will do", ErrKey, kind)
}
