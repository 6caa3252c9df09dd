package sealing

import (
	"bytes"
	"errors"
	"testing"

	"filippo.io/age"
)

// TestOpen_GivesWhatWasSealed, and says what is wrong otherwise: it takes another key, it is no seal, it is cut or changed, it is too long.
func TestOpen_GivesWhatWasSealed(t *testing.T) {
	to, err := To("correct horse", 2)
	if err != nil {
		t.Fatal(err)
	}
	by := func(words string) age.Identity {
		id, err := By(words)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	body := bytes.Repeat([]byte("secret "), 100)
	text, err := Seal(body, to)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Open(text, int64(len(body)), by("correct horse")); err != nil || !bytes.Equal(got, body) {
		t.Errorf("%q, %v", got, err)
	}
	changed := bytes.Clone(text)
	at := bytes.LastIndex(changed, []byte("\n-----END")) - 8
	changed[at] ^= 1
	for name, one := range map[string]struct {
		text  []byte
		most  int
		words string
		want  error
	}{
		"another passphrase": {text, len(body), "wrong horse", ErrOther},
		"no seal":            {body, len(body), "correct horse", ErrSeal},
		"changed":            {changed, len(body), "correct horse", ErrPart},
		"too long":           {text, len(body) - 1, "correct horse", ErrPart},
	} {
		if got, err := Open(one.text, int64(one.most), by(one.words)); !errors.Is(err, one.want) || got != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if _, err := By(" "); !errors.Is(err, ErrNoPassphrase) {
		t.Errorf("%v", err)
	}
}
