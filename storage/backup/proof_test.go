package backup

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// ours is what proves the backups of these tests.
var ours = Proof{Key: "the key of the pair"}

// TestFault_C15_OnlyThePairMakesBackups: a backup had a checksum, which anybody can work out: whoever could write to the place where backups lie
// could put other data into the next restore. Each is proved by a key of the pair, and refused with a sentence that says what is
// missing; nothing is left of a restore that was refused.
func TestFault_C15_OnlyThePairMakesBackups(t *testing.T) {
	s := newSource(t)
	s.grow(50)
	s.flush()
	good := s.back(func() {})
	tail := len(good) - 2*sha256.Size
	// Whatever somebody without the key puts into a file, its checksums fit. The proof he can only guess.
	forged := bytes.Clone(good)
	sum := sha256.Sum256(good[:tail])
	if !bytes.Equal(sum[:], good[tail:tail+sha256.Size]) {
		t.Fatal("the checksum does not stand where this test looks for it")
	}
	copy(forged[tail+sha256.Size:], bytes.Repeat([]byte{7}, sha256.Size))
	other := NewWriter("the key of another pair")
	foreign := s.backBy(other, func() {})
	for _, c := range []struct {
		name  string
		file  []byte
		proof Proof
		says  string // "" for what is taken
	}{
		{"the pair's", good, ours, ""},
		{"made without the key", forged, ours, "without the pair's key"},
		{"another pair's", foreign, ours, "made with key"},
		{"no key given", good, Proof{}, "no key was given"},
		{"another key given", good, Proof{Key: "wrong"}, "use the secret that the pair had then"},
		{"unproved", forged, Proof{Unproved: true}, ""},
		{"another pair's, unproved", foreign, Proof{Key: ours.Key, Unproved: true}, ""},
		{"forged under the pair's name, unproved", forged, Proof{Key: ours.Key, Unproved: true}, "without the pair's key"},
	} {
		path, dir := write(t, c.file), filepath.Join(t.TempDir(), "data")
		summary, err := Check(t.Context(), path, c.proof, nil)
		_, restored := Restore(t.Context(), RestoreConfig{File: path, Dir: dir, Host: "a", Proof: c.proof})
		if c.says == "" {
			if err != nil || restored != nil || summary.Proved != (c.name == "the pair's") {
				t.Errorf("%s: %v, %v, proved %v", c.name, err, restored, summary.Proved)
			}
			continue
		}
		for _, err := range []error{err, restored} {
			if !errors.Is(err, ErrUnproved) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: %v, want it to say %q", c.name, err, c.says)
			}
		}
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: something is left (%v)", c.name, err)
		}
	}
	if _, err := new(Writer).Begin(Header{}); !errors.Is(err, ErrUnproved) {
		t.Errorf("without a key: %v", err)
	}
}
