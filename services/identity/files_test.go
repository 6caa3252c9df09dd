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
	"github.com/hotpair/hotpair/services/regular"
)

// Files may be replaced, damaged and taken away while they are in use: what was good last stays, and the fault is seen.
func TestFiles_KeepTheLastGood(t *testing.T) {
	pair := identitytest.NewPair(t, "p1")
	dir := t.TempDir()
	now := time.Now()
	paths := pair.Write(dir, identity.Host("p1", "a"))
	f := identity.NewFiles(paths, func() time.Time { return now }, nil)
	if _, err := f.Current(); !errors.Is(err, identity.ErrCredentials) {
		t.Errorf("before they are read: %v", err)
	}
	if err := f.Load(); err != nil {
		t.Fatal(err)
	}
	first, err := f.Current()
	if s := f.State(); err != nil || s.Name != "spiffe://p1/host/a" || s.Fault != "" || s.DaysLeft < 27 || s.DaysLeft > 31 || !s.Loaded.Equal(now) {
		t.Fatalf("%+v, %v", s, err)
	}
	now = now.Add(time.Hour)
	other := identitytest.NewPair(t, "p1")
	for what, c := range map[string]struct {
		damage func() error
		says   string
		is     error
	}{
		"cut off":                   {func() error { return os.Truncate(paths.Certificate, 100) }, "HOTPAIR_TLS_CERT", nil},
		"empty":                     {func() error { return os.Truncate(paths.Roots, 0) }, "HOTPAIR_TLS_CA", nil},
		"gone":                      {func() error { return os.Remove(paths.Key) }, "HOTPAIR_TLS_KEY", os.ErrNotExist},
		"readable by others":        {func() error { return os.Chmod(paths.Key, 0o640) }, "chmod 600 " + paths.Key, identity.ErrReadable},
		"a directory":               {func() error { return errors.Join(os.Remove(paths.Roots), os.Mkdir(paths.Roots, 0o700)) }, "a directory", regular.ErrNotRegular},
		"too large":                 {func() error { return os.Truncate(paths.Roots, 1<<20) }, "262144 bytes", regular.ErrTooLarge},
		"the key of another":        {func() error { return os.Rename(other.Write(t.TempDir(), identity.Host("p1", "a")).Key, paths.Key) }, "only one of the two", nil},
		"of another authority":      {func() error { return os.Rename(other.Write(t.TempDir(), identity.Host("p1", "a")).Roots, paths.Roots) }, "root missing here", identity.ErrUnknownAuthority},
		"a certificate for the key": {func() error { return os.WriteFile(paths.Key, identitytest.PEM("CERTIFICATE", pair.Root.Raw), 0o600) }, "no private key", nil},
	} {
		if err := c.damage(); err != nil {
			t.Fatal(what, err)
		}
		err := f.Load()
		if !errors.Is(err, identity.ErrCredentials) || !strings.Contains(err.Error(), c.says) || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%s: %v, which does not say %q", what, err, c.says)
		}
		current, currently := f.Current()
		if s := f.State(); currently != nil || current != first || s.Fault != err.Error() || !s.FaultSince.Equal(now) || s.Name == "" {
			t.Errorf("%s: %v, %+v", what, currently, s)
		}
		if err := os.RemoveAll(paths.Roots); err != nil {
			t.Fatal(err)
		}
		pair.Write(dir, identity.Host("p1", "a"))
		if err := f.Load(); err != nil {
			t.Fatalf("%s, then put right: %v", what, err)
		}
		if first, _ = f.Current(); first == current || f.State().Fault != "" {
			t.Errorf("%s, then put right: %+v", what, f.State())
		}
	}
	if entries, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(entries) != 3 {
		t.Errorf("%v, %v", entries, err)
	}
}

// Files that change are read within two seconds, and a fault is seen as soon.
func TestFiles_RunSeesWhatChanges(t *testing.T) {
	pair := identitytest.NewPair(t, "p1")
	dir := t.TempDir()
	paths := pair.Write(dir, identity.Host("p1", "a"))
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		f := identity.NewFiles(paths, nil, nil)
		var running sync.WaitGroup
		turns := 0
		running.Go(func() { _ = f.Run(ctx, func() { turns++ }) })
		synctest.Wait()
		first := f.State()
		time.Sleep(time.Minute)
		synctest.Wait()
		if first.Fault != "" || first.Name == "" || f.State().Loaded != first.Loaded {
			t.Errorf("read: %+v, and a minute later: %+v", first, f.State())
		}
		pair.Write(dir, identity.Host("p1", "a"))
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if s := f.State(); s.Fault != "" || s.Fingerprint == first.Fingerprint || !s.Loaded.After(first.Loaded) {
			t.Errorf("after the files changed: %+v", s)
		}
		if err := os.Remove(paths.Roots); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if s := f.State(); !strings.Contains(s.Fault, "HOTPAIR_TLS_CA") || s.Name != first.Name {
			t.Errorf("after one was taken away: %+v", s)
		}
		cancel()
		running.Wait()
		if turns != 0 {
			t.Errorf("the root is the same, and %d times it was said to be another", turns)
		}
	})
}
