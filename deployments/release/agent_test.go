package main

import (
	"archive/zip"
	"context"
	"debug/pe"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// inAgents are files that every archive of the agent has.
var inAgents = []string{"OPERATIONS.md", "HTTP.md", "APPLICATIONS.md", "LICENSE", "CHANGELOG.md", "examples/queue.py", "examples/sell/main.go", "examples/kiosk/kiosk.js"}

// agentOfLinux: the archive has the program, a unit that starts it, and a bill of materials that is the agent's.
func agentOfLinux(t *testing.T, dir string) {
	archive := only(t, dir, "hotpair-terminal_*_linux_*.tar.gz")
	into := t.TempDir()
	run(t, "tar", "-xzf", archive, "-C", into, "--strip-components=1")
	for _, name := range append([]string{"systemd/terminal.env.example"}, inAgents...) {
		if s, err := os.Stat(filepath.Join(into, name)); err != nil || s.Size() == 0 {
			t.Errorf("the archive has no %s: %v", name, err)
		}
	}
	program := filepath.Join(into, "hotpair-terminal")
	if said := run(t, program, "--version"); !strings.Contains(said, "commit") || strings.Contains(said, "(devel)") {
		t.Errorf("it says it is %q", said)
	}
	if out, err := exec.CommandContext(t.Context(), program, "witness").CombinedOutput(); err == nil {
		t.Errorf("it can be a witness: %s", out)
	}
	unit, err := os.ReadFile(filepath.Join(into, "systemd/hotpair-terminal@.service"))
	if err != nil || !strings.Contains(string(unit), "\nExecStart=/usr/local/bin/hotpair-terminal\n") || strings.Contains(string(unit), "hotpair terminal enrol") {
		t.Errorf("the unit: %v\n%s", err, unit)
	}
	text, err := os.ReadFile(strings.TrimSuffix(archive, ".tar.gz") + ".cdx.json")
	if err != nil {
		t.Fatal(err)
	}
	var bill struct {
		Metadata   struct{ Component struct{ Name, Purl string } }
		Components []struct{ Name string }
	}
	if err := json.Unmarshal(text, &bill); err != nil {
		t.Fatal(err)
	}
	linked := map[string]bool{}
	for _, c := range bill.Components {
		linked[c.Name] = true
	}
	if c := bill.Metadata.Component; !strings.HasSuffix(c.Name, "/hotpair-terminal") || !strings.HasSuffix(c.Purl, "#services/terminal/hotpair-terminal") {
		t.Errorf("the bill of materials is that of %+v", c)
	}
	if !linked["github.com/nats-io/nats-server/v2"] || linked["github.com/prometheus/client_golang"] {
		t.Errorf("the bill of materials has %v", linked)
	}
}

// agentOfWindows: the archive is one of Windows, and so is the program in it.
func agentOfWindows(t *testing.T, dir string) {
	archive := only(t, dir, "hotpair-terminal_*_windows_amd64.zip")
	z, err := zip.OpenReader(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	root := strings.TrimSuffix(filepath.Base(archive), ".zip")
	has := map[string]bool{}
	v, err := versionOf(t.Context(), "../..", true)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		has[f.Name] = f.UncompressedSize64 > 0
		if !f.Modified.Equal(v.Time) {
			t.Errorf("%s is of %v, not of the commit: %v", f.Name, f.Modified, v.Time)
		}
	}
	for _, name := range append([]string{"hotpair-terminal.exe"}, inAgents...) {
		if !has[path.Join(root, name)] {
			t.Errorf("the archive has no %s", name)
		}
	}
	into := t.TempDir()
	program := filepath.Join(into, "hotpair-terminal.exe")
	run(t, "python3", "-c", "import sys, zipfile; open(sys.argv[3], 'wb').write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))", archive, path.Join(root, "hotpair-terminal.exe"), program)
	f, err := pe.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Machine != pe.IMAGE_FILE_MACHINE_AMD64 {
		t.Errorf("the program is for machine %#x", f.Machine)
	}
}

func TestAgent_IsForMachinesThatTerminalsAre(t *testing.T) {
	for _, target := range []string{"plan9/amd64", "windows", "windows/arm", ""} {
		if err := (&build{}).agent(context.Background(), target); !errors.Is(err, errTarget) {
			t.Errorf("%q: %v", target, err)
		}
	}
}

// The list of properties by which macOS starts the agent can be read, and its command is one that a shell understands.
func TestLaunchd(t *testing.T) {
	const read = `import json, plistlib, sys; print(json.dumps(plistlib.load(open(sys.argv[1], "rb"))))`
	var list struct {
		Label              string
		ProgramArguments   []string
		RunAtLoad          bool
		KeepAlive          bool
		SoftResourceLimits struct{ NumberOfFiles int }
	}
	if err := json.Unmarshal([]byte(run(t, "python3", "-c", read, "../launchd/hotpair-terminal.plist")), &list); err != nil {
		t.Fatal(err)
	}
	if list.Label != "hotpair-terminal" || !list.RunAtLoad || !list.KeepAlive || len(list.ProgramArguments) != 3 || list.SoftResourceLimits.NumberOfFiles < 4096 {
		t.Fatalf("%+v", list)
	}
	// As launchd would, with a program that shows what it is given.
	home := t.TempDir()
	if err := os.MkdirAll(filepath.Join(home, "Library/Logs"), 0o700); err != nil {
		t.Fatal(err)
	}
	command := strings.ReplaceAll(list.ProgramArguments[2], "/usr/local/bin/hotpair-terminal", "/usr/bin/printf '%s|' hotpair-terminal")
	c := exec.CommandContext(t.Context(), list.ProgramArguments[0], list.ProgramArguments[1], command)
	c.Env = []string{"HOME=" + home}
	out, err := c.CombinedOutput()
	if want := "hotpair-terminal|--data|" + home + "/Library/Application Support/hotpair-terminal|"; err != nil || string(out) != want {
		t.Errorf("%v: it starts %q, want %q", err, out, want)
	}
	if _, err := os.Stat(filepath.Join(home, "Library/Logs/hotpair-terminal.log")); err != nil {
		t.Error(err)
	}
}
