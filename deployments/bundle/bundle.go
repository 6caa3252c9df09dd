package bundle

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hotpair/hotpair/services/authority"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/fault"
	"github.com/hotpair/hotpair/services/identity"
)

var (
	// ErrDamaged: a file is not a bundle, or was changed.
	ErrDamaged = fault.New("bundle-damaged", "no whole bundle")
	// ErrPassphrase: the passphrase is missing or wrong.
	ErrPassphrase = fault.New("bundle-passphrase", "the passphrase does not open the bundle")
)

// Bundle is all that one machine needs to become a host or the witness of a pair.
type Bundle struct {
	// Name is the member that the machine becomes, Address where the others reach it: an IP address or a name,
	// without a port.
	Name    identity.Name
	Address string
	// Made is when the bundle was made, by the clock of the machine where that was done.
	Made time.Time
	// Settings are NAME=value lines of its environment, except those that name files of the machine or hold secrets.
	Settings []string
	// Terminals are those that a host dials.
	Terminals config.Terminals
	// Secret is the pair secret.
	Secret config.Secret
	// Certificate with its chain, Key and Roots are its credentials, in PEM.
	Certificate, Key, Roots []byte
	// Issuing is the sealed issuing key of a host and Seal the key file that opens it. A witness has neither.
	Issuing, Seal []byte
}

// own are the variables that name files of a machine, or are secrets: bundles do not set them.
var own = []string{
	"DATA", "PAIR_SECRET", "PAIR_SECRET_FILE", "TLS_CERT", "TLS_KEY", "TLS_CA", "AUTHORITY_KEY", "AUTHORITY_SEAL", "TERMINALS", "TERMINALS_FILE",
	"HTTP_TOKEN", "HTTP_TOKEN_FILE", "HTTP_TLS_CERT", "HTTP_TLS_KEY", "HTTP_SOCKET", "ALARM_COMMAND", "ALARM_WEBHOOK", "AUDIT_TRAIL", "TRACE_DIR", "BUSINESS_USER",
}

// Kind names the member for people: host a, witness.
func Kind(n identity.Name) string {
	if n.Role == identity.RoleWitness {
		return "the witness"
	}
	return string(n.Role) + " " + n.ID
}

// Setting returns the value of one setting, by its name without the prefix; "" if it is not set.
func (b Bundle) Setting(name string) string {
	for _, line := range b.Settings {
		if value, is := strings.CutPrefix(line, config.Prefix+"_"+name+"="); is {
			return value
		}
	}
	return ""
}

// Credentials are the machine's credentials.
func (b Bundle) Credentials() (*identity.Credentials, error) {
	chain, err1 := identity.ParseCertificates(b.Certificate)
	roots, err2 := identity.ParseCertificates(b.Roots)
	key, err3 := identity.ParseKey(b.Key)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	return identity.NewCredentials(chain, key, roots)
}

// Issuer is the issuing key of a host.
func (b Bundle) Issuer() (*authority.Issuer, error) {
	seal, err := authority.ParseSeal(b.Seal)
	if err != nil {
		return nil, err
	}
	return authority.Unseal(b.Issuing, seal)
}

// Check validates a bundle: its parts, and that they fit together.
func (b Bundle) Check() error {
	if err := b.Name.Check(); err != nil {
		return err
	}
	if b.Name.Role != identity.RoleHost && b.Name.Role != identity.RoleWitness {
		return fmt.Errorf("it is for %s, but only hosts and the witness have bundles", b.Name)
	}
	if b.Address == "" || strings.ContainsAny(b.Address, " /=\n") || len(b.Address) > 253 {
		return fmt.Errorf("%.60q is not the address of a machine", b.Address)
	}
	if err := b.proofs(); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, line := range b.Settings {
		name, value, _ := strings.Cut(line, "=")
		bare, ours := strings.CutPrefix(name, config.Prefix+"_")
		switch {
		case !ours || value == "" || seen[name]:
			return fmt.Errorf("%.60q is not a setting, or is set twice", line)
		case slices.Contains(own, bare):
			return fmt.Errorf("it sets %s, which only the machine itself may set", name)
		case strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r == '"' || r == '\'' || r == '\\' || r == '$' || r == 0x7f }):
			return fmt.Errorf("%s has a value that an environment file can't hold", name)
		}
		seen[name] = true
	}
	return b.loads()
}

// proofs checks that certificate, key, root and issuing key belong to the bundle's member, and fit together.
func (b Bundle) proofs() error {
	credentials, err := b.Credentials()
	if err != nil {
		return err
	}
	if credentials.Self.Name != b.Name {
		return fmt.Errorf("its certificate is for %s, but the bundle is for %s", credentials.Self.Name, b.Name)
	}
	if b.Name.Role == identity.RoleWitness {
		if len(b.Issuing)+len(b.Seal) > 0 {
			return errors.New("it is for a witness but contains an issuing key")
		}
		return nil
	}
	issuer, err := b.Issuer()
	if err != nil {
		return err
	}
	if issuer.Pair() != b.Name.Pair || len(credentials.Roots) != 1 || !bytes.Equal(issuer.Root().Raw, credentials.Roots[0].Raw) {
		return errors.New("its issuing key and its certificate are of different authorities")
	}
	return nil
}

// loads checks that a process can start with the settings.
func (b Bundle) loads() error {
	environ := append(slices.Clone(b.Settings), Paths{
		Data: "/data", Secret: "", Certificate: "/cert.pem", Key: "/key.pem", Roots: "/ca.pem", Issuing: "/issuing.key", Seal: "/seal.key",
	}.Environ(b)...)
	environ = append(environ, config.Prefix+"_PAIR_SECRET="+b.Secret.Reveal())
	if b.Name.Role == identity.RoleWitness {
		if len(b.Terminals) > 0 {
			return errors.New("it is for a witness but contains terminals")
		}
		_, err := config.Load[config.Witness](environ)
		return err
	}
	if len(b.Terminals) > 0 {
		environ = append(environ, config.Prefix+"_TERMINALS="+b.Terminals.String())
	}
	h, err := config.Load[config.Host](environ)
	if err == nil && h.Host != b.Name.ID {
		err = fmt.Errorf("its settings are those of host %s, but it is for host %s", h.Host, b.Name.ID)
	}
	return err
}

// Paths are where a machine stores the content of a bundle; an empty one is not set.
type Paths struct {
	Data, Secret, Certificate, Key, Roots, Issuing, Seal, Terminals string
}

// Environ returns the settings that name the files of a machine.
func (p Paths) Environ(b Bundle) (environ []string) {
	list := [][2]string{{"DATA", p.Data}, {"PAIR_SECRET_FILE", p.Secret}, {"TLS_CERT", p.Certificate}, {"TLS_KEY", p.Key}, {"TLS_CA", p.Roots}}
	if b.Name.Role == identity.RoleHost {
		list = append(list, [2]string{"AUTHORITY_KEY", p.Issuing}, [2]string{"AUTHORITY_SEAL", p.Seal})
		if len(b.Terminals) > 0 {
			list = append(list, [2]string{"TERMINALS_FILE", p.Terminals})
		}
	}
	for _, one := range list {
		if one[1] != "" {
			environ = append(environ, config.Prefix+"_"+one[0]+"="+one[1])
		}
	}
	return environ
}
