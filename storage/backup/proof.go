package backup

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
)

// Key is the key with which a pair proves its backups: without it, nobody can make one, or change one unnoticed.
type Key string

func (k Key) mac(of string, data []byte) []byte {
	m := hmac.New(sha256.New, []byte(k))
	m.Write([]byte(of)) // never fails
	m.Write(data)
	return m.Sum(nil)
}

// Name identifies the key without disclosing it.
func (k Key) Name() string { return hex.EncodeToString(k.mac("name", nil)[:4]) }

// prove gives what only the key's owner can give for a file with that checksum.
func (k Key) prove(sum []byte) []byte { return k.mac("file", sum) }

// Proof is what a reader accepts as proof of a backup. The zero Proof accepts none.
type Proof struct {
	Key Key
	// Unproved: nothing has to. Anybody can have made the file; who says so vouches for it. One that names the key that was given is
	// refused all the same when the key does not fit.
	Unproved bool
	// Unseal, if not nil, decrypts the file as it is read.
	Unseal func(io.Reader) (io.Reader, error)
}

// expects refuses a backup that names another key than the one to prove it by. The error is ErrUnproved.
func (p Proof) expects(h Header) error {
	switch {
	case p.Unproved:
		return nil
	case p.Key == "":
		return fmt.Errorf("%w: no key was given to prove it with", ErrUnproved)
	case p.Key.Name() != h.Key:
		return fmt.Errorf("%w: it was made with key %q, but the pair secret given here has key %q: use the secret that the pair had then", ErrUnproved, h.Key, p.Key.Name())
	}
	return nil
}

// holds reports whether a file with that checksum is proved. The error is ErrUnproved when it has to be and is not.
func (p Proof) holds(h Header, sum, proof []byte) (bool, error) {
	switch {
	case p.Key != "" && hmac.Equal(proof, p.Key.prove(sum)):
		return true, nil
	case p.Unproved && (p.Key == "" || p.Key.Name() != h.Key):
		return false, nil
	}
	return false, fmt.Errorf("%w: it was changed or made without the pair's key", ErrUnproved)
}
