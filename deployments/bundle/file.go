package bundle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/sealing"
	"github.com/hotpair/hotpair/services/strictjson"
)

const (
	// form is the format of the file, written in its first line.
	form = 1
	// MaxFile bounds a file, in bytes: it may name some thousand terminals. maxHead bounds its first line.
	MaxFile, maxHead = 4 << 20, 1 << 10
)

// Head is the first line of a bundle, readable without a passphrase. It is a disk format.
type Head struct {
	Form int `json:"hotpair_bundle"`
	// For is the name of the machine, as spiffe://PAIR/host/a.
	For     string    `json:"for"`
	Address string    `json:"address"`
	Made    time.Time `json:"made"`
	// Sealed reports whether a passphrase is needed.
	Sealed bool `json:"sealed"`
	// Sum is the SHA-256 of all that follows, so that damage is not mistaken for a wrong passphrase.
	Sum string `json:"sha256"`
}

// contents follow the first line. It is a disk format. It repeats the first line, which a seal does not cover.
type contents struct {
	For         string    `json:"for"`
	Address     string    `json:"address"`
	Made        time.Time `json:"made"`
	Settings    []string  `json:"settings"`
	Terminals   string    `json:"terminals,omitempty"`
	Secret      string    `json:"secret"`
	Certificate string    `json:"certificate"`
	Key         string    `json:"key"`
	Roots       string    `json:"roots"`
	Issuing     string    `json:"issuing,omitempty"`
	Seal        string    `json:"seal,omitempty"`
}

// Encode encodes a bundle, sealed with a passphrase unless that is empty. It refuses what Decode would refuse.
func (b Bundle) Encode(words string) ([]byte, error) { return b.encode(words, sealing.Work) }

func (b Bundle) encode(words string, work int) ([]byte, error) {
	b.Made = b.Made.UTC().Truncate(time.Second)
	if err := b.Check(); err != nil {
		return nil, fmt.Errorf("bundle of %s: %w", b.Name, err)
	}
	body, err := json.Marshal(contents{
		For: b.Name.String(), Address: b.Address, Made: b.Made, Settings: b.Settings, Terminals: b.Terminals.String(), Secret: b.Secret.Reveal(),
		Certificate: string(b.Certificate), Key: string(b.Key), Roots: string(b.Roots), Issuing: string(b.Issuing), Seal: string(b.Seal),
	})
	if err != nil {
		return nil, err
	}
	if words != "" {
		if body, err = seal(body, words, work); err != nil {
			return nil, err
		}
	}
	first, err := Head{form, b.Name.String(), b.Address, b.Made, words != "", sealing.Sum(body)}.encode()
	if err != nil {
		return nil, err
	}
	raw := append(append(first, '\n'), body...)
	if len(raw) > MaxFile {
		return nil, fmt.Errorf("bundle of %s: larger than %d bytes: add most of the terminals later with hotpair terminals add --file", b.Name, MaxFile)
	}
	return raw, nil
}

func (h Head) encode() ([]byte, error) { return json.Marshal(h) }

func seal(body []byte, words string, work int) ([]byte, error) {
	to, err := sealing.To(words, work)
	if err != nil {
		return nil, err
	}
	return sealing.Seal(body, to)
}

// Peek reads the first line, and checks that what follows is complete. The error is ErrDamaged.
func Peek(raw []byte) (Head, error) {
	head, _, err := split(raw)
	return head, err
}

// Decode reads a bundle. The error is ErrDamaged or ErrPassphrase.
func Decode(raw []byte, words string) (Bundle, error) {
	head, body, err := split(raw)
	if err != nil {
		return Bundle{}, err
	}
	if head.Sealed {
		if body, err = unseal(body, words); err != nil {
			return Bundle{}, err
		}
	}
	var c contents
	if err := strictjson.Decode(body, &c); err != nil {
		return Bundle{}, damaged("its contents are unreadable")
	}
	if c.For != head.For || c.Address != head.Address || !c.Made.Equal(head.Made) {
		return Bundle{}, damaged("its first line does not match its contents")
	}
	name, err := identity.Parse(c.For)
	if err != nil {
		return Bundle{}, damaged(err.Error())
	}
	var terminals config.Terminals
	if err := terminals.Decode(c.Terminals); err != nil {
		return Bundle{}, damaged("its list of terminals " + err.Error())
	}
	b := Bundle{
		Name: name, Address: c.Address, Made: c.Made, Settings: c.Settings, Terminals: terminals, Secret: config.Secret(c.Secret),
		Certificate: []byte(c.Certificate), Key: []byte(c.Key), Roots: []byte(c.Roots), Issuing: []byte(c.Issuing), Seal: []byte(c.Seal),
	}
	if err := b.Check(); err != nil {
		return Bundle{}, damaged(err.Error())
	}
	return b, nil
}

func split(raw []byte) (head Head, body []byte, err error) {
	first, body, found := bytes.Cut(raw, []byte("\n"))
	switch {
	case len(raw) > MaxFile:
		return head, nil, damaged(fmt.Sprintf("it is larger than %d bytes", MaxFile))
	case !found || len(first) > maxHead || strictjson.Decode(first, &head) != nil || head.Form == 0:
		return Head{}, nil, damaged("its first line is not that of a bundle")
	case head.Form != form:
		return Head{}, nil, damaged(fmt.Sprintf("it has format %d, but this program knows format %d: use the hotpair that made it", head.Form, form))
	}
	// Any other encoding than ours was changed.
	if again, err := head.encode(); err != nil || !bytes.Equal(again, first) {
		return Head{}, nil, damaged("its first line was changed")
	}
	if head.Sum != sealing.Sum(body) {
		return Head{}, nil, damaged("its checksum does not match: a part is missing or was changed")
	}
	return head, body, nil
}

func unseal(body []byte, words string) ([]byte, error) {
	by, err := sealing.By(words)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPassphrase, err)
	}
	text, err := sealing.Open(body, MaxFile, by)
	switch {
	case errors.Is(err, sealing.ErrOther):
		return nil, fmt.Errorf("%w: the bundle has another passphrase", ErrPassphrase)
	case err != nil:
		return nil, damaged(err.Error())
	}
	return text, nil
}

// Sum identifies a bundle by its bytes, so that a machine recognises it.
func Sum(raw []byte) string { return sealing.Sum(raw) }

func damaged(why string) error {
	return fmt.Errorf("%w: %s; copy it again from the machine where it was made", ErrDamaged, why)
}
