package install

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// systemctl is a service manager that writes down what it is told, and fails at one of its orders.
func systemctl(t *testing.T, fails string) (m Manager, told func() []string) {
	t.Helper()
	dir := t.TempDir()
	log := filepath.Join(dir, "told")
	script := "#!/bin/sh\necho \"$*\" >>" + log + "\ncase \"$*\" in " + fails + ") echo 'Unit is masked.' >&2; exit 1;; esac\n"
	path := filepath.Join(dir, "systemctl")
	must(t, os.WriteFile(path, []byte(script), 0o755))
	return Manager{path}, func() []string {
		raw, err := os.ReadFile(log)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		return slices.DeleteFunc(strings.Split(string(raw), "\n"), func(s string) bool { return s == "" })
	}
}

// TestJoin_StartsTheUnit: it is written where no package has brought it, enabled and started; a start that fails can be tried again.
func TestJoin_StartsTheUnit(t *testing.T) {
	list, raw := pairAt(t, time.Now())
	root := machine(t)
	j := joiner(root, list[2], raw[2])
	j.Program = "/opt/hotpair/hotpair"
	broken, told := systemctl(t, "start*")
	j.Manager = broken
	done, err := j.Join(t.Context(), true)
	if err == nil || done.Started || !strings.Contains(err.Error(), "Unit is masked") || !strings.Contains(err.Error(), "journalctl") {
		t.Errorf("%+v, %v", done, err)
	}
	if want := []string{"daemon-reload", "enable hotpair-witness.service", "start hotpair-witness.service"}; !slices.Equal(told(), want) {
		t.Errorf("%v", told())
	}
	unit := filepath.Join(root, "etc/systemd/system/hotpair-witness.service")
	text, err := os.ReadFile(unit)
	if err != nil || !bytes.HasPrefix(text, []byte("[Unit]")) || !bytes.Contains(text, []byte("ExecStart=/opt/hotpair/hotpair witness\n")) {
		t.Errorf("%s, %v", text, err)
	}
	sound, told := systemctl(t, "none")
	j.Manager = sound
	if done, err = j.Join(t.Context(), true); err != nil || !done.Started || !done.Already || len(told()) != 3 {
		t.Errorf("%+v, %v, %v", done, err, told())
	}
	stuck, _ := systemctl(t, "disable*")
	before := tree(t, root)
	if _, err := (Leaver{Root: root, Manager: stuck}).Leave(t.Context()); err == nil || !strings.Contains(err.Error(), "nothing was removed") {
		t.Errorf("%v", err)
	}
	same(t, before, tree(t, root))
	if _, err := (Leaver{Root: root, Manager: sound}).Leave(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(unit); !errors.Is(err, fs.ErrNotExist) || !slices.Equal(told()[3:], []string{"disable --now hotpair-witness.service", "daemon-reload"}) {
		t.Errorf("%v, %v", err, told())
	}
}

// TestJoin_LeavesAPackagesUnitAlone: neither join nor leave touches it; and --no-start starts nothing.
func TestJoin_LeavesAPackagesUnitAlone(t *testing.T) {
	list, raw := pairAt(t, time.Now())
	root := machine(t)
	unit := filepath.Join(root, "usr/lib/systemd/system/hotpair.service")
	must(t, os.MkdirAll(filepath.Dir(unit), 0o755))
	must(t, os.WriteFile(unit, []byte("of the package"), 0o644))
	j := joiner(root, list[0], raw[0])
	m, told := systemctl(t, "none")
	j.Program, j.Manager = "/usr/bin/hotpair", m
	done, err := j.Join(t.Context(), false)
	if err != nil || done.Started || done.Start != "systemctl enable --now hotpair.service" || len(told()) != 0 {
		t.Errorf("%+v, %v, %v", done, err, told())
	}
	if done, err = j.Join(t.Context(), true); err != nil || !slices.Equal(told(), []string{"enable hotpair.service", "start hotpair.service"}) {
		t.Errorf("%+v, %v, %v", done, err, told())
	}
	_, err = Leaver{Root: root, Manager: m}.Leave(t.Context())
	must(t, err)
	if text, err := os.ReadFile(unit); err != nil || string(text) != "of the package" {
		t.Errorf("%q, %v", text, err)
	}
}

// TestJoin_AUnitCantSeeEveryProgram: one in somebody's home is not what a unit can start.
func TestJoin_AUnitCantSeeEveryProgram(t *testing.T) {
	list, raw := pairAt(t, time.Now())
	j := joiner(machine(t), list[0], raw[0])
	j.Program = "/root/hotpair"
	if done, err := j.Join(t.Context(), true); !errors.Is(err, ErrUnfit) || len(done.Findings) == 0 || !strings.Contains(done.Findings[0].Remedy, "install -m 0755 /root/hotpair /usr/local/bin/hotpair") {
		t.Errorf("%+v, %v", done, err)
	}
	unit := j.Place.on("/usr/lib/systemd/system/hotpair.service") // of a package, which has its own program
	must(t, os.MkdirAll(filepath.Dir(unit), 0o755))
	must(t, os.WriteFile(unit, nil, 0o644))
	if done, err := j.Join(t.Context(), true); err != nil {
		t.Errorf("%+v, %v", done, err)
	}
}
