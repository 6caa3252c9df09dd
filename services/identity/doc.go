// Package identity authenticates the other end of a connection.
//
// A pair is a trust domain: each member has a certificate with one name, such as spiffe://PAIR/host/a, and knows the
// roots of the pair. [Policy] judges what a peer presents; [Server] and [Client] apply it in TLS 1.3; a [Source]
// returns this process's certificate and the roots, which may change while connections are made. The package opens no
// port: services/door does.
//
// The usual verification by crypto/tls and crypto/x509 does not fit, for two reasons. It refuses by the clock, but a
// wrong clock must not stop a healthy pair: here expiry is a rule of our own, see [Policy]. And its roots can't
// change while it runs. So both sides tell crypto/tls not to verify a chain, and verify all of it in
// VerifyConnection, which is called in every handshake.
//
//	config := identity.Client(source, identity.Policy{Expect: identity.Exactly(identity.Host(pair, "b"))}, "hotpair")
package identity
