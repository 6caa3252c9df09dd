package identity_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"testing"

	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/identity/identitytest"
)

// shake does a handshake of both sides over loopback, and what each says of it. The client reads a byte, which the server sends: until then it
// does not know what the server thinks.
func shake(t *testing.T, server, client *tls.Config) (state tls.ConnectionState, serverErr, clientErr error) {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	said := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			_, err = c.Write([]byte{'x'})
			_ = c.Close()
		}
		said <- err
	}()
	raw, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	c := tls.Client(raw, client)
	if clientErr = c.Handshake(); clientErr == nil {
		_, clientErr = c.Read(make([]byte, 1))
	}
	_ = raw.Close()
	return c.ConnectionState(), <-said, clientErr
}

// crypto/tls is told to verify nothing (InsecureSkipVerify): so it must be seen that everything is verified all the same, at every handshake.
func TestClient_VerifiesByItself(t *testing.T) {
	pair, stranger := identitytest.NewPair(t, "p1"), identitytest.NewPair(t, "p1")
	fromA, fromB := identity.Policy{Expect: identity.Exactly(hostA)}, identity.Policy{Expect: identity.Exactly(hostB)}
	server := pair.Source(hostA)
	client := identity.Client(pair.Source(hostB), fromA, "x")
	cache := tls.NewLRUClientSessionCache(10)
	client.ClientSessionCache, client.ServerName = cache, "what tickets are kept for"
	listening := identity.Server(server, fromB, "x")
	for range 2 {
		state, theirs, ours := shake(t, listening, client)
		if theirs != nil || ours != nil || state.DidResume || state.Version != tls.VersionTLS13 {
			t.Fatalf("%v, %v, %+v", theirs, ours, state)
		}
	}
	// The same server with a certificate of another authority, while it runs: no ticket and nothing remembered lets it through.
	server.Set(stranger.Credentials(hostA))
	_, theirs, ours := shake(t, listening, client)
	if !errors.Is(ours, identity.ErrUnknownAuthority) {
		t.Errorf("who dialled: %v", ours)
	}
	if explained := identity.Explain(theirs, hostA, identity.Dialling, true); !errors.Is(explained, identity.ErrRefused) {
		t.Errorf("who listened: %v", explained)
	}
	// And with the right authority and another name.
	server.Set(pair.Credentials(identity.Host("p1", "c")))
	if _, _, ours := shake(t, listening, client); !errors.Is(ours, identity.ErrWrongName) {
		t.Errorf("another name: %v", ours)
	}
	server.Set(pair.Credentials(hostA))
	if _, theirs, ours := shake(t, listening, client); theirs != nil || ours != nil {
		t.Errorf("put right: %v, %v", theirs, ours)
	}
}

// Roots may change on both sides while they run: in the time between, a side that has both knows either.
func TestServer_RootsChangeWhileItRuns(t *testing.T) {
	old, next := identitytest.NewPair(t, "p1"), identitytest.NewPair(t, "p1")
	source := old.Source(hostA)
	listening := identity.Server(source, identity.Policy{Expect: identity.Exactly(hostB)}, "x")
	expect := identity.Policy{Expect: identity.Exactly(hostA)}
	of := func(pair *identitytest.Pair) *tls.Config {
		c := *pair.Credentials(hostB)
		c.Roots = append(c.Roots, old.Root, next.Root)
		return identity.Client(identity.NewMemory(&c), expect, "x")
	}
	try := func(what string, client *tls.Config, in bool) {
		t.Helper()
		if _, theirs, ours := shake(t, listening, client); in != (theirs == nil && ours == nil) || !in && !errors.Is(theirs, identity.ErrUnknownAuthority) {
			t.Errorf("%s: %v, %v", what, theirs, ours)
		}
	}
	try("of the old authority", of(old), true)
	try("of the new one", of(next), false)
	both := *old.Credentials(hostA)
	both.Roots = append(both.Roots, next.Root)
	source.Set(&both)
	try("of the old authority, with both", of(old), true)
	try("of the new one, with both", of(next), true)
	source.Set(next.Credentials(hostA))
	try("of the old authority, which is gone", of(old), false)
	try("of the new one alone", of(next), true)
}

// Who listens to those who prove themselves otherwise, as operators at a browser do, asks them for no certificate.
func TestServer_AsksNobodyForNothing(t *testing.T) {
	pair := identitytest.NewPair(t, "p1")
	listening := identity.Server(pair.Source(hostA), identity.Policy{Unproved: true})
	client := identity.Client(identity.NewMemory(&identity.Credentials{Roots: []*x509.Certificate{pair.Root}}), identity.Policy{Expect: identity.Exactly(hostA)})
	asked := false
	client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		asked = true
		return &tls.Certificate{}, nil
	}
	if _, theirs, ours := shake(t, listening, client); theirs != nil || ours != nil || asked {
		t.Errorf("%v, %v, asked %v", theirs, ours, asked)
	}
}
