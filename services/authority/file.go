package authority

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"filippo.io/age"

	"github.com/hotpair/hotpair/services/durable"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/sealing"
)

const (
	// form is that of the files, written in their first line.
	form = 1
	// maxFile bounds a file, maxHeader its first line.
	maxFile, maxHeader = 64 << 10, 1 << 10
)

// kind is what a file holds.
type kind string

const (
	kindRoot    kind = "root key"
	kindIssuing kind = "issuing key"
)

// protection is how the secret in a file is kept.
type protection string

const (
	byPassphrase protection = "passphrase"
	byKeyFile    protection = "key file"
	byNothing    protection = "nothing"
)

// header is the first line of a file, for whoever finds it. It is a form on disk.
type header struct {
	Form   int        `json:"hotpair_key_form"`
	Kind   kind       `json:"kind"`
	Pair   string     `json:"pair"`
	Sealed protection `json:"sealed_by"`
	// Sum is the SHA-256 of all that follows, so that damage is not taken for a wrong seal.
	Sum string `json:"sha256"`
}

// secret is what is sealed. It is a form on disk.
type secret struct {
	Kind kind   `json:"kind"`
	Pair string `json:"pair"`
	// Chain are certificates, that of the key first and the root last; Key is its private key (PKCS #8).
	Chain [][]byte `json:"chain"`
	Key   []byte   `json:"key"`
}

// holder is a key with its chain, as a file has it.
type holder struct {
	pair  string
	chain []*x509.Certificate
	key   crypto.Signer
}

// encode writes a file. With no recipients the secret stands in it as it is.
func (h holder) encode(k kind, by protection, recipients ...age.Recipient) ([]byte, error) {
	raw, err := x509.MarshalPKCS8PrivateKey(h.key)
	if err != nil {
		return nil, err
	}
	s := secret{Kind: k, Pair: h.pair, Key: raw, Chain: identity.DER(h.chain...)}
	body, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	if len(recipients) > 0 {
		if body, err = sealing.Seal(body, recipients...); err != nil {
			return nil, err
		}
	}
	first, err := json.Marshal(header{form, k, h.pair, by, sealing.Sum(body)})
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "%s\n%s", first, body), nil
}

// decode reads a file, and opens it with what identify gives for how it is protected. Nothing of it is believed before its parts fit.
func decode(raw []byte, k kind, identify func(protection) ([]age.Identity, error)) (holder, error) {
	head, body, err := split(raw, k)
	if err != nil {
		return holder{}, err
	}
	if head.Sealed == byNothing && k == kindIssuing {
		return holder{}, damaged("an issuing key that stands there unsealed")
	}
	if head.Sealed != byNothing {
		identities, err := identify(head.Sealed)
		if err != nil {
			return holder{}, err
		}
		if body, err = unseal(body, head.Sealed, identities); err != nil {
			return holder{}, err
		}
	}
	var s secret
	if err := json.Unmarshal(body, &s); err != nil {
		return holder{}, damaged("what is sealed in it can't be read")
	}
	if s.Kind != head.Kind || s.Pair != head.Pair {
		return holder{}, damaged(fmt.Sprintf("its first line is of the %s of pair %q, and sealed is the %.40q of pair %.100q", head.Kind, head.Pair, string(s.Kind), s.Pair))
	}
	return s.open()
}

func split(raw []byte, k kind) (head header, body []byte, err error) {
	first, body, found := bytes.Cut(raw, []byte("\n"))
	if !found || len(first) > maxHeader || json.Unmarshal(first, &head) != nil || head.Form == 0 {
		return head, nil, damaged(fmt.Sprintf("it is no file with the %s of a pair", k))
	}
	switch {
	case head.Form != form:
		return head, nil, damaged(fmt.Sprintf("it is of form %d, and this program knows form %d", head.Form, form))
	case head.Kind != k:
		return head, nil, damaged(fmt.Sprintf("it holds the %.40q, and the %s was expected", string(head.Kind), k))
	case identity.Witness(head.Pair).Check() != nil:
		return head, nil, damaged(fmt.Sprintf("%.100q is no id of a pair", head.Pair))
	case head.Sum != sealing.Sum(body):
		return head, nil, damaged("its checksum is another")
	case head.Sealed != byPassphrase && head.Sealed != byKeyFile && head.Sealed != byNothing:
		return head, nil, damaged(fmt.Sprintf("it is sealed by %.40q, which this program does not know", string(head.Sealed)))
	}
	return head, body, nil
}

func damaged(why string) error {
	return fmt.Errorf("%w: %s; take the copy that was kept of it", ErrDamaged, why)
}

func unseal(body []byte, by protection, identities []age.Identity) ([]byte, error) {
	text, err := sealing.Open(body, maxFile, identities...)
	switch {
	case errors.Is(err, sealing.ErrOther) && by == byPassphrase:
		return nil, fmt.Errorf("%w: it was written with another one", ErrPassphrase)
	case errors.Is(err, sealing.ErrOther):
		return nil, fmt.Errorf("%w: give the key file that it was sealed for, or have the root sign a new issuing key", ErrWrongSeal)
	case err != nil:
		return nil, damaged(err.Error())
	}
	return text, nil
}

// open holds that the parts of a secret fit: a chain in order, each signed by the next, of one pair, and the key of the first.
func (s secret) open() (holder, error) {
	h := holder{pair: s.Pair}
	for _, raw := range s.Chain {
		c, err := x509.ParseCertificate(raw)
		if err != nil {
			return holder{}, damaged("a certificate in it can't be read")
		}
		h.chain = append(h.chain, c)
	}
	key, err := x509.ParsePKCS8PrivateKey(s.Key)
	signer, ok := key.(crypto.Signer)
	if err != nil || !ok || len(h.chain) == 0 {
		return holder{}, damaged("the key in it can't be read")
	}
	public, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(h.chain[0].PublicKey) {
		return holder{}, damaged("the key in it is not that of its certificate")
	}
	if err := signedBy(h.chain); err != nil {
		return holder{}, damaged(err.Error())
	}
	h.key = signer
	return h, nil
}

// read reads a file with a key. The error is ErrNone when there is none.
func read(path, what string) ([]byte, error) {
	raw, err := identity.ReadPrivate(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: no %s at %s", ErrNone, what, path)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", what, err)
	case len(raw) > maxFile:
		return nil, fmt.Errorf("%s: %w", path, damaged(fmt.Sprintf("it has more than %d bytes", maxFile)))
	}
	return raw, nil
}

// create writes a file that does not exist yet, readable by its owner only: it may be the only one, so nothing is overwritten.
func create(path string, raw []byte) error {
	f, err := durable.Begin(path)
	if err != nil {
		return err
	}
	if _, err := f.Write(raw); err != nil {
		return errors.Join(err, f.Discard())
	}
	err = f.Create()
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: %s; what was issued with it would be lost, so move it away first", ErrExists, path)
	}
	return err
}

// passphrase gives what opens files that have one.
func passphrase(words string) func(protection) ([]age.Identity, error) {
	return func(by protection) ([]age.Identity, error) {
		if by != byPassphrase {
			return nil, damaged("a root key sealed by a " + string(by))
		}
		id, err := sealing.By(words)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrPassphrase, err)
		}
		return []age.Identity{id}, nil
	}
}
