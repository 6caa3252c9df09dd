package authority

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/url"
	"time"

	"filippo.io/age"

	"github.com/hotpair/hotpair/services/durable"
	"github.com/hotpair/hotpair/services/identity"
)

const day = 24 * time.Hour

// Life is how long a member's certificate is valid. RenewAfter says when it is renewed.
func Life(role identity.Role) time.Duration {
	if role == identity.RoleTerminal {
		return 90 * day
	}
	return 30 * day
}

// RenewAfter is when a certificate is due for renewal: when two thirds of its life have passed.
func RenewAfter(p identity.Peer) time.Time {
	return p.NotBefore.Add(p.NotAfter.Sub(p.NotBefore) / 3 * 2)
}

// Issuer is an issuing key of a pair, which the root has signed.
type Issuer struct{ holder }

// Open reads a sealed issuing key. The caller has to check with Root that it belongs to the root that members trust:
// a writer of the file who knows the recipient of the seal could replace the authority. The error is ErrNone,
// ErrWrongSeal or ErrDamaged, or says why the file is unreadable.
func Open(path string, seal *Seal) (*Issuer, error) {
	raw, err := read(path, string(kindIssuing))
	if err != nil {
		return nil, err
	}
	i, err := Unseal(raw, seal)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return i, nil
}

// Unseal reads the result of Seal.
func Unseal(raw []byte, seal *Seal) (*Issuer, error) {
	if len(raw) > maxFile {
		return nil, damaged(fmt.Sprintf("it is larger than %d bytes", maxFile))
	}
	h, err := decode(raw, kindIssuing, seal.identify)
	if err != nil {
		return nil, err
	}
	if len(h.chain) != 2 {
		return nil, damaged("an issuing key comes with two certificates, its own and the root's")
	}
	return &Issuer{h}, nil
}

// Seal encrypts the issuing key for these recipients: for a disk, and for the transfer to the other host.
func (i *Issuer) Seal(recipients ...Recipient) ([]byte, error) {
	if len(recipients) == 0 {
		return nil, fmt.Errorf("%w: no recipient to seal the issuing key for", ErrRequest)
	}
	var list []age.Recipient
	for _, r := range recipients {
		to, err := age.ParseX25519Recipient(string(r))
		if err != nil {
			return nil, fmt.Errorf("%w: %.100q is not a recipient: give the public key of a key file (age1…)", ErrRequest, string(r))
		}
		list = append(list, to)
	}
	return i.encode(kindIssuing, byKeyFile, list...)
}

// Write writes it to a file, sealed, and replaces an existing one.
func (i *Issuer) Write(path string, recipients ...Recipient) error {
	raw, err := i.Seal(recipients...)
	if err != nil {
		return err
	}
	return durable.Write(path, raw)
}

// Pair is the pair's id.
func (i *Issuer) Pair() string { return i.pair }

// Root is the root that every member trusts.
func (i *Issuer) Root() *x509.Certificate { return i.chain[1] }

// NotAfter is when the issuing key expires; some time before, the root signs another one.
func (i *Issuer) NotAfter() time.Time { return i.chain[0].NotAfter }

