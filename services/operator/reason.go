package operator

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"syscall"
)

// reason reduces an error of the HTTP client to what an operator needs: "connection refused" instead of method, URL
// and both addresses; and adds what to do about certificates.
func reason(err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return ErrNoAnswer
	}
	var number syscall.Errno
	if errors.As(err, &number) {
		return number
	}
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.Is(err, http.ErrSchemeMismatch):
		return errors.New("the server speaks plain HTTP, which hosts do only on their own machine: use http:// there, or set HOTPAIR_HTTP_TLS_CERT on the host")
	case errors.As(err, &unknown):
		return errors.New("its certificate is not signed by a trusted authority: give the file of its authority, or of the certificate itself, as --ca")
	case errors.As(err, &name):
		return fmt.Errorf("its certificate is for another name or address (%w): use a name in the certificate, or add this one to it", name)
	case errors.As(err, &invalid):
		return fmt.Errorf("its certificate can't be used: %w", invalid)
	}
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
