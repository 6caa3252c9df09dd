// Package sealing protects what stands in a file with a passphrase or a key file. What it seals the age command opens.
package sealing

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"
)

// Work is the cost of a passphrase, as a power of two: about a second and 128 MiB. What costs more than mostWork is no file of ours.
const Work, mostWork = 17, 19

// What is wrong, for a sentence that names the file or what opens it.
var (
	// ErrOther: it was sealed for another key, or with another passphrase.
	ErrOther = errors.New("it was sealed for another one")
	// ErrSeal: what Open was given is nothing that is sealed.
	ErrSeal = errors.New("the seal can't be read")
	// ErrPart: a part is missing or was changed.
	ErrPart = errors.New("what is sealed in it is not whole")
	// ErrNoPassphrase: no passphrase was given.
	ErrNoPassphrase = errors.New("it has one, and none was given")
)

// Seal gives a text that only these can open.
func Seal(body []byte, recipients ...age.Recipient) ([]byte, error) {
	var out bytes.Buffer
	text := armor.NewWriter(&out)
	to, err := age.Encrypt(text, recipients...)
	if err != nil {
		return nil, err
	}
	if _, err := to.Write(body); err != nil {
		return nil, err
	}
	if err := errors.Join(to.Close(), text.Close()); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// Open gives what Seal was given, of at most so many bytes. The error is ErrOther, ErrSeal or ErrPart.
func Open(text []byte, most int64, identities ...age.Identity) ([]byte, error) {
	from, err := age.Decrypt(armor.NewReader(bytes.NewReader(text)), identities...)
	var other *age.NoIdentityMatchError
	switch {
	case errors.As(err, &other):
		return nil, ErrOther
	case err != nil: // what the library says could quote a key
		return nil, ErrSeal
	}
	body, err := io.ReadAll(io.LimitReader(from, most+1))
	if err != nil || int64(len(body)) > most {
		return nil, ErrPart
	}
	return body, nil
}

// To is for whom to seal what a passphrase opens, at a cost: Work, and less in tests.
func To(words string, work int) (age.Recipient, error) {
	to, err := age.NewScryptRecipient(words)
	if err != nil {
		return nil, err
	}
	to.SetWorkFactor(work)
	return to, nil
}

// By is what a passphrase opens things by. The error is ErrNoPassphrase.
func By(words string) (age.Identity, error) {
	if strings.TrimSpace(words) == "" {
		return nil, ErrNoPassphrase
	}
	by, err := age.NewScryptIdentity(words)
	if err != nil {
		return nil, err
	}
	by.SetMaxWorkFactor(mostWork)
	return by, nil
}

// Sum names bytes by their SHA-256: damage that it finds is not taken for a wrong passphrase.
func Sum(body []byte) string {
	digest := sha256.Sum256(body)
	return hex.EncodeToString(digest[:])
}
