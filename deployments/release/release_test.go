package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// built is a release of this machine's own processor, of the clone that the tests run in. It is compiled as tests are, so that what they
// compiled need not be compiled again.
func built(t *testing.T, out string) {
	t.Helper()
	arch := strings.TrimSpace(run(t, "go", "env", "GOARCH"))
	// Of the other systems Windows is the one whose archive is another: that of macOS is made as those of Linux are.
	agents := []string{"linux/" + arch, "windows/amd64"}
	if err := release(t.Context(), options{Root: "../..", Out: out, Targets: []string{arch}, Agents: agents, Snapshot: true}, nil); err != nil {
		t.Fatal(err)
	}
}

// run runs a command and gives what it prints.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// one is the one file of a folder that a release of hotpair itself has of a kind, named by its end.
func one(t *testing.T, dir, suffix string) string {
	t.Helper()
	return only(t, dir, "hotpair_*"+suffix)
}

// only is the one file of a folder with such a name.
func only(t *testing.T, dir, pattern string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(files) != 1 {
		t.Fatalf("files with %s: %v, %v", pattern, files, err)
	}
	return files[0]
}

// TestRelease looks at a release from all sides.
func TestRelease(t *testing.T) {
	dir := t.TempDir()
	first, second := filepath.Join(dir, "first"), filepath.Join(dir, "second")
	built(t, first)
	t.Run("it is built again", func(t *testing.T) {
		built(t, second)
		sameBytes(t, first, second)
	})
	t.Run("archive", func(t *testing.T) { archived(t, first) })
	t.Run("bill of materials", func(t *testing.T) { billed(t, first) })
	t.Run("image", func(t *testing.T) { imaged(t, first) })
	t.Run("agent for Linux", func(t *testing.T) { agentOfLinux(t, first) })
	t.Run("agent for Windows", func(t *testing.T) { agentOfWindows(t, first) })
	t.Run("Debian", func(t *testing.T) { installed(t, first) })
}

