package archive

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"filippo.io/age"

	"github.com/hotpair/hotpair/services/operator/offline"
	"github.com/hotpair/hotpair/storage/backup"
)

// TestTrials_ReadWhatTheyRestore: a good backup is restored and read, and the folder is gone; one that is damaged, of another pair, or restored
// into what can't hold it is told of, and the folder is gone too.
func TestTrials_ReadWhatTheyRestore(t *testing.T) {
	file := backedUp(t)
	folder := filepath.Join(t.TempDir(), "trial")
	held, err := Trials{}.Check(t.Context(), file, "key")
	if err != nil || held.Position.Sequence == 0 || held.Keys == 0 {
		t.Errorf("it holds %+v, %v", held, err)
	}
	if err := (Trials{}).Try(t.Context(), file, "key", folder); err != nil {
		t.Error(err)
	}
	if err := (Trials{}).Try(t.Context(), file, "another key", folder); !errors.Is(err, backup.ErrUnproved) {
		t.Errorf("of another pair: %v", err)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)/2] ^= 1
	damaged := filepath.Join(t.TempDir(), "damaged")
	if err := os.WriteFile(damaged, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (Trials{}).Try(t.Context(), damaged, "key", folder); err == nil {
		t.Error("a damaged one is restored")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (Trials{}).Try(ended, file, "key", folder); !errors.Is(err, context.Canceled) {
		t.Errorf("told to end: %v", err)
	}
	if _, err := os.Stat(folder); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is there: %v", err)
	}
}

// TestFiles_Encrypted: with the key it is read as a plain one; without, with another, cut off or changed it is refused in words that say so.
func TestFiles_Encrypted(t *testing.T) {
	raw, err := os.ReadFile(backedUp(t))
	if err != nil {
		t.Fatal(err)
	}
	key, err1 := age.GenerateX25519Identity()
	other, err2 := age.GenerateX25519Identity()
	var sealed bytes.Buffer
	w, err3 := age.Encrypt(&sealed, key.Recipient())
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(raw); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	unsealing := func(k age.Identity) offline.Proof {
		return offline.Proof{Key: "key", Unseal: unseal{k}.open}
	}
	changed := bytes.Clone(sealed.Bytes())
	changed[len(changed)/2] ^= 1
	for name, c := range map[string]struct {
		content []byte
		proof   offline.Proof
		want    error
	}{
		"with the key":          {sealed.Bytes(), unsealing(key), nil},
		"without":               {sealed.Bytes(), offline.Proof{Key: "key"}, backup.ErrSealed},
		"with another":          {sealed.Bytes(), unsealing(other), backup.ErrSealed},
		"cut off":               {sealed.Bytes()[:sealed.Len()-100], unsealing(key), backup.ErrDamaged},
		"changed":               {changed, unsealing(key), backup.ErrDamaged},
		"of another pair's key": {sealed.Bytes(), offline.Proof{Key: "other", Unseal: unseal{key}.open}, backup.ErrUnproved},
	} {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, c.content, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Files{}.Check(t.Context(), path, c.proof, nil)
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) || err != nil && !errors.Is(err, offline.ErrBackup) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		dir := filepath.Join(t.TempDir(), "data")
		done, err := Files{}.Restore(t.Context(), offline.RestoreRequest{Place: offline.Place{Dir: dir, Host: "a"}, File: path, Proof: c.proof}, func(string, float64) {})
		if (err == nil) != (c.want == nil) || err == nil && done.Position == "" {
			t.Errorf("%s: restored %+v, %v", name, done, err)
		}
	}
}

// unseal decrypts with one key.
type unseal struct{ key age.Identity }

func (u unseal) open(in io.Reader) (io.Reader, error) { return age.Decrypt(in, u.key) }
