package local

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/hotpair/hotpair/deployments/founding"
	"github.com/hotpair/hotpair/deployments/install"
	"github.com/hotpair/hotpair/services/authority"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/durable"
	"github.com/hotpair/hotpair/services/identity"
)

// life of a certificate: a directory may be used again after a year, and nothing renews here.
const life = 5 * 365 * 24 * time.Hour

// bundles are the files of a cluster's pair, in the order in which they are written: if the last one exists they are
// complete.
var bundles = []string{founding.WitnessBundle, founding.BundleFile(HostB), founding.BundleFile(HostA)}

// readMembers reads the pair of a cluster's directory. Errors: fs.ErrNotExist, ErrForeign.
func readMembers(dir string) (map[string]founding.Kept, error) {
	members, err := founding.Read(dir, bundles...)
	if errors.Is(err, founding.ErrForeign) {
		err = fmt.Errorf("%w: %w: give a new directory with --dir", ErrForeign, err)
	}
	return members, err
}

// NewRoot puts a root into the directory of a future cluster, which will use it, and returns the issuer for its
// terminals, if those run elsewhere.
func NewRoot(dir string) (*authority.Issuer, error) {
	if err := durable.MakeDir(dir); err != nil {
		return nil, fmt.Errorf("directory: %w", err)
	}
	root, err := founding.OpenRoot(dir, true)
	if err != nil {
		return nil, err
	}
	return root.Rotate(time.Now())
}

// loaded writes the files of a part, and reads its settings as its process does after a join; settings that depend on
// the ports of this start are added.
func loaded[T any, P config.Spec[T]](d *directory, node string, k founding.Kept, settings []string) (T, error) {
	k.Settings = settings
	place := install.Place{Settings: d.join("joined", node), Identity: d.join("certificates", node), Data: d.join(node)}
	environ, err := install.Joiner{Bundle: k.Bundle, Raw: k.Raw, Place: place}.Put()
	if err != nil {
		var none T
		return none, fmt.Errorf("files of %s: %w", title(node), err)
	}
	return config.Load[T, P](environ)
}

// agent makes the credentials of a terminal's agent, new at each start and in no file: hosts know terminals by their
// names.
func agent(issuer *authority.Issuer, id string) (*identity.Credentials, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return issuer.Credentials(key, identity.Terminal(issuer.Pair(), id), life, time.Now())
}
