package origin

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hotpair/hotpair/storage/format"
)

// What a copy was copied from stays, through copies of copies; a file that can't be read is not taken for none.
func TestOrigins_AreKept(t *testing.T) {
	dir := t.TempDir()
	if none, err := Read(dir); err != nil || !cmp.Equal(none, Origins{}) || !cmp.Equal(none.Copy(), Origins{}) {
		t.Errorf("of a directory that was never restored: %+v, %v", none, err)
	}
	first, second := Pair{ID: "P", Trust: "shop", Key: "1a"}, Pair{ID: "Q", Key: "2b"}
	once := Origins{Backup: first}.Copy()
	twice := Origins{Backup: second, Copied: once.Copied}.Copy().Copy()
	if want := (Origins{Backup: second, Copied: []Pair{first, second}}); !cmp.Equal(twice, want) {
		t.Errorf("a copy of a copy has %+v", twice)
	}
	if err := Write(dir, twice); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(dir); err != nil || !cmp.Equal(got, twice) {
		t.Errorf("read are %+v, %v", got, err)
	}
	path := filepath.Join(dir, FileName)
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for what, content := range map[string]string{"cut short": string(raw[:len(raw)/2]), "empty": "", "another file": `{"kind":"x"}`} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := Read(dir); !errors.Is(err, format.ErrDamaged) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
	}
	if err := os.Remove(path); err != nil { // as the sentence says
		t.Fatal(err)
	}
	if none, err := Read(dir); err != nil || !cmp.Equal(none, Origins{}) {
		t.Errorf("removed: %+v, %v", none, err)
	}
}
