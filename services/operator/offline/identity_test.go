package offline

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/hotpair/hotpair/services/operator"
)

// TestUnsealing: a file with keys decrypts what is encrypted to one of them and leaves what is not as it is; a file that holds none is wrong
// usage, and nothing of it is said.
func TestUnsealing(t *testing.T) {
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := file("good", "# created: today\n# public key: "+key.Recipient().String()+"\n"+key.String()+"\n")
	unseal, err := unsealing(good)
	if err != nil {
		t.Fatal(err)
	}
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, key.Recipient())
	if err == nil {
		_, err = io.WriteString(w, "the database")
		err = errors.Join(err, w.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, in := range map[string]io.Reader{"encrypted": &sealed, "plain": strings.NewReader("the database")} {
		out, err := unseal(in)
		if err != nil {
			t.Fatal(err)
		}
		if all, err := io.ReadAll(out); err != nil || string(all) != "the database" {
			t.Errorf("%s: %q, %v", name, all, err)
		}
	}
	if out, err := unseal(strings.NewReader("")); err != nil || out == nil {
		t.Errorf("an empty file: %v", err)
	}
	for name, path := range map[string]string{
		"nothing": file("nothing", ""), "a damaged key": file("damaged", key.String()[:40]), "a public key": file("public", key.Recipient().String()),
		"a directory": dir, "no file": filepath.Join(dir, "none"), "one that is too large": file("large", strings.Repeat("#\n", 40_000)),
	} {
		if _, err := unsealing(path); !errors.Is(err, operator.ErrUsage) || strings.Contains(err.Error(), key.String()[20:40]) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
