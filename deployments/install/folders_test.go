package install

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/operator"
)

// TestLinks_LeadNobodyOutOfAnImage: what is absolute in an image leads to somewhere on the machine that works on it. Neither does a join write
// there, nor a leave remove.
func TestLinks_LeadNobodyOutOfAnImage(t *testing.T) {
	list, raw := pairAt(t, time.Now())
	for name, link := range map[string]struct{ path, to string }{
		"settings": {"etc/hotpair", "OUTSIDE"}, "above": {"var", "OUTSIDE"}, "data": {"var/lib/hotpair", "OUTSIDE"}, "keys": {"var/lib/hotpair-identity", "OUTSIDE"},
		"upwards": {"etc/hotpair", "../../outside"}, "nowhere": {"etc/hotpair", "/no/such/folder"},
	} {
		t.Run(name, func(t *testing.T) {
			root := filepath.Join(machine(t), "image")
			outside := filepath.Join(filepath.Dir(root), "outside")
			must(t, errors.Join(os.Mkdir(outside, 0o755), os.MkdirAll(filepath.Join(root, filepath.Dir(link.path)), 0o755), os.MkdirAll(filepath.Join(root, "etc"), 0o755)))
			must(t, os.Rename(filepath.Join(filepath.Dir(root), "etc/passwd"), filepath.Join(root, "etc/passwd")))
			must(t, os.Symlink(strings.Replace(link.to, "OUTSIDE", outside, 1), filepath.Join(root, link.path)))
			before := tree(t, filepath.Dir(root))
			done, err := joiner(root, list[0], raw[0]).Join(t.Context(), false)
			if !errors.Is(err, ErrUnfit) || len(done.Findings) == 0 || done.Findings[0].Check != "links" || !strings.Contains(done.Findings[0].Problem, filepath.Join(root, link.path)) {
				t.Errorf("%+v, %v", done.Findings, err)
			}
			same(t, before, tree(t, filepath.Dir(root)))
		})
	}
	t.Run("later", func(t *testing.T) {
		root := machine(t)
		_, err := joiner(root, list[0], raw[0]).Join(t.Context(), false)
		must(t, err)
		outside := filepath.Join(t.TempDir(), "lib")
		must(t, os.Rename(filepath.Join(root, "var/lib"), outside))
		must(t, os.Symlink(outside, filepath.Join(root, "var/lib")))
		before := tree(t, outside)
		if _, err := (Leaver{Root: root, DeleteData: true}).Leave(t.Context()); !errors.Is(err, ErrLink) {
			t.Errorf("%v", err)
		}
		same(t, before, tree(t, outside))
	})
	t.Run("within", func(t *testing.T) {
		root := machine(t)
		must(t, os.MkdirAll(filepath.Join(root, "disk/lib"), 0o755))
		must(t, errors.Join(os.MkdirAll(filepath.Join(root, "var"), 0o755), os.Symlink("../disk/lib", filepath.Join(root, "var/lib"))))
		_, err := joiner(root, list[0], raw[0]).Join(t.Context(), false)
		must(t, err)
		if _, err := os.Stat(filepath.Join(root, "disk/lib/hotpair-identity/key.pem")); err != nil {
			t.Error(err)
		}
	})
}

// TestLinks_StandForNoFolderOfAPair: it is said before anything is written, and a leave that is to delete data does not delete a link alone.
func TestLinks_StandForNoFolderOfAPair(t *testing.T) {
	list, raw := pairAt(t, time.Now())
	root := machine(t)
	data, disk := filepath.Join(root, "var/lib/hotpair"), filepath.Join(root, "var/lib/disk")
	must(t, errors.Join(os.MkdirAll(disk, 0o755), os.Symlink("disk", data)))
	before := tree(t, root)
	done, err := joiner(root, list[0], raw[0]).Join(t.Context(), false)
	if !errors.Is(err, ErrUnfit) || len(done.Findings) != 1 || done.Findings[0].Check != "links" || !strings.Contains(done.Findings[0].Remedy, "mount") {
		t.Errorf("%+v, %v", done.Findings, err)
	}
	same(t, before, tree(t, root))

	must(t, os.Remove(data))
	_, err = joiner(root, list[0], raw[0]).Join(t.Context(), false)
	must(t, err)
	must(t, errors.Join(os.Remove(data), os.Symlink("disk", data), os.WriteFile(filepath.Join(disk, "updates"), []byte("years of work"), 0o600)))
	before = tree(t, root)
	if _, err := (Leaver{Root: root, DeleteData: true}).Leave(t.Context()); !errors.Is(err, ErrLink) {
		t.Errorf("%v", err)
	}
	same(t, before, tree(t, root))
	if done, err := joiner(root, list[0], raw[0]).Join(t.Context(), false); err != nil || !done.Already {
		t.Errorf("%+v, %v", done, err)
	}
	_, err = Leaver{Root: root}.Leave(t.Context())
	must(t, err)
	if _, err := os.Stat(filepath.Join(disk, "updates")); err != nil {
		t.Error(err)
	}
}

// TestCommands_RefuseARootThatIsThisMachine: a script's variable that is not set must not have this machine joined or left.
func TestCommands_RefuseARootThatIsThisMachine(t *testing.T) {
	for _, root := range []string{"", "/", "//", "/.."} {
		for _, args := range [][]string{{"leave", "--yes", "--delete-data"}, {"join", "no.bundle", "--dry-run"}} {
			if said, err := run(t, append(args, "--root", root)...); !errors.Is(err, operator.ErrUsage) || !strings.Contains(err.Error(), "another machine") {
				t.Errorf("%s %q: %v, %s", args[0], root, err, said)
			}
		}
	}
}
