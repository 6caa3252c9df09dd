package identity

import (
	"crypto/tls"
)

// Server is the TLS of who listens, for peers that dial: mutual, TLS 1.3, a certificate from the source and the roots that it gives in the
// moment of each handshake. alpn are the protocols that are spoken; a peer that offers none of them is refused.
func Server(source Source, policy Policy, alpn ...string) *tls.Config {
	c := config(source, policy, Dialling, alpn)
	// Asked for, and not required: so that who shows none is refused by the policy, with its sentence.
	c.ClientAuth = tls.RequestClientCert
	if policy.Unproved { // nobody looks at it, and a browser would ask its user for one
		c.ClientAuth = tls.NoClientCert
	}
	c.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return own(source) }
	return c
}

// Client is the TLS of who dials, for the peer that listens.
//
// The handshake of who dials is over before the peer has judged: in TLS 1.3 a refusal comes with the first read. services/door waits
// for a word of welcome.
func Client(source Source, policy Policy, alpn ...string) *tls.Config {
	c := config(source, policy, Listening, alpn)
	// crypto/tls verifies no chain and no host name then. It would do both by the clock, with roots that can't change, and for a DNS
	// name, which members of a pair do not have. VerifyConnection below verifies everything, in each handshake, resumed or not (and none is
	// resumed); that the peer has the key of its certificate crypto/tls checks in any case. TestClient_VerifiesByItself holds it.
	c.InsecureSkipVerify = true
	// Nobody needs the name of who is dialled but who sees the certificate.
	c.ServerName = ""
	// Also to a server that names other authorities: it will say no itself, with a better reason.
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
		// A ticket would carry a decision of then into a connection of now, past withdrawal and renewal.
		SessionTicketsDisabled: true,
		VerifyConnection: func(s tls.ConnectionState) error {
			if s.NegotiatedProtocol == "" && len(alpn) > 0 {
				return noProtocol(nil, alpn)
			}
			current, err := source.Current()
			if err != nil {
				return err
			}
			// That who dials has the key of its certificate is checked after this, before the handshake is over.
			_, err = policy.Judge(s.PeerCertificates, current.Roots, peer)
			return err
		},
	}
}
