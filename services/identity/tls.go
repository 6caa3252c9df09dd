package identity

import (
	"crypto/tls"
)

// Server returns the TLS configuration of a listener: mutual TLS 1.3, with the certificate and roots that the source
// returns at each handshake. alpn are the supported protocols; a peer that offers none of them is refused.
func Server(source Source, policy Policy, alpn ...string) *tls.Config {
	c := config(source, policy, Dialling, alpn)
	// Requested but not required, so that the policy refuses a peer without a certificate, with its own message.
	c.ClientAuth = tls.RequestClientCert
	if policy.Unproved { // not used, and a browser would ask its user for a certificate
		c.ClientAuth = tls.NoClientCert
	}
	c.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return own(source) }
	return c
}

// Client returns the TLS configuration for dialling a peer.
//
// The dialling side's handshake is over before the peer has decided: in TLS 1.3 a refusal arrives with the first
// read. services/door waits for a welcome.
func Client(source Source, policy Policy, alpn ...string) *tls.Config {
	c := config(source, policy, Listening, alpn)
	// crypto/tls then verifies neither chain nor host name. It would do both by the clock, with roots that can't
	// change, and for a DNS name, which members of a pair do not have. VerifyConnection below verifies everything in
	// each handshake, resumed or not (and none is resumed); crypto/tls always checks that the peer has the key of its
	// certificate. TestClient_VerifiesByItself checks this.
	c.InsecureSkipVerify = true
	// No party but the one that sees the certificate needs the name of the dialled member.
	c.ServerName = ""
	// Also to a server that names other authorities: it will refuse with a better reason.
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own(source) }
	return c
}

func own(source Source) (*tls.Certificate, error) {
	current, err := source.Current()
	if err != nil {
		return nil, err
	}
	return &current.Certificate, nil
}

func config(source Source, policy Policy, peer Side, alpn []string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		NextProtos: alpn,
		// A ticket would carry an earlier decision into a new connection, past withdrawal and renewal.
		SessionTicketsDisabled: true,
		VerifyConnection: func(s tls.ConnectionState) error {
			if s.NegotiatedProtocol == "" && len(alpn) > 0 {
				return noProtocol(nil, alpn)
			}
			current, err := source.Current()
			if err != nil {
				return err
			}
			// Whether a dialling peer has the key of its certificate is checked after this, before the handshake is
			// over.
			_, err = policy.Judge(s.PeerCertificates, current.Roots, peer)
			return err
		},
	}
}
