package boltfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestIsDamage(t *testing.T) {
	for _, c := range []struct {
		err    error
		damage bool
	}{
		{nil, false},
		{fmt.Errorf("%w: x", ErrInUse), false},
		{&fs.PathError{Op: "open", Err: syscall.EACCES}, false},
		{&fs.PathError{Op: "read", Err: syscall.EIO}, true},
		{ErrDamaged, true},
		{errors.New("anything that a file has said"), true},
	} {
		if IsDamage(c.err) != c.damage {
			t.Errorf("%v is damage: %t", c.err, !c.damage)
		}
	}
}

// What is quarantined takes nobody's place.
func TestQuarantine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	for i, want := range []string{"x.db.quarantined", "x.db.quarantined-2", "x.db.quarantined-3"} {
		if err := os.WriteFile(path, []byte{byte(i)}, 0o600); err != nil {
			t.Fatal(err)
		}
		if name, err := Quarantine(path); err != nil || name != want {
			t.Errorf("%q, %v, want %q", name, err, want)
		}
		if data, err := os.ReadFile(filepath.Join(filepath.Dir(path), want)); err != nil || len(data) != 1 || data[0] != byte(i) {
			t.Errorf("%v, %v", data, err)
		}
	}
	if names, err := Quarantined(path); err != nil || fmt.Sprint(names) != "[x.db.quarantined x.db.quarantined-2 x.db.quarantined-3]" {
		t.Errorf("%v, %v", names, err)
	}
	if _, err := Quarantine(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what is not there: %v", err)
	}
}

func TestGuard(t *testing.T) {
	if err := Guard(func() error { panic("page 7") }); !errors.Is(err, ErrDamaged) {
		t.Errorf("%v", err)
	}
	if err := Guard(func() error { return nil }); err != nil {
		t.Error(err)
	}
}

// FuzzUnseal: what was not sealed under a key is not taken.
func FuzzUnseal(f *testing.F) {
	f.Add([]byte("k"), []byte("data"), []byte("l"))
	f.Add([]byte{}, []byte{}, []byte{0})
	f.Fuzz(func(t *testing.T, key, data, other []byte) {
		value := Seal(key, data)
		if got, err := Unseal(key, value); err != nil || string(got) != string(data) {
			t.Errorf("%q, %v", got, err)
		}
		if _, err := Unseal(key, other); err != nil && !errors.Is(err, ErrDamaged) {
			t.Errorf("%v", err)
		}
		if len(value) > 4 {
			value[0] ^= 1
			if _, err := Unseal(key, value); !errors.Is(err, ErrDamaged) {
				t.Errorf("a changed bit is taken: %v", err)
			}
		}
	})
}
