// Package languagetest has programs of services in languages other than Go, for tests to start.
package languagetest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"

	"github.com/hotpair/hotpair/services/durable"
)

var (
	errMissing = errors.New("is not here")
	errRoot    = errors.New("no go.mod above the folder of the test")
)

// Language is a language with a runtime of hotpair.
type Language struct {
	Name   string
	folder string // of its runtime, below services/business
	ready  func(folder string) error
	slow   [2]string // interpreter, program
}

// All lists the languages with a runtime, except Go.
func All() []Language { return []Language{Python(), TypeScript()} }

// Python needs only an interpreter.
func Python() Language {
	return Language{Name: "Python", folder: "python", slow: [2]string{"python3", "testdata/slow.py"}, ready: func(folder string) error {
		if _, err := read(folder, ".py"); err != nil {
			return err
		}
		return have("python3")
	}}
}

// TypeScript is built, and its dependencies installed, once for each state of its sources.
func TypeScript() Language {
	return Language{Name: "TypeScript", folder: "typescript", slow: [2]string{"node", "dist/tests/slow.js"}, ready: ready}
}

// Folder is the folder of the built runtime. If its tools are missing the test is skipped.
func (l Language) Folder(t testing.TB) string {
	t.Helper()
	root, err := root()
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(root, "services", "business", l.folder)
	switch err := l.ready(folder); {
	case errors.Is(err, errMissing):
		t.Skipf("SKIPPED: %v, so the runtime for %s was not tried", err, l.Name)
	case err != nil:
		t.Fatal(err)
	}
	return folder
}

// Tickets is the program of the service that sells seats.
func (l Language) Tickets(t testing.TB) string {
	t.Helper()
	return filepath.Join(l.Folder(t), "examples", "tickets", "run")
}

// Slow is the program of a service "slow", whose requests take the duration that they name.
func (l Language) Slow(t testing.TB) []string {
	t.Helper()
	return []string{l.slow[0], filepath.Join(l.Folder(t), l.slow[1])}
}

// root is the folder of the module.
func root() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; folder = filepath.Dir(folder) {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder, nil
		}
		if folder == filepath.Dir(folder) {
			return "", errRoot
		}
	}
}

func have(program string) error {
	if _, err := exec.LookPath(program); err != nil {
		return fmt.Errorf("%s %w", program, errMissing)
	}
	return nil
}

var (
	building sync.Mutex
	built    = map[string]bool{} // folders
)

// ready has TypeScript built in its folder, as a developer would, whichever tests run at the same time.
func ready(folder string) error {
	building.Lock()
	defer building.Unlock()
	if built[folder] {
		return nil
	}
	if err := have("node"); err != nil {
		return err
	}
	sources, err := read(folder, ".ts", ".json", ".npmrc", "run")
	if err != nil {
		return err
	}
	name := sha256.Sum256([]byte(folder))
	lock, err := os.OpenFile(filepath.Join(os.TempDir(), "hotpair-typescript-"+hex.EncodeToString(name[:8])+".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer lock.Close() // and with it the lock
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	if !installed(folder) {
		if err := have("npm"); err != nil {
			return err
		}
		if err := run(folder, "npm", "ci", "--no-audit", "--no-fund"); err != nil {
			return err
		}
	}
	of := filepath.Join(folder, "dist", ".of") // which sources it is of
	if before, err := os.ReadFile(of); err != nil || string(before) != sources {
		if err := os.RemoveAll(filepath.Join(folder, "dist")); err != nil {
			return err
		}
		if err := run(folder, filepath.Join("node_modules", ".bin", "tsc")); err != nil {
			return err
		}
		if err := durable.Write(of, []byte(sources)); err != nil {
			return err
		}
	}
	built[folder] = true
	return nil
}

// installed reports whether npm has installed the packages of the lock file.
func installed(folder string) bool {
	wanted, err := os.Stat(filepath.Join(folder, "package-lock.json"))
	if err != nil {
		return false
	}
	there, err := os.Stat(filepath.Join(folder, "node_modules", ".package-lock.json"))
	return err == nil && !there.ModTime().Before(wanted.ModTime())
}

func run(folder, program string, args ...string) error {
	c := exec.Command(program, args...)
	c.Dir = folder
	if said, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s in %s: %w: %s", program, folder, err, said)
	}
	return nil
}

// read reads the sources of a runtime, so that go test knows that its outcome is of them, and gives their digest.
func read(folder string, endings ...string) (string, error) {
	sum := sha256.New()
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == "dist"):
			return fs.SkipDir
		case entry.IsDir() || !slices.Contains(endings, filepath.Ext(path)) && !slices.Contains(endings, entry.Name()):
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		fmt.Fprintf(sum, "%s %d\n", path, len(data))
		sum.Write(data)
		return nil
	})
	return hex.EncodeToString(sum.Sum(nil)), err
}
