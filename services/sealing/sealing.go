// Package sealing encrypts the content of a file with a passphrase or a key file. The age command can open it.
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

// Work is the cost of a passphrase, as a power of two: about a second and 128 MiB. A file that costs more than
// mostWork is not ours.
const Work, mostWork = 17, 19

// Errors, for a sentence that names the file or the key.
var (
	// ErrOther: it was sealed for another key, or with another passphrase.
	ErrOther = errors.New("it was sealed for another key or passphrase")
	// ErrSeal: the input of Open is not sealed.
	ErrSeal = errors.New("the seal is unreadable")
	// ErrPart: a part is missing or was changed.
	ErrPart = errors.New("the sealed content is incomplete or was changed")
	// ErrNoPassphrase: no passphrase was given.
	ErrNoPassphrase = errors.New("the file has a passphrase, but none was given")
)

// Seal encrypts a text for these recipients.
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

// Open returns the input of Seal, of at most so many bytes. The error is ErrOther, ErrSeal or ErrPart.
func Open(text []byte, most int64, identities ...age.Identity) ([]byte, error) {
	from, err := age.Decrypt(armor.NewReader(bytes.NewReader(text)), identities...)
	var other *age.NoIdentityMatchError
	switch {
	case errors.As(err, &other):
		return nil, ErrOther
	case err != nil: // the library's error could quote a key
		return nil, ErrSeal
	}
	body, err := io.ReadAll(io.LimitReader(from, most+1))
	if err != nil || int64(len(body)) > most {
		return nil, ErrPart
	}
	return body, nil
}

// To is the recipient for a passphrase, at a cost: Work, or less in tests.
func To(words string, work int) (age.Recipient, error) {
	to, err := age.NewScryptRecipient(words)
	if err != nil {
		return nil, err
	}
	to.SetWorkFactor(work)
	return to, nil
}

// By is the identity of a passphrase. The error is ErrNoPassphrase.
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

// Sum returns the SHA-256 of bytes: so that damage is not mistaken for a wrong passphrase.
func Sum(body []byte) string {
	digest := sha256.Sum256(body)
	return hex.EncodeToString(digest[:])
}
