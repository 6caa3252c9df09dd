// Package identity says who is at the other end of a connection.
//
// A pair is a trust domain: everybody in it has a certificate with one name, spiffe://PAIR/host/a, and knows the roots of the pair.
// [Policy] decides about what a peer shows; [Server] and [Client] put that into TLS 1.3; a [Source] gives the own certificate and the
// roots, which may change while connections are made. The package opens no port: services/door does.
//
// The usual way, verification by crypto/tls and crypto/x509, won't do for two reasons. It refuses by the clock, and a clock that is wrong
// must not stop a pair that is well: here expiry is a rule of our own, see [Policy]. And its roots can't change while it runs. So both
// sides tell crypto/tls to verify no chain, and verify all of it themselves in VerifyConnection, which is called in every handshake.
//
//	config := identity.Client(source, identity.Policy{Expect: identity.Exactly(identity.Host(pair, "b"))}, "hotpair")
package identity
