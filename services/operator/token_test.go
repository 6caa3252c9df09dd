package operator_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hotpair/hotpair/services/operator"
)

func TestToken_IsLeftForItsOwnerOnly(t *testing.T) {
	dir := t.TempDir()
	for _, token := range []string{"one", "one", "another"} {
		if err := operator.WriteToken(dir, token); err != nil {
			t.Fatal(err)
		}
		if got, err := operator.ReadToken(dir); got != token || err != nil {
			t.Errorf("read %q, %v", got, err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatalf("%v, %v", entries, err)
	}
	info, err := entries[0].Info()
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := os.Chmod(filepath.Join(dir, operator.TokenFile), 0o666); err != nil {
		t.Fatal(err)
	}
	if token, err := operator.ReadToken(dir); err == nil {
		t.Errorf("read %q out of a file that anybody may write", token)
	}
	if err := operator.WriteToken(filepath.Join(dir, "absent"), "x"); err == nil {
		t.Error("no error for a directory that there is not")
	}
}
