package install

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hotpair/hotpair/deployments/bundle"
	"github.com/hotpair/hotpair/deployments/founding"
	"github.com/hotpair/hotpair/services/config"
)

const testUser = 64123

// machine is a folder that stands for the root of a machine, with a user for hotpair.
func machine(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	err := os.MkdirAll(filepath.Join(root, "etc"), 0o755)
	if err == nil {
		err = os.WriteFile(filepath.Join(root, "etc/passwd"), fmt.Appendf(nil, "root:x:0:0::/root:/bin/sh\nhotpair:x:%d:%d::/var/lib/hotpair:/usr/sbin/nologin\n", testUser, testUser), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// pairAt is a pair that was made some time ago, and the files of its bundles.
func pairAt(t *testing.T, made time.Time) (list []bundle.Bundle, raw [][]byte) {
	t.Helper()
	ports := founding.DefaultPorts()
	p, err := founding.Plan{
		Pair: "shop", Hosts: [2]founding.Machine{{Name: "a", Address: "192.0.2.1", Ports: ports}, {Name: "b", Address: "192.0.2.2", Ports: ports}}, Witness: founding.Machine{Address: "192.0.2.3", Ports: ports},
		Terminals: config.Terminals{{ID: "till-1", URL: "nats://192.0.2.11:4223"}},
	}.Found(made)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range p.Bundles {
		one, err := b.Encode("")
		if err != nil {
			t.Fatal(err)
		}
		raw = append(raw, one)
	}
	return p.Bundles, raw
}

func joiner(root string, b bundle.Bundle, raw []byte) Joiner {
	return Joiner{Place: PlaceOf(b.Name.Role, root), Bundle: b, Raw: raw, Now: time.Now()}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tree is all that is in a folder: names with contents, modes and owners.
func tree(t *testing.T, root string) map[string]string {
	t.Helper()
	found := map[string]string{}
	must(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path) // below it
		content := []byte(nil)
		if info.Mode().IsRegular() {
			if content, err = os.ReadFile(path); err != nil {
				return err
			}
		}
		owner := info.Sys().(*syscall.Stat_t)
		found[name] = fmt.Sprintf("%v %d:%d %s", info.Mode(), owner.Uid, owner.Gid, content)
		return nil
	}))
	return found
}

// elsewhere reads the environment of a machine's process from outside of its root.
func elsewhere(t *testing.T, root string) Process {
	t.Helper()
	p, err := ProcessOf(root, []string{"PATH=/bin", "SECRET=no"})
	must(t, err)
	for i, line := range p.Environ {
		if name, path, _ := strings.Cut(line, "="); strings.HasPrefix(path, "/") && strings.HasPrefix(name, "HOTPAIR_") {
			p.Environ[i] = name + "=" + filepath.Join(root, path)
		}
	}
	return p
}

func same(t *testing.T, before, after map[string]string) {
	t.Helper()
	for name, was := range before {
		if after[name] != was {
			t.Errorf("%s was %q, and is %q", name, was, after[name])
		}
	}
	for name := range after {
		if _, was := before[name]; !was {
			t.Errorf("%s is new", name)
		}
	}
}
