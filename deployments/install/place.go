package install

import (
	"path/filepath"

	"github.com/hotpair/hotpair/deployments/bundle"
	"github.com/hotpair/hotpair/services/identity"
)

// User is the user of a pair's processes, as in the units.
const User = "hotpair"

// Place is where a machine stores the content of a bundle. Paths are as its processes see them.
type Place struct {
	Root     string // root folder of an image; "" for this machine itself
	Settings string // directory of settings, and of secrets that only people replace
	Identity string // directory of certificate and keys: the process replaces its certificate there
	Data     string
	// Overrides is the environment file of operators, which is read after the joined one; "" for none.
	Overrides string
	Unit      string // unit of the machine's process; "" for none
}

// PlaceOf is where our units look, for a role, on the machine with this root folder ("" for this one).
func PlaceOf(role identity.Role, root string) Place {
	if root != "" {
		root = filepath.Clean(root)
	}
	p := Place{Root: root, Settings: "/etc/hotpair/joined", Identity: "/var/lib/hotpair-identity", Data: "/var/lib/hotpair", Overrides: "/etc/hotpair/host.env", Unit: "hotpair.service"}
	if role == identity.RoleWitness {
		p.Identity, p.Data, p.Overrides, p.Unit = "/var/lib/hotpair-witness-identity", "/var/lib/hotpair-witness", "/etc/hotpair/witness.env", "hotpair-witness.service"
	}
	return p
}

// on returns a machine's path on this one.
func (p Place) on(path string) string { return filepath.Join(p.Root, path) }

// Paths are the files that the settings name.
func (p Place) Paths() bundle.Paths {
	return bundle.Paths{
		Data: p.Data, Secret: filepath.Join(p.Settings, "pair.secret"), Seal: filepath.Join(p.Settings, "seal.key"), Terminals: filepath.Join(p.Settings, "terminals"),
		Certificate: filepath.Join(p.Identity, "cert.pem"), Key: filepath.Join(p.Identity, "key.pem"), Roots: filepath.Join(p.Identity, "ca.pem"),
		Issuing: filepath.Join(p.Identity, "issuing.key"),
	}
}

// Environ is the environment of a machine with a bundle.
func (p Place) Environ(b bundle.Bundle) []string {
	return append(append([]string(nil), b.Settings...), p.Paths().Environ(b)...)
}

// settingsFile is the environment file of a role.
func (p Place) settingsFile(role identity.Role) string {
	return filepath.Join(p.Settings, string(role)+".env")
}

func (p Place) markFile() string { return filepath.Join(p.Settings, "member.json") }

// file is one that a join writes.
type file struct {
	path    string // as the machine sees it
	content []byte
	users   bool // owned by the user of the processes, otherwise by root
}

// files are all files of a bundle, except the settings.
func (p Place) files(b bundle.Bundle) []file {
	at := p.Paths()
	list := []file{
		{at.Roots, b.Roots, true}, {at.Key, b.Key, true}, {at.Certificate, b.Certificate, true},
		{at.Secret, []byte(b.Secret.Reveal() + "\n"), true},
	}
	if b.Name.Role == identity.RoleHost {
		list = append(list, file{at.Issuing, b.Issuing, true}, file{at.Seal, b.Seal, true})
		if len(b.Terminals) > 0 {
			list = append(list, file{at.Terminals, []byte(b.Terminals.String() + "\n"), true})
		}
	}
	return list
}

// all are the paths of every file that a join may have written for either role, except the mark.
func (p Place) all() []string {
	at := p.Paths()
	return []string{p.settingsFile(identity.RoleHost), p.settingsFile(identity.RoleWitness), at.Terminals, at.Secret, at.Seal, at.Issuing, at.Certificate, at.Key, at.Roots}
}
