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

// reason cuts an error of the HTTP client down to what an operator needs: "connection refused" instead of method, URL
// and both addresses; and says what to do about certificates.
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
		return errors.New("it speaks plain HTTP, as hosts do to their own machine only: ask there with http://, or have HOTPAIR_HTTP_TLS_CERT set")
	case errors.As(err, &unknown):
		return errors.New("nobody who is believed here vouches for its certificate: give the file with its authority, or with the certificate itself, as --ca")
	case errors.As(err, &name):
		return fmt.Errorf("its certificate is for another name or address (%w): ask by one that it has, or give it this one too", name)
	case errors.As(err, &invalid):
		return fmt.Errorf("its certificate can't be used: %w", invalid)
	}
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
