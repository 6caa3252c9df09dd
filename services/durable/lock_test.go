//go:build unix

package durable_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/hotpair/hotpair/services/durable"
)

// A program that is being started has a copy of every open file until it executes: with one, the lock still ends.
func TestUnlock_WhileAProgramIsStarted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	open := func() *os.File {
		t.Helper()
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	first, second := open(), open()
	defer second.Close()
	if err := durable.Lock(first); err != nil {
		t.Fatal(err)
	}
	copied, err := syscall.Dup(int(first.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(copied)
	if err := durable.Lock(second); !errors.Is(err, durable.ErrLocked) {
		t.Fatalf("a file that is locked: %v", err)
	}
	if err := durable.Unlock(first); err != nil {
		t.Fatal(err)
	}
	if err := durable.Lock(second); err != nil {
		t.Errorf("after Unlock: %v", err)
	}
}
