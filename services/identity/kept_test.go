package identity_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/identity/identitytest"
)

// look runs Files for as long as one look at the files takes.
func look(t *testing.T, f *identity.Files) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = f.Run(ctx, func() {}) })
		synctest.Wait()
		cancel()
		running.Wait()
	})
}

// A host that starts anew while its certificate files are damaged serves with what was good last, and says so.
func TestFiles_ACopyServesAStartWithDamagedFiles(t *testing.T) {
	pair := identitytest.NewPair(t, "p1")
	for what, damage := range map[string]func(identity.Paths) error{
		"certificate cut off": func(p identity.Paths) error { return os.Truncate(p.Certificate, 100) },
		"key gone":            func(p identity.Paths) error { return os.Remove(p.Key) },
		"key readable by all": func(p identity.Paths) error { return os.Chmod(p.Key, 0o644) },
		"roots empty":         func(p identity.Paths) error { return os.Truncate(p.Roots, 0) },
		"all gone": func(p identity.Paths) error {
			return errors.Join(os.Remove(p.Certificate), os.Remove(p.Key), os.Remove(p.Roots))
		},
		"key of another": func(p identity.Paths) error {
			return os.Rename(pair.Write(t.TempDir(), identity.Host("p1", "a")).Key, p.Key)
		},
	} {
		t.Run(what, func(t *testing.T) {
			data := t.TempDir()
			paths := pair.Write(t.TempDir(), identity.Host("p1", "a"))
			paths.Kept, paths.Keep = filepath.Join(data, identity.KeptFile), true
			first := identity.NewFiles(paths, nil, nil)
			if err := first.Start(); err != nil {
				t.Fatal(err)
			}
			look(t, first)
			was := first.State()
			if was.Copied || was.Unkept != "" {
				t.Fatalf("%+v", was)
			}
			if info, err := os.Stat(paths.Kept); err != nil || info.Mode().Perm() != 0o600 {
				t.Fatalf("the copy: %v, %v", info, err)
			}
			if err := damage(paths); err != nil {
				t.Fatal(err)
			}
			look(t, first) // a fault is never copied
			next := identity.NewFiles(paths, nil, nil)
			if err := next.Start(); err != nil {
				t.Fatal(err)
			}
			s := next.State()
			if s.Name != was.Name || s.Fingerprint != was.Fingerprint || len(s.Roots) != 1 || !s.Copied || s.Fault == "" {
				t.Errorf("%+v, want that of before and a fault", s)
			}
			pair.Write(filepath.Dir(paths.Certificate), identity.Host("p1", "a"))
			look(t, next)
			now := next.State()
			if now.Copied || now.Fault != "" || now.Fingerprint == was.Fingerprint {
				t.Errorf("put right: %+v", now)
			}
			if err := os.Remove(paths.Certificate); err != nil {
				t.Fatal(err)
			}
			last := identity.NewFiles(paths, nil, nil)
			if err := last.Start(); err != nil || last.State().Fingerprint != now.Fingerprint {
				t.Errorf("the copy is not of the newest: %v, %+v", err, last.State())
			}
		})
	}
}

// A copy that can't be used is no secret, a first start has none, and where none can be written the files serve all the same.
func TestFiles_WithoutACopy(t *testing.T) {
	pair := identitytest.NewPair(t, "p1")
	paths := pair.Write(t.TempDir(), identity.Host("p1", "a"))
	paths.Kept, paths.Keep = filepath.Join(t.TempDir(), "none", identity.KeptFile), true
	f := identity.NewFiles(paths, nil, nil)
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	look(t, f)
	if s := f.State(); s.Unkept == "" || s.Fault != "" {
		t.Errorf("without a directory: %+v", s)
	}
	if err := os.Remove(paths.Key); err != nil {
		t.Fatal(err)
	}
	if err := identity.NewFiles(paths, nil, nil).Start(); !errors.Is(err, identity.ErrCredentials) || strings.Contains(err.Error(), "copy") {
		t.Errorf("a first start: %v", err)
	}
	if err := os.Mkdir(filepath.Dir(paths.Kept), 0o700); err != nil {
		t.Fatal(err)
	}
	for content, says := range map[string]string{"": "no private key", "-----BEGIN": "no private key", string(identitytest.PEM("PRIVATE KEY", []byte("x"))): "no certificate"} {
		if err := os.WriteFile(paths.Kept, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := identity.NewFiles(paths, nil, nil).Start(); !errors.Is(err, identity.ErrCredentials) || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "HOTPAIR_TLS_KEY") {
			t.Errorf("a damaged copy %q: %v", content, err)
		}
	}
}

func TestAgeOf(t *testing.T) {
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	for _, c := range []struct {
		after time.Duration
		want  identity.Age
		bad   bool
	}{
		{-1, identity.Early, true}, {0, identity.Fresh, false}, {20*day - 1, identity.Fresh, false}, {20 * day, identity.Due, false},
		{27*day - 1, identity.Due, false}, {27 * day, identity.Ending, true}, {30 * day, identity.Ending, true}, {30*day + 1, identity.Over, true},
	} {
		if got := identity.AgeOf(from, from.Add(30*day), from.Add(c.after)); got != c.want || got.Bad() != c.bad {
			t.Errorf("after %s of 30 days: %s", c.after, got)
		}
	}
}
