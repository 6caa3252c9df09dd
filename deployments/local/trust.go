package local

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/hotpair/hotpair/services/authority"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/durable"
	"github.com/hotpair/hotpair/services/identity"
)

const (
	// rootFile is the root of the cluster's own authority, with its key: a pair that is not on one machine keeps that away from its hosts.
	rootFile = "root.key"
	// certificatesFolder has the certificate of each host and of the witness.
	certificatesFolder = "certificates"
	// life of a certificate: a directory may be continued after a year, and nobody renews here.
	life = 5 * 365 * 24 * time.Hour
)

// trust is the cluster's own authority, made with its directory and kept there.
type trust struct {
	dir    string
	issuer *authority.Issuer
}

// openTrust opens the authority of a cluster's directory, and makes it where there is none.
func openTrust(dir string) (*trust, error) {
	now, path := time.Now(), filepath.Join(dir, rootFile)
	root, err := authority.OpenRoot(path, "")
	if errors.Is(err, authority.ErrNone) {
		if root, err = authority.New(identity.NewPair(), now); err == nil {
			err = root.Create(path, "")
		}
	}
	if err != nil {
		return nil, fmt.Errorf("authority of the cluster: %w", err)
	}
	issuer, err := root.Rotate(now)
	if err != nil {
		return nil, fmt.Errorf("authority of the cluster: %w", err)
	}
	return &trust{dir, issuer}, nil
}

// NewRoot puts a root into the directory of a cluster that is to come, which takes it for its own, and gives what issues certificates to its
// terminals, for who runs them elsewhere.
func NewRoot(dir string) (*authority.Issuer, error) {
	if err := durable.MakeDir(dir); err != nil {
		return nil, fmt.Errorf("directory: %w", err)
	}
	t, err := openTrust(dir)
	if err != nil {
		return nil, err
	}
	return t.issuer, nil
}

// host and witness give who has a certificate.
func (t *trust) host(id string) identity.Name { return identity.Host(t.issuer.Pair(), id) }

func (t *trust) witness() identity.Name { return identity.Witness(t.issuer.Pair()) }

// files give a host or the witness the files that prove it. Those of an earlier start stay: the witness knows hosts by their keys.
func (t *trust) files(node string, name identity.Name) (config.TLS, error) {
	dir := filepath.Join(t.dir, certificatesFolder, node)
	paths := authority.Paths(dir)
	had := identity.NewFiles(paths, nil, nil)
	if err := had.Load(); err != nil || had.State().Name != name.String() {
		if paths, err = t.issuer.Equip(dir, name, life, time.Now()); err != nil {
			return config.TLS{}, fmt.Errorf("certificate of %s: %w", node, err)
		}
	}
	return config.TLS{TLSCert: paths.Certificate, TLSKey: paths.Key, TLSCa: paths.Roots}, nil
}

// agent makes what the agent of a terminal proves itself with, new at each start and in no file: hosts know terminals by their names.
func (t *trust) agent(id string) (*identity.Credentials, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return t.issuer.Credentials(key, identity.Terminal(t.issuer.Pair(), id), life, time.Now())
}
