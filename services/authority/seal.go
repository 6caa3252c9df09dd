package authority

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"filippo.io/age"

	"github.com/hotpair/hotpair/services/identity"
)

// maxSealFile bounds a key file, maxSeals the keys in it: a new one beside the one that it replaces.
const (
	maxSealFile = 16 << 10
	maxSeals    = 4
)

// Seal is a key file that opens what was sealed for it. Keep it out of the data directory and of backups: both files
// together give access to the key. It is an identity file of age (X25519), so the age command opens what it seals.
type Seal struct{ identities []*age.X25519Identity }

// Recipient is the public key to seal something for. It is not a secret: hosts exchange it.
type Recipient string

// MakeSeal makes a seal, and returns the content of its key file.
func MakeSeal() (*Seal, []byte, error) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, nil, err
	}
	text := fmt.Sprintf("# Opens the issuing key of a hotpair host. Keep it out of the data directory and its backups.\n# public key: %s\n%s\n", id.Recipient(), id)
	return &Seal{[]*age.X25519Identity{id}}, []byte(text), nil
}

// NewSeal makes a key file. It never overwrites one.
func NewSeal(path string) (*Seal, error) {
	s, text, err := MakeSeal()
	if err != nil {
		return nil, err
	}
	if err := create(path, text); err != nil {
		return nil, fmt.Errorf("key file of the seal: %w", err)
	}
	return s, nil
}

// ReadSeal reads a key file, which only its owner may read. The error is ErrSealLost when there is none.
func ReadSeal(path string) (*Seal, error) {
	raw, err := identity.ReadPrivate(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: no file %s; restore it from a copy, or have the root sign a new issuing key (hotpair authority rotate)", ErrSealLost, path)
	case err != nil:
		return nil, fmt.Errorf("key file of the seal: %w", err)
	}
	s, err := ParseSeal(raw)
	if err != nil {
		return nil, fmt.Errorf("key file of the seal: %s: %w", path, err)
	}
	return s, nil
}

// ParseSeal reads the content of a key file. The error is ErrDamaged.
func ParseSeal(raw []byte) (*Seal, error) {
	if len(raw) > maxSealFile {
		return nil, damaged(fmt.Sprintf("it is larger than %d bytes", maxSealFile))
	}
	s := &Seal{}
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		id, err := age.ParseX25519Identity(line)
		if err != nil { // the library's error could quote the key
			return nil, damaged("one of its lines is neither a comment nor an X25519 key (AGE-SECRET-KEY-1…)")
		}
		if s.identities = append(s.identities, id); len(s.identities) > maxSeals {
			return nil, damaged(fmt.Sprintf("it contains more than %d keys", maxSeals))
		}
	}
	if len(s.identities) == 0 {
		return nil, damaged("it contains no key")
	}
	return s, nil
}

// Recipient is the public key of its first key.
func (s *Seal) Recipient() Recipient { return Recipient(s.identities[0].Recipient().String()) }

func (s *Seal) identify(by protection) ([]age.Identity, error) {
	if by != byKeyFile {
		return nil, damaged("the issuing key is sealed by a " + string(by))
	}
	list := make([]age.Identity, len(s.identities))
	for i, id := range s.identities {
		list[i] = id
	}
	return list, nil
}
