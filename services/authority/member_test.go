package authority

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/identity"
)

// What Equip writes is what a member starts with.
func TestEquip_IsWhatAMemberStartsWith(t *testing.T) {
	now := time.Now()
	root, err := New("shop", now)
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := root.Rotate(now)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []identity.Name{identity.Host("shop", "a"), identity.Witness("shop"), identity.Terminal("shop", "till-7")} {
		paths, err := issuer.Equip(filepath.Join(t.TempDir(), "new"), name, Life(name.Role), now)
		if err != nil {
			t.Fatal(err)
		}
		files := identity.NewFiles(paths, nil, nil)
		if err := files.Load(); err != nil {
			t.Fatal(err)
		}
		if s := files.State(); s.Name != name.String() || s.Expired || s.DaysLeft < int(Life(name.Role)/(24*time.Hour))-1 {
			t.Errorf("%s: %+v", name, s)
		}
		if info, err := os.Stat(paths.Key); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("key of %s: %v, %v", name, info.Mode(), err)
		}
	}
	if _, err := issuer.Equip(t.TempDir(), identity.Host("bank", "a"), time.Hour, now); !errors.Is(err, ErrRequest) {
		t.Errorf("a member of another pair: %v", err)
	}
}
