package divergent

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// To be done with updates that were kept as divergent one had to move files about by hand. What is forgotten is kept, also when a later file
// gets the same name and is forgotten too.
func TestFault_D4_WhatIsForgottenIsKept(t *testing.T) {
	dir := t.TempDir()
	for n := range 3 {
		path, err := Write(dir, "a test", [][]byte{[]byte("one")}, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := Forget(path); err != nil {
			t.Fatal(err)
		}
		if listed, err := List(dir); err != nil || len(listed) != 0 {
			t.Errorf("listed still: %v, %v", listed, err)
		}
		if kept, err := filepath.Glob(filepath.Join(dir, folder, "*.forgotten*")); err != nil || len(kept) != n+1 {
			t.Errorf("kept: %v, %v", kept, err)
		}
	}
	if err := Forget(filepath.Join(dir, folder, "none.aside")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that there is not: %v", err)
	}
}
