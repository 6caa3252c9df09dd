package identity

import (
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"net/url"
	"strings"
)

// Role is the role of a member of a pair.
type Role string

// All roles.
const (
	RoleHost     Role = "host"
	RoleWitness  Role = "witness"
	RoleTerminal Role = "terminal"
)

const (
	scheme = "spiffe://"
	// Bounds of names, as elsewhere: hosts as HOTPAIR_HOST, terminals as in HOTPAIR_TERMINALS.
	maxPair, maxHost, maxTerminal = 64, 32, 64
)

const (
	lower  = "abcdefghijklmnopqrstuvwxyz"
	digits = "0123456789"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

// Name identifies a member of a pair. A valid Name has exactly one text, so names are compared with ==.
type Name struct {
	// Pair is the id of the pair, the trust domain: 1 to 64 lower-case letters, digits and hyphens.
	Pair string
	Role Role
	// ID is that of the host or terminal; a witness has none.
	ID string
}

// NewPair returns a unique id for a new pair.
func NewPair() string { return strings.ToLower(rand.Text()) }

// Host names a host of a pair.
func Host(pair, id string) Name { return Name{pair, RoleHost, id} }

// Witness names the witness of a pair.
func Witness(pair string) Name { return Name{Pair: pair, Role: RoleWitness} }

// Terminal names the agent of a terminal.
func Terminal(pair, id string) Name { return Name{pair, RoleTerminal, id} }

// String returns the name as in a certificate.
func (n Name) String() string {
	text := scheme + n.Pair + "/" + string(n.Role)
	if n.Role != RoleWitness || n.ID != "" {
		text += "/" + n.ID
	}
	return text
}

// URL is the name for x509.Certificate.URIs.
func (n Name) URL() *url.URL {
	return &url.URL{Scheme: "spiffe", Host: n.Pair, Path: strings.TrimPrefix(n.String(), scheme+n.Pair)}
}

// Check validates a name. The error is ErrMalformed.
func (n Name) Check() error {
	if !consists(n.Pair, maxPair, lower+digits+"-") || strings.Trim(n.Pair, "-") != n.Pair {
		return fmt.Errorf("%w: %.100q is not a pair id: use 1 to %d lower-case letters, digits and inner hyphens", ErrMalformed, n.Pair, maxPair)
	}
	switch n.Role {
	case RoleHost:
		if !consists(n.ID, maxHost, lower+digits+"-") {
			return fmt.Errorf("%w: %.100q is not a host name: use 1 to %d lower-case letters, digits and hyphens", ErrMalformed, n.ID, maxHost)
		}
	case RoleWitness:
		if n.ID != "" {
			return fmt.Errorf("%w: a pair has one witness, which has no name, but got %.100q", ErrMalformed, n.ID)
		}
	case RoleTerminal:
		if !consists(n.ID, maxTerminal, lower+upper+digits+"-_") {
			return fmt.Errorf("%w: %.100q is not a terminal id: use 1 to %d letters, digits, hyphens and underscores", ErrMalformed, n.ID, maxTerminal)
		}
	default:
		return fmt.Errorf("%w: a member is a host, the witness or a terminal, not %.100q", ErrMalformed, string(n.Role))
	}
	return nil
}

func consists(text string, most int, of string) bool {
	return text != "" && len(text) <= most && strings.Trim(text, of) == ""
}

// Parse reads the exact result of String. The error is ErrMalformed.
func Parse(text string) (Name, error) {
	rest, ok := strings.CutPrefix(text, scheme)
	if !ok {
		return Name{}, fmt.Errorf("%w: %.100q does not begin with %s", ErrMalformed, text, scheme)
	}
	parts := strings.SplitN(rest, "/", 4)
	n := Name{Pair: parts[0]}
	if len(parts) > 1 {
		n.Role = Role(parts[1])
	}
	if len(parts) > 2 {
		n.ID = parts[2]
	}
	if err := n.Check(); err != nil {
		return Name{}, err
	}
	if n.String() != text {
		return Name{}, fmt.Errorf("%w: %.200q must be written as %s", ErrMalformed, text, n)
	}
	return n, nil
}

// Of returns the name of a certificate, which must have exactly one URI. DNS names and addresses are ignored. The
// error is ErrWrongName.
func Of(certificate *x509.Certificate) (Name, error) {
	if len(certificate.URIs) != 1 {
		return Name{}, fmt.Errorf("%w: the certificate has %d URI names; a member's has exactly one", ErrWrongName, len(certificate.URIs))
	}
	n, err := Parse(certificate.URIs[0].String())
	if err != nil {
		return Name{}, fmt.Errorf("%w: %w", ErrWrongName, err)
	}
	return n, nil
}
