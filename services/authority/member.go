package authority

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"time"

	"github.com/hotpair/hotpair/services/durable"
	"github.com/hotpair/hotpair/services/identity"
)

// Names of a member's files in its directory.
const (
	certificateFile = "cert.pem"
	keyFile         = "key.pem"
	rootsFile       = "ca.pem"
)

// Paths are the files of a member in its directory.
func Paths(dir string) identity.Paths {
	return identity.Paths{
		Certificate: filepath.Join(dir, certificateFile), Key: filepath.Join(dir, keyFile), Roots: filepath.Join(dir, rootsFile),
	}
}

// Equip makes a key for a member and writes it, its certificate and the root into a directory, which it creates if
// needed: the files for HOTPAIR_TLS_CERT, _KEY and _CA. The error is Issue's, or one of the disk.
func (i *Issuer) Equip(dir string, name identity.Name, life time.Duration, now time.Time) (identity.Paths, error) {
	paths := Paths(dir)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return paths, err
	}
	chain, err := i.Issue(key.Public(), name, life, now)
	if err != nil {
		return paths, err
	}
	secret, err := EncodeKey(key)
	if err != nil {
		return paths, err
	}
	if err := durable.MakeDir(dir); err != nil {
		return paths, fmt.Errorf("directory of %s: %w", name, err)
	}
	for path, content := range map[string][]byte{
		paths.Key: secret, paths.Certificate: EncodeCertificates(chain...), paths.Roots: EncodeCertificates(i.Root()),
	} {
		if err := durable.Write(path, content); err != nil {
			return paths, fmt.Errorf("files of %s: %w", name, err)
		}
	}
	return paths, nil
}
