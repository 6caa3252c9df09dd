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

// Life is for how long a member's certificate is issued. RenewAfter says when it is renewed.
func Life(role identity.Role) time.Duration {
	if role == identity.RoleTerminal {
		return 90 * day
	}
	return 30 * day
}

// RenewAfter is when a certificate is to be renewed: when two thirds of its time have passed.
func RenewAfter(p identity.Peer) time.Time {
	return p.NotBefore.Add(p.NotAfter.Sub(p.NotBefore) / 3 * 2)
}

// Issuer is an issuing key of a pair, which the root has signed.
type Issuer struct{ holder }

// Open reads a sealed issuing key. That it is of the root which members trust its caller looks up in Root: whoever can write the file, and knows for whom
// to seal, could put another authority there. The error is ErrNone, ErrWrongSeal or ErrDamaged, or says why the file can't be read.
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

// Unseal reads what Seal gave.
func Unseal(raw []byte, seal *Seal) (*Issuer, error) {
	if len(raw) > maxFile {
		return nil, damaged(fmt.Sprintf("it has more than %d bytes", maxFile))
	}
	h, err := decode(raw, kindIssuing, seal.identify)
	if err != nil {
		return nil, err
	}
	if len(h.chain) != 2 {
		return nil, damaged("an issuing key has its certificate and that of the root")
	}
	return &Issuer{h}, nil
}

// Seal gives the issuing key in a form that only these can open: for a disk, and for the way to the other host.
func (i *Issuer) Seal(recipients ...Recipient) ([]byte, error) {
	if len(recipients) == 0 {
		return nil, fmt.Errorf("%w: an issuing key is sealed for nobody", ErrRequest)
	}
	var list []age.Recipient
	for _, r := range recipients {
		to, err := age.ParseX25519Recipient(string(r))
		if err != nil {
			return nil, fmt.Errorf("%w: %.100q is nobody to seal for: give the public key of a key file (age1…)", ErrRequest, string(r))
		}
		list = append(list, to)
	}
	return i.encode(kindIssuing, byKeyFile, list...)
}

// Write writes it to a file, sealed, and replaces what was there.
func (i *Issuer) Write(path string, recipients ...Recipient) error {
	raw, err := i.Seal(recipients...)
	if err != nil {
		return err
	}
	return durable.Write(path, raw)
}

// Pair is the pair's id.
func (i *Issuer) Pair() string { return i.pair }

// Root is what every member trusts.
func (i *Issuer) Root() *x509.Certificate { return i.chain[1] }

// NotAfter is when the issuing key ends; some time before, the root signs another one.
func (i *Issuer) NotAfter() time.Time { return i.chain[0].NotAfter }

// Issue gives a member a certificate for its key, with the issuing key's behind it. The name is who the caller knows the asker to be. It holds from
// some hours ago for a time, and not longer than the issuing key. The error is ErrRequest or ErrClock.
//
// Whoever asks sees to it that the clock is not in doubt: what is issued by a clock that is years behind has ended when it is put right.
func (i *Issuer) Issue(public crypto.PublicKey, name identity.Name, life time.Duration, now time.Time) ([]*x509.Certificate, error) {
	issuing := i.chain[0]
	switch err := name.Check(); {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrRequest, err)
	case name.Pair != i.pair:
		return nil, fmt.Errorf("%w: %s is of another pair than this authority, %q", ErrRequest, name, i.pair)
	case life <= 0:
		return nil, fmt.Errorf("%w: a life of %v", ErrRequest, life)
	case now.Before(issuing.NotBefore) || now.After(issuing.NotAfter):
		return nil, fmt.Errorf("%w: it holds from %s to %s, and the clock says %s: is that right? Else have the root sign a new issuing key", ErrClock,
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
	if name.Role == identity.RoleHost { // who dials; agents and the witness only listen
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

// IssueRequest is Issue for a request (PKCS #10), which proves that who made it has the key. A name in it must be the one that is issued; all else
// that it asks for is passed over.
func (i *Issuer) IssueRequest(request []byte, name identity.Name, life time.Duration, now time.Time) ([]*x509.Certificate, error) {
	if len(request) > maxFile {
		return nil, fmt.Errorf("%w: a request of %d bytes", ErrRequest, len(request))
	}
	r, err := x509.ParseCertificateRequest(request)
	if err != nil {
		return nil, fmt.Errorf("%w: the request can't be read: %w", ErrRequest, err)
	}
	if err := identity.CheckKey(r.PublicKey); err != nil { // before its signature: some keys cost much
		return nil, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	if err := r.CheckSignature(); err != nil {
		return nil, fmt.Errorf("%w: the request is not signed with its key", ErrRequest)
	}
	for _, u := range r.URIs {
		if u.String() != name.String() {
			return nil, fmt.Errorf("%w: the request is for %.200q, and %s asks", ErrRequest, u.String(), name)
		}
	}
	return i.Issue(r.PublicKey, name, life, now)
}

// Credentials issues a certificate for an own key, and puts it together with the root.
func (i *Issuer) Credentials(key crypto.Signer, name identity.Name, life time.Duration, now time.Time) (*identity.Credentials, error) {
	chain, err := i.Issue(key.Public(), name, life, now)
	if err != nil {
		return nil, err
	}
	return identity.NewCredentials(chain, key, []*x509.Certificate{i.Root()})
}

// SignedBy holds that a chain, a member's certificate first, leads to this root by signatures alone: it lets nobody in, for which there is
// identity.Policy. The error is ErrForeign.
func SignedBy(root *x509.Certificate, chain ...*x509.Certificate) error {
	if len(chain) == 0 {
		return fmt.Errorf("%w: no certificate", ErrForeign)
	}
	if last := chain[len(chain)-1]; !bytes.Equal(last.Raw, root.Raw) {
		chain = append(chain[:len(chain):len(chain)], root)
	}
	return signedBy(chain)
}

// signedBy holds that each is signed by the next, and the last by itself.
func signedBy(chain []*x509.Certificate) error {
	for n, c := range chain {
		by := chain[min(n+1, len(chain)-1)]
		if err := c.CheckSignatureFrom(by); err != nil {
			return fmt.Errorf("%w: %.100q has not signed the certificate of %.100q", ErrForeign, by.Subject.String(), c.Subject.String())
		}
	}
	return nil
}

// EncodeCertificates writes certificates in PEM, as the files of HOTPAIR_TLS_CERT and HOTPAIR_TLS_CA have them.
func EncodeCertificates(list ...*x509.Certificate) []byte {
	var text []byte
	for _, c := range list {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return text
}

// EncodeKey writes a private key in PEM, as the file of HOTPAIR_TLS_KEY has it.
func EncodeKey(key crypto.Signer) ([]byte, error) {
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}), nil
}
