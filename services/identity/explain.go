package identity

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/hotpair/hotpair/services/evidence"
	"github.com/hotpair/hotpair/services/fault"
)

// noProtocol is the text of ErrProtocol.
func noProtocol(theirs, ours []string) error {
	came := "none"
	if len(theirs) > 0 {
		came = fmt.Sprintf("%.100q", theirs[:min(len(theirs), 8)])
	}
	return fmt.Errorf("%w: expected protocol %s (ALPN), but it offers %s: is it another program, or another port of hotpair?", ErrProtocol, strings.Join(ours, " or "), came)
}

// CheckHello checks what a dialling peer offers before crypto/tls does, whose errors can't be tested for. nil means
// fine.
func CheckHello(hello *tls.ClientHelloInfo, alpn []string) error {
	if !slices.Contains(hello.SupportedVersions, tls.VersionTLS13) {
		newest := "nothing known"
		if len(hello.SupportedVersions) > 0 {
			newest = tls.VersionName(slices.Max(hello.SupportedVersions))
		}
		return fmt.Errorf("%w: it offers %s at most; TLS 1.3 is required", ErrVersion, newest)
	}
	if !slices.ContainsFunc(hello.SupportedProtos, func(p string) bool { return slices.Contains(alpn, p) }) {
		return noProtocol(hello.SupportedProtos, alpn)
	}
	return nil
}

// Explain turns the error that ended a handshake into a sentence and a sentinel. own is the name this side presented,
// peer is the peer's end, heard says whether anything was received. An error of this package is returned unchanged.
func Explain(err error, own Name, peer Side, heard bool) error {
	var record tls.RecordHeaderError
	var network net.Error
	switch {
	case err == nil:
		return nil
	case known(err):
		return err
	case errors.As(err, &record):
		return notTLS(record.RecordHeader[:], peer)
	}
	if alert, ok := alertOf(err); ok {
		return refused(alert, own)
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &network) && network.Timeout():
		if !heard {
			return fmt.Errorf("%w: nothing received: the other side hangs, or does not speak TLS and waits for a greeting", ErrHandshakeTimeout)
		}
		return fmt.Errorf("%w: it began and did not continue: is the network or the machine too slow, or does something interfere?", ErrHandshakeTimeout)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), evidence.IsReset(err):
		if !heard {
			return fmt.Errorf("%w: the other side closed before sending anything: it is stopping, is overloaded, or does not speak TLS", ErrHandshakeEnded)
		}
		return fmt.Errorf("%w: the other side closed without a reason; its log may have one", ErrHandshakeEnded)
	}
	return fmt.Errorf("%w: %s", ErrHandshake, fault.Text(err))
}

// known reports whether an error has one of this package's sentinels.
func known(err error) bool {
	return slices.ContainsFunc(fault.Codes(err), func(code string) bool { return strings.HasPrefix(code, "identity-") })
}

// notTLS says what was received instead. Unknown input is shown as far as it is readable.
func notTLS(header []byte, peer Side) error {
	remedy := "is HOTPAIR_INSECURE set there, or is it another program?"
	if peer == Listening {
		remedy = "is HOTPAIR_INSECURE set there, or is this the address of another program?"
	}
	return fmt.Errorf("%w: it began with %q, which is plain text or another protocol; TLS is required: %s", ErrNotTLS, header, remedy)
}

// alertOf returns the code of an alert from the other side. crypto/tls reports it as a number of an unexported type.
func alertOf(err error) (code uint8, ok bool) {
	var operation *net.OpError
	if !errors.As(err, &operation) || operation.Op != "remote error" || operation.Err == nil {
		return 0, false
	}
	if v := reflect.ValueOf(operation.Err); v.Kind() == reflect.Uint8 {
		return uint8(v.Uint()), true
	}
	return 0, false
}

// The alerts that a member of a pair may send, by their numbers in RFC 8446.
const (
	alertHandshakeFailure    = 40
	alertBadCertificate      = 42
	alertUnsupported         = 43
	alertRevoked             = 44
	alertExpired             = 45
	alertUnknownCertificate  = 46
	alertUnknownAuthority    = 48
	alertProtocolVersion     = 70
	alertInternal            = 80
	alertCertificateRequired = 116
	alertNoProtocol          = 120
)

// refused says what an alert means. It says little: the refusing side knows the reason, and does not tell strangers.
func refused(alert uint8, own Name) error {
	self := "this side"
	if own != (Name{}) {
		self = "this side, " + own.String() + ","
	}
	var means string
	switch alert {
	case alertBadCertificate, alertUnsupported, alertRevoked, alertExpired, alertUnknownCertificate, alertUnknownAuthority, alertCertificateRequired:
		means = "it rejects the certificate of " + self + ", which is not the member that it expects, or not valid: see the log of the other side"
	case alertProtocolVersion:
		return fmt.Errorf("%w: TLS alert %d (%s): %w, or no TLS at all: is HOTPAIR_INSECURE set there?", ErrRefused, alert, alertText(alert), ErrVersion)
	case alertNoProtocol:
		means = "it speaks another protocol at this address: is the port right?"
	case alertInternal:
		means = "it has no usable certificate: see its log"
	case alertHandshakeFailure:
		means = "both sides have no cipher in common: is the other side hotpair?"
	default:
		means = "see the log of the other side"
	}
	return fmt.Errorf("%w: TLS alert %d (%s): %s", ErrRefused, alert, alertText(alert), means)
}

func alertText(alert uint8) string {
	return strings.TrimPrefix(tls.AlertError(alert).Error(), "tls: ")
}

// Refused explains the end of a connection that was refused after this side of the handshake was over. ok is false if
// it was no alert.
func Refused(err error, own Name) (explained error, ok bool) {
	alert, ok := alertOf(err)
	if !ok {
		return err, false
	}
	return refused(alert, own), true
}
