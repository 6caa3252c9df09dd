package waybill

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/fault"
)

// Bounds of how a target is set.
const (
	MaxURL    = 2048
	MaxSecret = 1024
	MinSecret = 16
	MaxRoots  = 64 << 10
	MinAge    = time.Second
	MaxAge    = 10 * 365 * 24 * time.Hour
)

// ErrTarget says that the settings of a target are invalid.
var ErrTarget = fault.New("no-target", "not a target")

// Check refuses invalid settings of a target. The error is ErrTarget.
func (t *SetTarget) Check() error {
	switch {
	case !bus.ValidName(t.Name):
		return fmt.Errorf("%w: invalid name %.70q; use 1 to 64 letters, digits, - and _", ErrTarget, t.Name)
	case t.New && t.URL == "":
		return fmt.Errorf("%w: %s has no URL", ErrTarget, t.Name)
	case t.Secret != "" && (len(t.Secret) < MinSecret || len(t.Secret) > MaxSecret):
		return fmt.Errorf("%w: the secret of %s has %d bytes; want %d to %d", ErrTarget, t.Name, len(t.Secret), MinSecret, MaxSecret)
	case strings.ContainsFunc(t.Secret, func(r rune) bool { return r < ' ' || r > '~' }):
		return fmt.Errorf("%w: the secret of %s has characters that are not printable ASCII; write it in hex or base64", ErrTarget, t.Name)
	case len(t.Roots) > MaxRoots:
		return fmt.Errorf("%w: the root certificates of %s have %d bytes, at most %d are allowed", ErrTarget, t.Name, len(t.Roots), MaxRoots)
	case t.Roots != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(t.Roots)):
		return fmt.Errorf("%w: the root certificates of %s have no certificate in PEM", ErrTarget, t.Name)
	case t.AgeMS != nil && *t.AgeMS != 0 && (*t.AgeMS < MinAge.Milliseconds() || *t.AgeMS > MaxAge.Milliseconds()):
		return fmt.Errorf("%w: the age of %s is %d ms; want %v to %v, or 0 for none", ErrTarget, t.Name, *t.AgeMS, MinAge, MaxAge)
	}
	if t.URL == "" {
		return nil
	}
	if problem := urlProblem(t.URL); problem != "" {
		return fmt.Errorf("%w: the URL of %s %s: write it like https://billing.example.com/hotpair", ErrTarget, t.Name, problem)
	}
	return nil
}

// urlProblem returns what is wrong with a target's URL, "" if nothing.
func urlProblem(text string) string {
	if len(text) > MaxURL || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return fmt.Sprintf("is longer than %d bytes or not ASCII", MaxURL)
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.Opaque != "":
		return "names no host"
	case u.User != nil:
		return "contains a user name or password, which would be shown; sign emissions with --secret-file"
	case u.Fragment != "":
		return "has a fragment, which is never sent"
	case u.Scheme == "http" && !own(u.Hostname()):
		return "is plain http, which is allowed on this machine only"
	case u.Scheme != "http" && u.Scheme != "https":
		return "does not begin with https://"
	}
	return ""
}

// own reports whether a host is this machine.
func own(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
