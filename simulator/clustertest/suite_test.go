package clustertest

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"
)

const someTests = `package p

func TestAlone(t *testing.T) { measure(t) }

func TestBeside(t *testing.T) {
	sideBySide(t)
}

func TestBesideInParts(t *testing.T) {
	t.Run("one", func(t *testing.T) { sideBySide(t) })
}

func helper(t *testing.T) { sideBySide(t) }
`

// Each test of a suite is in one of its two parts, and a part that there is not runs nothing.
func TestSuite_HasTwoParts(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "some_test.go"), []byte(someTests), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"test.run", "test.skip"} {
		was := flag.Lookup(name).Value.String()
		t.Cleanup(func() {
			if err := flag.Set(name, was); err != nil {
				t.Error(err)
			}
		})
	}
	const beside = "^(TestBeside|TestBesideInParts)$"
	for _, test := range []struct{ part, flag string }{{Alone, "test.skip"}, {Beside, "test.run"}} {
		if err := choose(test.part, dir); err != nil || flag.Lookup(test.flag).Value.String() != beside {
			t.Errorf("%s: %v, -%s=%s", test.part, err, test.flag, flag.Lookup(test.flag).Value)
		}
	}
	for _, test := range []struct{ part, dir string }{{"nonsense", dir}, {Beside, t.TempDir()}, {Alone, t.TempDir()}} {
		if err := choose(test.part, test.dir); !errors.Is(err, errPart) {
			t.Errorf("%s: %v", test.part, err)
		}
	}
}