// sameBytes: the same commit gives the same bytes, and the checksums are those of the files.
func sameBytes(t *testing.T, first, second string) {
	sums, err := os.ReadFile(filepath.Join(first, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := os.ReadFile(filepath.Join(second, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	if string(sums) != string(again) {
		t.Errorf("twice the same commit, and not the same bytes:\n%s%s", sums, again)
	}
	c := exec.CommandContext(t.Context(), "sha256sum", "--check", "--strict", "SHA256SUMS")
	c.Dir = first
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}

}

// archived: the archive holds what it takes to install by hand.
func archived(t *testing.T, first string) {
	archive := one(t, first, ".tar.gz")
	into := t.TempDir()
	run(t, "tar", "-xzf", archive, "-C", into, "--strip-components=1")
	for _, name := range []string{"README.md", "LICENSE", "OPERATIONS.md", "CHANGELOG.md", "man/hotpair.1", "man/hotpair.5", "man/hotpair-status.1", "completions/hotpair.bash", "systemd/hotpair.service", "systemd/host.env.example"} {
		if s, err := os.Stat(filepath.Join(into, name)); err != nil || s.Size() == 0 {
			t.Errorf("the archive has no %s: %v", name, err)
		}
	}
	if said := run(t, filepath.Join(into, "hotpair"), "version"); !strings.HasPrefix(said, "hotpair ") || strings.Contains(said, "(devel)") {
		t.Errorf("it says it is %q", said)
	}
	if out, err := exec.CommandContext(t.Context(), filepath.Join(into, "hotpair"), "manual", t.TempDir()).CombinedOutput(); err == nil {
		t.Errorf("what is shipped writes pages: %s", out)
	}

}

// billed: the bill of materials names what the program was linked from.
func billed(t *testing.T, first string) {
	text, err := os.ReadFile(one(t, first, ".cdx.json"))
	if err != nil {
		t.Fatal(err)
	}
	var bill struct {
		BOMFormat  string
		Components []struct{ Name, Version, Purl string }
	}
	if err := json.Unmarshal(text, &bill); err != nil {
		t.Fatal(err)
	}
	linked := map[string]bool{}
	for _, c := range bill.Components {
		linked[c.Name] = c.Version != "" && c.Purl != ""
	}
	if !linked["github.com/nats-io/nats-server/v2"] || !linked["github.com/boltdb/bolt"] || !linked["std"] || bill.BOMFormat != "CycloneDX" {
		t.Errorf("the bill of materials is of format %q and has %v", bill.BOMFormat, linked)
	}
}

// imaged: the image is an archive with one layer that holds the program and nothing else.
func imaged(t *testing.T, dir string) {
	image := t.TempDir()
	run(t, "tar", "-xf", one(t, dir, ".image.tar"), "-C", image)
	text, err := os.ReadFile(filepath.Join(image, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var manifest []struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	if err := json.Unmarshal(text, &manifest); err != nil || len(manifest) != 1 || len(manifest[0].Layers) != 1 {
		t.Fatalf("manifest: %v\n%s", err, text)
	}
	if got := strings.Fields(run(t, "tar", "-tzf", filepath.Join(image, manifest[0].Layers[0]))); !slices.Equal(got, []string{"usr/bin/hotpair"}) {
		t.Errorf("the layer holds %v", got)
	}
	text, err = os.ReadFile(filepath.Join(image, manifest[0].Config))
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		OS     string
		Config struct {
			User       string
			Entrypoint []string
		}
	}
	if err := json.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	if config.OS != "linux" || config.Config.User != nobody || !slices.Equal(config.Config.Entrypoint, []string{"/usr/bin/hotpair"}) {
		t.Errorf("config %+v", config)
	}
}

// installed: the package is installed, upgraded, removed and purged in a root folder of its own. A removal keeps settings and data, a purge
// leaves nothing.
func installed(t *testing.T, dir string) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: only root installs packages")
	}
	pkg := one(t, dir, ".deb")
	root := t.TempDir()
	for _, name := range []string{"var/lib/dpkg/info", "var/lib/dpkg/updates", "etc", "var/lib/hotpair", "var/lib/hotpair-identity", "var/lib/hotpair-witness-identity"} {
		if err := os.MkdirAll(filepath.Join(root, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"var/lib/dpkg/status", "etc/passwd", "etc/group", "etc/shadow", "etc/gshadow"} {
		if err := os.WriteFile(filepath.Join(root, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	before := all(t, root)
	dpkg := func(args ...string) (said string) {
		t.Helper()
		return run(t, "dpkg", append([]string{"--root=" + root, "--force-script-chrootless", "--force-depends", "--log=" + filepath.Join(root, "var/lib/dpkg/log")}, args...)...)
	}
	if said := dpkg("--install", pkg); !strings.Contains(said, "hotpair init --help") {
		t.Errorf("a first installation says %q", said)
	}
	has := func(name string, want bool) {
		t.Helper()
		if _, err := os.Stat(filepath.Join(root, name)); (err == nil) != want {
			t.Errorf("%s is there: %t, want %t", name, err == nil, want)
		}
	}
	for _, name := range []string{"usr/bin/hotpair", "usr/lib/systemd/system/hotpair.service", "usr/lib/systemd/system/hotpair-witness.service", "usr/lib/systemd/system/hotpair-terminal@.service",
		"usr/share/man/man1/hotpair-status.1", "usr/share/man/man5/hotpair.5", "usr/share/bash-completion/completions/hotpair", "etc/hotpair", "usr/share/doc/hotpair/examples/host.env.example"} {
		has(name, true)
	}
	users, err := os.ReadFile(filepath.Join(root, "etc/passwd"))
	if err != nil || !strings.Contains(string(users), "hotpair:x:") {
		t.Errorf("users: %q, %v", users, err)
	}
	if err := os.MkdirAll(filepath.Join(root, "etc/hotpair/joined"), 0o755); err != nil { // by hotpair join
		t.Fatal(err)
	}
	kept := []string{"etc/hotpair/host.env", "etc/hotpair/joined/host.env", "etc/hotpair/joined/seal.key", "var/lib/hotpair-identity/key.pem", "var/lib/hotpair-witness-identity/key.pem", "var/lib/hotpair/database"}
	for _, name := range kept {
		if err := os.WriteFile(filepath.Join(root, name), []byte("of the operator"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if said := dpkg("--install", pkg); !strings.Contains(said, "hotpair upgrade run") || strings.Contains(said, "hotpair init") {
		t.Errorf("an upgrade says %q", said)
	}
	for _, name := range kept {
		has(name, true)
	}
	dpkg("--remove", "hotpair")
	has("usr/bin/hotpair", false)
	for _, name := range kept {
		has(name, true)
	}
	dpkg("--purge", "hotpair")
	left := slices.DeleteFunc(all(t, root), func(name string) bool {
		return slices.Contains(before, name) || slices.Contains(ofSysusers[:], name) || strings.HasPrefix(name, "var/lib/dpkg")
	})
	if len(left) > 0 {
		t.Errorf("a purge leaves %v", left)
	}
	if users, err := os.ReadFile(filepath.Join(root, "etc/passwd")); err != nil || strings.Contains(string(users), "hotpair") {
		t.Errorf("a purge leaves the user: %q, %v", users, err)
	}
}

// ofSysusers are what systemd-sysusers leaves beside the files that it changes, whoever has it change them.
var ofSysusers = [...]string{"etc/.pwd.lock", "etc/passwd-", "etc/group-", "etc/shadow-", "etc/gshadow-"}

// all are the files and folders of a folder.
func all(t *testing.T, root string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		name, _ := filepath.Rel(root, path) // below it
		names = append(names, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestUnits: systemd understands each, and thinks it no more exposed than 1.3 of 10.
func TestUnits(t *testing.T) {
	units, err := filepath.Glob("../systemd/*.service")
	if err != nil || len(units) != 3 {
		t.Fatal(units, err)
	}
	for _, unit := range units {
		text, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		here := filepath.Join(t.TempDir(), filepath.Base(unit))
		if err := os.WriteFile(here, bytes.ReplaceAll(text, []byte("/usr/local/bin/hotpair"), []byte("/bin/true")), 0o600); err != nil {
			t.Fatal(err)
		}
		if said := run(t, "systemd-analyze", "verify", "--man=no", here); strings.Contains(said, filepath.Base(unit)) {
			t.Errorf("systemd says of %s:\n%s", unit, said)
		}
		run(t, "systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=13", unit)
	}
}

// TestVersionOf: a release has a tag and nothing that is not committed; anything else is a snapshot, below every version.
func TestVersionOf(t *testing.T) {
	root := t.TempDir()
	in := func(args ...string) {
		t.Helper()
		run(t, "git", append([]string{"-C", root, "-c", "user.name=somebody", "-c", "user.email=somebody@localhost", "-c", "commit.gpgsign=false"}, args...)...)
	}
	file := filepath.Join(root, "file")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	in("init", "-q")
	write("1")
	in("add", "file")
	in("commit", "-q", "-m", "first")
	ctx := context.Background()
	if v, err := versionOf(ctx, root, false); !errors.Is(err, errUntagged) {
		t.Errorf("without a tag: %v, %v", v, err)
	}
	if v, err := versionOf(ctx, root, true); err != nil || !strings.HasPrefix(v.Name, "0.0.0~") {
		t.Errorf("a snapshot: %v, %v", v, err)
	}
	in("tag", "v0.2.0")
	if v, err := versionOf(ctx, root, false); err != nil || v.Name != "0.2.0" {
		t.Errorf("with a tag: %v, %v", v, err)
	}
	write("2")
	if v, err := versionOf(ctx, root, false); !errors.Is(err, errUntagged) {
		t.Errorf("with a change: %v, %v", v, err)
	}
	if v, err := versionOf(ctx, root, true); err != nil || !strings.HasSuffix(v.Name, ".changed") {
		t.Errorf("a snapshot with a change: %v, %v", v, err)
	}
	if err := release(ctx, options{Root: root, Out: filepath.Join(t.TempDir(), "dist"), Targets: []string{"mips"}, Snapshot: true}, nil); err == nil {
		t.Error("a folder without a program is released")
	}
}
