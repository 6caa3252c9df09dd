package authority

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"time"

	"filippo.io/age"

	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/sealing"
)

const (
	// rootYears and issuingYears are the lives of an authority's certificates: longer than that of the machines,
	// because nothing renews them. To end one earlier, make a new root.
	rootYears, issuingYears = 20, 10
	// skew is how far before now certificates begin: clocks of members differ, and time zones may be wrong.
	skew = 12 * time.Hour
)

// Root is the root of a pair, with its key.
type Root struct{ holder }

// New makes the root of a pair, in memory: Create writes it.
func New(pair string, now time.Time) (*Root, error) {
	if err := identity.Witness(pair).Check(); err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template, err := authorityOf(pair, "root", now, rootYears)
	if err != nil {
		return nil, err
	}
	template.MaxPathLen = 1 // it signs an issuing key, which can't sign another authority
	certificate, err := sign(template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return &Root{holder{pair, []*x509.Certificate{certificate}, key}}, nil
}

// authorityOf is the common part of root and issuing key. Neither can name a member of another pair.
func authorityOf(pair, what string, now time.Time, years int) (*x509.Certificate, error) {
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	begins := now.Add(-skew).UTC().Truncate(time.Second)
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "hotpair " + what + " of " + pair},
		NotBefore: begins, NotAfter: begins.AddDate(years, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		PermittedURIDomains: []string{pair}, PermittedDNSDomainsCritical: true,
	}, nil
}

func newSerial() (*big.Int, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	return serial.Add(serial, big.NewInt(1)), nil
}

func sign(template, issuer *x509.Certificate, public, key any) (*x509.Certificate, error) {
	raw, err := x509.CreateCertificate(rand.Reader, template, issuer, public, key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(raw)
}

// Pair is the pair's id.
func (r *Root) Pair() string { return r.pair }

// Certificate is the certificate that every member trusts.
func (r *Root) Certificate() *x509.Certificate { return r.chain[0] }

// Create writes the root with its key to a new file, with a passphrase unless that is empty.
func (r *Root) Create(path, words string) error { return r.create(path, words, sealing.Work) }

func (r *Root) create(path, words string, work int) error {
	raw, err := r.protected(words, work)
	if err != nil {
		return err
	}
	if err := create(path, raw); err != nil {
		return fmt.Errorf("%s: %w", kindRoot, err)
	}
	return nil
}

// Encode returns the content that Create writes.
func (r *Root) Encode(words string) ([]byte, error) { return r.protected(words, sealing.Work) }

func (r *Root) protected(words string, work int) ([]byte, error) {
	by, recipients := byNothing, []age.Recipient(nil)
	if words != "" {
		recipient, err := sealing.To(words, work)
		if err != nil {
			return nil, err
		}
		by, recipients = byPassphrase, []age.Recipient{recipient}
	}
	return r.encode(kindRoot, by, recipients...)
}

// OpenRoot reads the result of Create. The error is ErrNone, ErrPassphrase or ErrDamaged, or says why the file is
// unreadable.
func OpenRoot(path, words string) (*Root, error) {
	raw, err := read(path, string(kindRoot))
	if err != nil {
		return nil, err
	}
	r, err := parseRoot(raw, words)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

func parseRoot(raw []byte, words string) (*Root, error) {
	h, err := decode(raw, kindRoot, passphrase(words))
	if err != nil {
		return nil, err
	}
	if len(h.chain) != 1 {
		return nil, damaged("a root key comes with one certificate")
	}
	return &Root{h}, nil
}

// Rotate makes a new issuing key and signs it: the first one, or another one after the seals were lost. Earlier ones
// remain valid; if one was stolen, the pair needs a new root.
func (r *Root) Rotate(now time.Time) (*Issuer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template, err := authorityOf(r.pair, "issuing key", now, issuingYears)
	if err != nil {
		return nil, err
	}
	template.MaxPathLenZero = true
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	// No web sites and no mail, even if the root was added to a browser. No names exist below "invalid".
	nowhere := []string{"hotpair.invalid"}
	template.PermittedDNSDomains, template.PermittedEmailAddresses = nowhere, nowhere
	template.ExcludedIPRanges = []*net.IPNet{{IP: make(net.IP, 4), Mask: make(net.IPMask, 4)}, {IP: make(net.IP, 16), Mask: make(net.IPMask, 16)}}
	certificate, err := sign(template, r.Certificate(), key.Public(), r.key)
	if err != nil {
		return nil, err
	}
	return &Issuer{holder{r.pair, []*x509.Certificate{certificate, r.Certificate()}, key}}, nil
}