// Issue returns a certificate for a member's key, followed by that of the issuing key. The caller has authenticated
// the name. It is valid from some hours ago for life, but not longer than the issuing key. The error is ErrRequest or
// ErrClock.
//
// The caller has to make sure that the clock is not in doubt: a certificate issued by a clock that is years behind
// has expired once the clock is corrected.
func (i *Issuer) Issue(public crypto.PublicKey, name identity.Name, life time.Duration, now time.Time) ([]*x509.Certificate, error) {
	issuing := i.chain[0]
	switch err := name.Check(); {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrRequest, err)
	case name.Pair != i.pair:
		return nil, fmt.Errorf("%w: %s is of another pair than this authority, %q", ErrRequest, name, i.pair)
	case life <= 0:
		return nil, fmt.Errorf("%w: its validity is %v", ErrRequest, life)
	case now.Before(issuing.NotBefore) || now.After(issuing.NotAfter):
		return nil, fmt.Errorf("%w: it is valid from %s to %s, but the clock says %s: is that right? If so, have the root sign a new issuing key (hotpair authority rotate)", ErrClock,
			issuing.NotBefore.Format(time.DateOnly), issuing.NotAfter.Format(time.DateOnly), now.UTC().Format(time.DateOnly))
	}
	if err := identity.CheckKey(public); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, URIs: []*url.URL{name.URL()},
		NotBefore: now.Add(-skew).UTC().Truncate(time.Second), NotAfter: now.Add(life).UTC().Truncate(time.Second),
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if name.Role == identity.RoleHost { // hosts dial; agents and the witness only listen
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	}
	if template.NotAfter.After(issuing.NotAfter) {
		template.NotAfter = issuing.NotAfter
	}
	leaf, err := sign(template, issuing, public, i.key)
	if err != nil {
		return nil, err
	}
	return []*x509.Certificate{leaf, issuing}, nil
}

// IssueRequest is Issue for a request (PKCS #10), which proves that its maker has the key. A name in it must be the
// issued one; everything else in it is ignored.
func (i *Issuer) IssueRequest(request []byte, name identity.Name, life time.Duration, now time.Time) ([]*x509.Certificate, error) {
	if len(request) > maxFile {
		return nil, fmt.Errorf("%w: the request has %d bytes", ErrRequest, len(request))
	}
	r, err := x509.ParseCertificateRequest(request)
	if err != nil {
		return nil, fmt.Errorf("%w: the request can't be read: %w", ErrRequest, err)
	}
	if err := identity.CheckKey(r.PublicKey); err != nil { // before its signature: some keys are expensive to check
		return nil, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	if err := r.CheckSignature(); err != nil {
		return nil, fmt.Errorf("%w: the request is not signed with its key", ErrRequest)
	}
	for _, u := range r.URIs {
		if u.String() != name.String() {
			return nil, fmt.Errorf("%w: the request is for %.200q, but comes from %s", ErrRequest, u.String(), name)
		}
	}
	return i.Issue(r.PublicKey, name, life, now)
}

// Credentials issues a certificate for a process's own key, and combines it with the root.
func (i *Issuer) Credentials(key crypto.Signer, name identity.Name, life time.Duration, now time.Time) (*identity.Credentials, error) {
	chain, err := i.Issue(key.Public(), name, life, now)
	if err != nil {
		return nil, err
	}
	return identity.NewCredentials(chain, key, []*x509.Certificate{i.Root()})
}

// SignedBy checks that a chain, a member's certificate first, leads to this root by signatures alone. It does not
// authenticate a peer: identity.Policy does. The error is ErrForeign.
func SignedBy(root *x509.Certificate, chain ...*x509.Certificate) error {
	if len(chain) == 0 {
		return fmt.Errorf("%w: no certificate", ErrForeign)
	}
	if last := chain[len(chain)-1]; !bytes.Equal(last.Raw, root.Raw) {
		chain = append(chain[:len(chain):len(chain)], root)
	}
	return signedBy(chain)
}

// signedBy checks that each certificate is signed by the next, and the last by itself.
func signedBy(chain []*x509.Certificate) error {
	for n, c := range chain {
		by := chain[min(n+1, len(chain)-1)]
		if err := c.CheckSignatureFrom(by); err != nil {
			return fmt.Errorf("%w: %.100q did not sign the certificate of %.100q", ErrForeign, by.Subject.String(), c.Subject.String())
		}
	}
	return nil
}

// EncodeCertificates encodes certificates in PEM, for the files of HOTPAIR_TLS_CERT and HOTPAIR_TLS_CA.
func EncodeCertificates(list ...*x509.Certificate) []byte {
	var text []byte
	for _, c := range list {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return text
}

// EncodeKey encodes a private key in PEM, for the file of HOTPAIR_TLS_KEY.
func EncodeKey(key crypto.Signer) ([]byte, error) {
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}), nil
}
