package identity

import "github.com/hotpair/hotpair/services/fault"

// What is wrong with a peer, or with the way to it. Each is wrapped by a sentence that says what was expected and what came.
var (
	// ErrMalformed: a text is no Name.
	ErrMalformed = fault.New("identity-name", "no name of a pair's member")
	// ErrNoCertificate: the peer showed none.
	ErrNoCertificate = fault.New("identity-no-certificate", "no certificate")
	// ErrKey: its key is neither ECDSA P-256 nor Ed25519.
	ErrKey = fault.New("identity-key", "a key of the wrong kind")
	// ErrUnknownAuthority: its chain leads to none of the pair's roots.
	ErrUnknownAuthority = fault.New("identity-authority", "certificate of an unknown authority")
	// ErrUsage: the certificate is for something else.
	ErrUsage = fault.New("identity-usage", "certificate for another use")
	// ErrWrongPair: it is of another pair.
	ErrWrongPair = fault.New("identity-pair", "of another pair")
	// ErrWrongName: it is of the pair, and not who was expected, or has not exactly one name.
	ErrWrongName = fault.New("identity-peer", "not the one expected")
	// ErrWithdrawn: its certificate was withdrawn.
	ErrWithdrawn = fault.New("identity-withdrawn", "withdrawn certificate")
	// ErrNotAdmitted: whoever asks for more than a name says no (Policy.Admit).
	ErrNotAdmitted = fault.New("identity-not-admitted", "not admitted")
	// ErrExpired: the certificate is past its time and all grace, or that long before it.
	ErrExpired = fault.New("identity-expired", "certificate out of its time")

	// ErrNotTLS: what came is not TLS.
	ErrNotTLS = fault.New("identity-not-tls", "no TLS")
	// ErrVersion: it speaks an older TLS only.
	ErrVersion = fault.New("identity-version", "no TLS 1.3")
	// ErrProtocol: there is no protocol that both sides offer (ALPN).
	ErrProtocol = fault.New("identity-protocol", "no common protocol")
	// ErrRefused: the other side has refused, and the reason is in its log.
	ErrRefused = fault.New("identity-refused", "the other side refused the handshake")
	// ErrHandshakeTimeout: the handshake took too long.
	ErrHandshakeTimeout = fault.New("identity-timeout", "handshake not over in time")
	// ErrHandshakeEnded: the connection ended in the middle of it.
	ErrHandshakeEnded = fault.New("identity-ended", "connection ended during the handshake")
	// ErrHandshake: it failed in another way.
	ErrHandshake = fault.New("identity-handshake", "handshake failed")

	// ErrCredentials: the own certificate, key or roots can't be used, or there are none yet.
	ErrCredentials = fault.New("identity-credentials", "own certificate can't be used")
)
