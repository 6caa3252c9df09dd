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
	// form is the format of the files, written in their first line.
	form = 1
	// maxFile bounds a file, maxHeader its first line.
	maxFile, maxHeader = 64 << 10, 1 << 10
)

// kind is the kind of key in a file.
type kind string

const (
	kindRoot    kind = "root key"
	kindIssuing kind = "issuing key"
)

// protection is how the secret in a file is protected.
type protection string

const (
	byPassphrase protection = "passphrase"
	byKeyFile    protection = "key file"
	byNothing    protection = "nothing"
)

// header is the first line of a file, readable without a key. It is a disk format.
type header struct {
	Form   int        `json:"hotpair_key_form"`
	Kind   kind       `json:"kind"`
	Pair   string     `json:"pair"`
	Sealed protection `json:"sealed_by"`
	// Sum is the SHA-256 of all that follows, so that damage is not mistaken for a wrong seal.
	Sum string `json:"sha256"`
}

// secret is the sealed content. It is a disk format.
type secret struct {
	Kind kind   `json:"kind"`
	Pair string `json:"pair"`
	// Chain are certificates, the key's own first and the root's last; Key is its private key (PKCS #8).
	Chain [][]byte `json:"chain"`
	Key   []byte   `json:"key"`
}

// holder is a key with its chain.
type holder struct {
	pair  string
	chain []*x509.Certificate
	key   crypto.Signer
}

// encode encodes a file. Without recipients the secret is not encrypted.
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

// decode reads a file, opened with the identities that identify returns for its protection. It checks that all parts
// fit.
func decode(raw []byte, k kind, identify func(protection) ([]age.Identity, error)) (holder, error) {
	head, body, err := split(raw, k)
	if err != nil {
		return holder{}, err
	}
	if head.Sealed == byNothing && k == kindIssuing {
		return holder{}, damaged("the issuing key is not sealed")
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
		return holder{}, damaged("its sealed content is unreadable")
	}
	if s.Kind != head.Kind || s.Pair != head.Pair {
		return holder{}, damaged(fmt.Sprintf("its first line says the %s of pair %q, but sealed in it is the %.40q of pair %.100q", head.Kind, head.Pair, string(s.Kind), s.Pair))
	}
	return s.open()
}

func split(raw []byte, k kind) (head header, body []byte, err error) {
	first, body, found := bytes.Cut(raw, []byte("\n"))
	if !found || len(first) > maxHeader || json.Unmarshal(first, &head) != nil || head.Form == 0 {
		return head, nil, damaged(fmt.Sprintf("it is not a file with the %s of a pair", k))
	}
	switch {
	case head.Form != form:
		return head, nil, damaged(fmt.Sprintf("it has format %d, but this program knows format %d", head.Form, form))
	case head.Kind != k:
		return head, nil, damaged(fmt.Sprintf("it holds the %.40q, expected the %s", string(head.Kind), k))
	case identity.Witness(head.Pair).Check() != nil:
		return head, nil, damaged(fmt.Sprintf("%.100q is not a pair id", head.Pair))
	case head.Sum != sealing.Sum(body):
		return head, nil, damaged("its checksum does not match")
	case head.Sealed != byPassphrase && head.Sealed != byKeyFile && head.Sealed != byNothing:
		return head, nil, damaged(fmt.Sprintf("it is sealed by %.40q, which this program does not know", string(head.Sealed)))
	}
	return head, body, nil
}

func damaged(why string) error {
	return fmt.Errorf("%w: %s; restore it from a copy", ErrDamaged, why)
}

func unseal(body []byte, by protection, identities []age.Identity) ([]byte, error) {
	text, err := sealing.Open(body, maxFile, identities...)
	switch {
	case errors.Is(err, sealing.ErrOther) && by == byPassphrase:
		return nil, fmt.Errorf("%w: the file has another passphrase", ErrPassphrase)
	case errors.Is(err, sealing.ErrOther):
		return nil, fmt.Errorf("%w: provide the key file that it was sealed for, or have the root sign a new issuing key (hotpair authority rotate)", ErrWrongSeal)
	case err != nil:
		return nil, damaged(err.Error())
	}
	return text, nil
}

// open checks that the parts of a secret fit: a chain in order, each signed by the next, of one pair, and the key of
// the first.
func (s secret) open() (holder, error) {
	h := holder{pair: s.Pair}
	for _, raw := range s.Chain {
		c, err := x509.ParseCertificate(raw)
		if err != nil {
			return holder{}, damaged("it contains an unreadable certificate")
		}
		h.chain = append(h.chain, c)
	}
	key, err := x509.ParsePKCS8PrivateKey(s.Key)
	signer, ok := key.(crypto.Signer)
	if err != nil || !ok || len(h.chain) == 0 {
		return holder{}, damaged("its key is unreadable")
	}
	public, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(h.chain[0].PublicKey) {
		return holder{}, damaged("its key does not belong to its certificate")
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
		return nil, fmt.Errorf("%s: %w", path, damaged(fmt.Sprintf("it is larger than %d bytes", maxFile)))
	}
	return raw, nil
}

// create writes a new file, readable by its owner only: an existing file may be the only copy, so it is never
// overwritten.
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
		return fmt.Errorf("%w: %s; move it away first: what was issued with it depends on it", ErrExists, path)
	}
	return err
}

// passphrase returns the identities that open a file with a passphrase.
func passphrase(words string) func(protection) ([]age.Identity, error) {
	return func(by protection) ([]age.Identity, error) {
		if by != byPassphrase {
			return nil, damaged("the root key is sealed by a " + string(by))
		}
		id, err := sealing.By(words)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrPassphrase, err)
		}
		return []age.Identity{id}, nil
	}
}
