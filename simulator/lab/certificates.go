package lab

import (
	"path/filepath"
	"time"

	"github.com/hotpair/hotpair/services/authority"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/simulator/pair"
)

// certificates makes an authority for this lab alone and gives each node what it proves itself with, by its name; nothing in a
// plain lab.
func (l *Lab) certificates() (map[string]config.TLS, error) {
	tls := map[string]config.TLS{}
	if l.options.Plain {
		return tls, nil
	}
	now := time.Now()
	root, err := authority.New("lab", now)
	if err != nil {
		return nil, err
	}
	issuer, err := root.Rotate(now)
	if err != nil {
		return nil, err
	}
	for _, node := range l.names() {
		name := identity.Terminal(root.Pair(), node)
		switch node {
		case pair.Witness:
			name = identity.Witness(root.Pair())
		case pair.HostA, pair.HostB:
			name = identity.Host(root.Pair(), node)
		}
		paths, err := issuer.Equip(filepath.Join(l.options.Dir, "tls-"+node), name, authority.Life(name.Role), now)
		if err != nil {
			return nil, err
		}
		tls[node] = config.TLS{TLSCert: paths.Certificate, TLSKey: paths.Key, TLSCa: paths.Roots}
	}
	return tls, nil
}
