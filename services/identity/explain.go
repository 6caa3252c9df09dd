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

// noProtocol is the sentence of ErrProtocol.
func noProtocol(theirs, ours []string) error {
	came := "none"
	if len(theirs) > 0 {
		came = fmt.Sprintf("%.100q", theirs[:min(len(theirs), 8)])
	}
	return fmt.Errorf("%w: expected %s (ALPN), and it offers %s: is it something else than hotpair, or another port?", ErrProtocol, strings.Join(ours, " or "), came)
}

// CheckHello looks at what a peer that dials offers, before crypto/tls does: that says no in words which can't be tested for. nil is well.
func CheckHello(hello *tls.ClientHelloInfo, alpn []string) error {
	if !slices.Contains(hello.SupportedVersions, tls.VersionTLS13) {
		newest := "nothing known"
		if len(hello.SupportedVersions) > 0 {
			newest = tls.VersionName(slices.Max(hello.SupportedVersions))
		}
		return fmt.Errorf("%w: it offers %s at most, and TLS 1.3 is required", ErrVersion, newest)
	}
	if !slices.ContainsFunc(hello.SupportedProtos, func(p string) bool { return slices.Contains(alpn, p) }) {
		return noProtocol(hello.SupportedProtos, alpn)
	}
	return nil
}

// Explain makes a sentence and a sentinel of what ended a handshake. own is who this side has shown itself as, peer which end the other one
// is, heard whether anything came from it. An error that this package has made stays as it is.
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
			return fmt.Errorf("%w: nothing came from the other side: it hangs, or it speaks no TLS and waits to be greeted", ErrHandshakeTimeout)
		}
		return fmt.Errorf("%w: it began and did not go on: is the network or the machine too slow, or a hand in between?", ErrHandshakeTimeout)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), evidence.IsReset(err):
		if !heard {
			return fmt.Errorf("%w: the other side closed before it said anything: it is ending, is full, or speaks no TLS", ErrHandshakeEnded)
		}
		return fmt.Errorf("%w: the other side closed without a reason; its log may have one", ErrHandshakeEnded)
	}
	return fmt.Errorf("%w: %s", ErrHandshake, fault.Text(err))
}

// known reports whether an error has one of this package's sentinels.
func known(err error) bool {
	return slices.ContainsFunc(fault.Codes(err), func(code string) bool { return strings.HasPrefix(code, "identity-") })
}

// notTLS says what came instead. What strangers send is shown as far as it can be read.
func notTLS(header []byte, peer Side) error {
	remedy := "is HOTPAIR_INSECURE set there, or is it another program?"
	if peer == Listening {
		remedy = "is HOTPAIR_INSECURE set there, or is this the address of another program?"
	}
	return fmt.Errorf("%w: it began with %q, which is plain text or another protocol, and TLS is required: %s", ErrNotTLS, header, remedy)
}

// alertOf gives the code of an alert that the other side sent. crypto/tls tells it as a number of a type of its own.
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

// refused says what an alert means. It says little by itself: who refuses knows the reason, and does not tell strangers.
func refused(alert uint8, own Name) error {
	self := "this side"
	if own != (Name{}) {
		self = "this side, " + own.String() + ","
	}
	var means string
	switch alert {
	case alertBadCertificate, alertUnsupported, alertRevoked, alertExpired, alertUnknownCertificate, alertUnknownAuthority, alertCertificateRequired:
		means = "it does not take the certificate of " + self + " for that of whom it expects: the log of the other side says whom, and what is wrong"
	case alertProtocolVersion:
		return fmt.Errorf("%w: TLS alert %d (%s): %w, or no TLS at all: is HOTPAIR_INSECURE set there?", ErrRefused, alert, alertText(alert), ErrVersion)
	case alertNoProtocol:
		means = "it speaks another protocol at this address: is it the port meant?"
	case alertInternal:
		means = "it has no certificate that it can use: look at its log"
	case alertHandshakeFailure:
		means = "there is no way to encrypt that both know: is it hotpair?"
	default:
		means = "look at the log of the other side"
	}
	return fmt.Errorf("%w: TLS alert %d (%s): %s", ErrRefused, alert, alertText(alert), means)
}

func alertText(alert uint8) string {
	return strings.TrimPrefix(tls.AlertError(alert).Error(), "tls: ")
}

// Refused says what the end of a connection means that was refused after the own side of the handshake was over. ok is false when it was no
// alert.
func Refused(err error, own Name) (explained error, ok bool) {
	alert, ok := alertOf(err)
	if !ok {
		return err, false
	}
	return refused(alert, own), true
}
