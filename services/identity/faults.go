package identity

import "github.com/hotpair/hotpair/services/fault"

// Faults of a peer, or of the connection to it. Each is wrapped by a sentence that says what was expected and what
// was received.
var (
	// ErrMalformed: a text is not a Name.
	ErrMalformed = fault.New("identity-name", "not the name of a member of a pair")
	// ErrNoCertificate: the peer presented none.
	ErrNoCertificate = fault.New("identity-no-certificate", "no certificate")
	// ErrKey: its key is neither ECDSA P-256 nor Ed25519.
	ErrKey = fault.New("identity-key", "unsupported kind of key")
	// ErrUnknownAuthority: its chain does not lead to one of the pair's roots.
	ErrUnknownAuthority = fault.New("identity-authority", "certificate of an unknown authority")
	// ErrUsage: the certificate is not valid for this use.
	ErrUsage = fault.New("identity-usage", "certificate for another use")
	// ErrWrongPair: it belongs to another pair.
	ErrWrongPair = fault.New("identity-pair", "of another pair")
	// ErrWrongName: it belongs to the pair, but is not the expected member, or does not have exactly one name.
	ErrWrongName = fault.New("identity-peer", "not the expected member")
	// ErrWithdrawn: its certificate was withdrawn.
	ErrWithdrawn = fault.New("identity-withdrawn", "withdrawn certificate")
	// ErrNotAdmitted: a further check refuses it (Policy.Admit).
	ErrNotAdmitted = fault.New("identity-not-admitted", "not admitted")
	// ErrExpired: the certificate is past its time and all grace, or that long before it.
	ErrExpired = fault.New("identity-expired", "certificate expired or not yet valid")

	// ErrNotTLS: the received data are not TLS.
	ErrNotTLS = fault.New("identity-not-tls", "no TLS")
	// ErrVersion: it offers only an older TLS.
	ErrVersion = fault.New("identity-version", "no TLS 1.3")
	// ErrProtocol: both sides have no protocol in common (ALPN).
	ErrProtocol = fault.New("identity-protocol", "no common protocol")
	// ErrRefused: the other side refused; its log has the reason.
	ErrRefused = fault.New("identity-refused", "the other side refused the handshake")
	// ErrHandshakeTimeout: the handshake took too long.
	ErrHandshakeTimeout = fault.New("identity-timeout", "handshake timed out")
	// ErrHandshakeEnded: the connection ended during the handshake.
	ErrHandshakeEnded = fault.New("identity-ended", "connection ended during the handshake")
	// ErrHandshake: it failed for another reason.
	ErrHandshake = fault.New("identity-handshake", "handshake failed")

	// ErrCredentials: this process's certificate, key or roots are unusable, or not loaded yet.
	ErrCredentials = fault.New("identity-credentials", "own certificate is unusable")
)
