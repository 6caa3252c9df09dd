package founding

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/hotpair/hotpair/deployments/bundle"
	"github.com/hotpair/hotpair/services/authority"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/durable"
	"github.com/hotpair/hotpair/services/identity"
)

// Names in the directory of a pair.
const (
	RootFile      = "root.key"
	WitnessBundle = "witness.bundle"
	NextFile      = "NEXT.txt"
)

// BundleFile is the name of the bundle of a host.
func BundleFile(host string) string { return host + ".bundle" }

// witnessLife is the validity of the witness's certificate. Nothing renews it, and between hosts and witness a missed
// expiry is an alarm and not a refusal: so a short life would protect nothing, and only raise alarms.
const witnessLife = 10 * 365 * 24 * time.Hour

// ErrExists: the directory for the pair is not empty.
var ErrExists = errors.New("already exists")

// Pair is a new pair in memory.
type Pair struct {
	Plan    Plan
	Made    time.Time
	Root    *authority.Root
	Issuer  *authority.Issuer
	Bundles []bundle.Bundle // of the hosts, and of the witness where there is one
}

// Found makes a pair. The error is ErrPlan.
func (p Plan) Found(now time.Time) (Pair, error) {
	return p.found(now, nil)
}

// FoundUnder is Found with an existing root.
func (p Plan) FoundUnder(root *authority.Root, now time.Time) (Pair, error) {
	p.Pair = root.Pair()
	return p.found(now, root)
}

func (p Plan) found(now time.Time, root *authority.Root) (Pair, error) {
	if err := p.Check(); err != nil {
		return Pair{}, err
	}
	var err error
	if root == nil {
		if root, err = authority.New(p.Pair, now); err != nil {
			return Pair{}, err
		}
	}
	issuer, err := root.Rotate(now)
	if err != nil {
		return Pair{}, err
	}
	random := make([]byte, 32)
	_, _ = rand.Read(random) // never fails
	made := Pair{Plan: p, Made: now.UTC().Truncate(time.Second), Root: root, Issuer: issuer}
	secret := config.Secret(hex.EncodeToString(random))
	for i, h := range p.Hosts {
		b, err := made.bundle(identity.Host(p.Pair, h.Name), h.Address, p.Host(i), secret)
		if err == nil {
			b.Terminals = p.Terminals
			err = made.issuing(&b)
		}
		if err != nil {
			return Pair{}, err
		}
		made.Bundles = append(made.Bundles, b)
	}
	if !p.Witnessless() {
		b, err := made.bundle(identity.Witness(p.Pair), p.Witness.Address, p.WitnessSettings(), secret)
		if err != nil {
			return Pair{}, err
		}
		made.Bundles = append(made.Bundles, b)
	}
	return made, nil
}

// bundle makes a machine's key and certificate, and combines them with the rest.
func (p Pair) bundle(name identity.Name, address string, settings []string, secret config.Secret) (bundle.Bundle, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return bundle.Bundle{}, err
	}
	life := authority.Life(name.Role)
	if name.Role == identity.RoleWitness {
		life = witnessLife
	}
	life = cmp.Or(p.Plan.Life, life)
	chain, err := p.Issuer.Issue(key.Public(), name, life, p.Made)
	if err != nil {
		return bundle.Bundle{}, err
	}
	private, err := authority.EncodeKey(key)
	if err != nil {
		return bundle.Bundle{}, err
	}
	return bundle.Bundle{
		Name: name, Address: address, Made: p.Made, Settings: settings, Secret: secret,
		Certificate: authority.EncodeCertificates(chain...), Key: private, Roots: authority.EncodeCertificates(p.Root.Certificate()),
	}, nil
}

// issuing gives a host the issuing key, with its own seal.
func (p Pair) issuing(b *bundle.Bundle) error {
	seal, text, err := authority.MakeSeal()
	if err != nil {
		return err
	}
	b.Seal = text
	b.Issuing, err = p.Issuer.Seal(seal.Recipient())
	return err
}

// File is one file of a pair.
type File struct {
	Name    string
	Content []byte
	Shown   string // the same for people, without secrets
}

// Files returns all files of a pair, the root protected with one passphrase and the bundles with another, each unless
// it is empty.
func (p Pair) Files(rootWords, bundleWords string) ([]File, error) {
	root, err := p.Root.Encode(rootWords)
	if err != nil {
		return nil, err
	}
	files := []File{{RootFile, root, "the root of pair " + p.Plan.Pair + " with its key (hidden), " + protected(rootWords) + "\n"}}
	for _, b := range p.Bundles {
		raw, err := b.Encode(bundleWords)
		if err != nil {
			return nil, err
		}
		files = append(files, File{fileOf(b.Name), raw, shown(b, bundleWords)})
	}
	next := []byte(p.next(rootWords, bundleWords))
	return append(files, File{NextFile, next, string(next)}), nil
}

func fileOf(n identity.Name) string {
	if n.Role == identity.RoleWitness {
		return WitnessBundle
	}
	return BundleFile(n.ID)
}

func protected(words string) string {
	if words == "" {
		return "without a passphrase"
	}
	return "sealed with a passphrase"
}

// Write writes files into a directory that does not exist yet, or is empty: all of them, or none. The error is
// ErrExists.
func Write(dir string, files []File) error {
	dir = filepath.Clean(dir)
	if err := Vacant(dir); err != nil {
		return err
	}
	if err := durable.MakeDir(filepath.Dir(dir)); err != nil {
		return err
	}
	making, err := durable.BeginDir(dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := durable.Write(filepath.Join(making, f.Name), f.Content); err != nil {
			return errors.Join(err, os.RemoveAll(making))
		}
	}
	err = os.Remove(dir) // an empty one
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = durable.Rename(making, dir)
	}
	if errors.Is(err, fs.ErrExist) {
		err = fmt.Errorf("%w at %s", ErrExists, dir) // another process was faster
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(making))
	}
	return nil
}

// Vacant checks whether a pair can be written to a directory. The error is ErrExists, or why that is unknown.
func Vacant(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("--out: %w", err)
	case len(entries) > 0:
		return fmt.Errorf("%w: %s contains %s, which is not overwritten; give a new directory", ErrExists, dir, entries[0].Name())
	}
	return nil
}
