package main

import (
	"bytes"
	"errors"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/goreleaser/nfpm/v2"
	"github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
)

// debian writes the Debian package. Its scripts are in the folder debian beside this file.
func (b *build) debian(program, arch string) (err error) {
	contents := files.Contents{b.put(program, "/usr/bin/hotpair", 0o755)}
	for _, name := range documents {
		contents = append(contents, b.put(filepath.Join(b.Root, name), "/usr/share/doc/hotpair/"+path.Base(name), 0o644))
	}
	for _, f := range b.pages {
		contents = append(contents, b.put(f.From, "/usr/share/man/man"+strings.TrimPrefix(filepath.Ext(f.Name), ".")+"/"+f.Name, 0o644))
	}
	shells := map[string]string{
		"hotpair.bash": "/usr/share/bash-completion/completions/hotpair", "_hotpair": "/usr/share/zsh/vendor-completions/_hotpair",
		"hotpair.fish": "/usr/share/fish/vendor_completions.d/hotpair.fish",
	}
	for _, f := range b.shells {
		contents = append(contents, b.put(f.From, shells[f.Name], 0o644))
	}
	own := filepath.Join(b.Root, "deployments/release/debian")
	contents = append(contents, b.put(filepath.Join(own, "sysusers.conf"), "/usr/lib/sysusers.d/hotpair.conf", 0o644),
		&files.Content{Destination: "/etc/hotpair", Type: files.TypeDir, FileInfo: &files.ContentFileInfo{Mode: 0o755, MTime: b.version.Time, Owner: "root", Group: "root"}})
	units, err := filepath.Glob(filepath.Join(b.Root, "deployments/systemd/*"))
	if err != nil {
		return err
	}
	for _, from := range units {
		name := filepath.Base(from)
		if !strings.HasSuffix(name, ".service") {
			contents = append(contents, b.put(from, "/usr/share/doc/hotpair/examples/"+name, 0o644))
			continue
		}
		unit, err := b.installed(from)
		if err != nil {
			return err
		}
		contents = append(contents, b.put(unit, "/usr/lib/systemd/system/"+name, 0o644))
	}
	scripts := nfpm.Scripts{}
	for name, script := range map[string]*string{"postinst": &scripts.PostInstall, "prerm": &scripts.PreRemove, "postrm": &scripts.PostRemove} {
		*script = filepath.Join(own, name)
	}
	version, pre, _ := strings.Cut(b.version.Name, "~")
	if pre == "" {
		version, pre, _ = strings.Cut(version, "-")
	}
	info := nfpm.WithDefaults(&nfpm.Info{
		Name: "hotpair", Arch: debianArch(arch), Platform: "linux", Version: version, Prerelease: pre, VersionSchema: "none", Section: "net", Priority: "optional",
		Maintainer: "hotpair <hotpair@localhost>", Homepage: "https://github.com/hotpair/hotpair", License: "see LICENSE", MTime: b.version.Time,
		Description: "Two hosts that behave like one that never stops\nOne host serves, the other holds every acknowledged update and takes over at once.\nThis one program is host, witness, agent at a terminal, and the commands of who\nruns them.",
		Overridables: nfpm.Overridables{
			Contents: contents, Scripts: scripts, Depends: []string{"systemd"}, Deb: nfpm.Deb{Compression: "gzip"},
		},
	})
	if err := nfpm.PrepareForPackager(info, "deb"); err != nil {
		return err
	}
	out, err := os.Create(filepath.Join(b.out, "hotpair_"+b.version.Name+"_"+debianArch(arch)+".deb"))
	if err != nil {
		return err
	}
	return errors.Join(deb.Default.Package(info, out), out.Close())
}

// put adds a file to the package, owned by root and with the time of the commit.
func (b *build) put(from, to string, mode os.FileMode) *files.Content {
	return &files.Content{Source: from, Destination: to, FileInfo: &files.ContentFileInfo{Mode: mode, MTime: b.version.Time, Owner: "root", Group: "root"}}
}

// installed is a unit for a package: with the package's path of the program, and without instructions for manual
// installation.
func (b *build) installed(from string) (string, error) {
	text, err := os.ReadFile(from)
	if err != nil {
		return "", err
	}
	if i := bytes.Index(text, []byte("[Unit]")); i >= 0 {
		text = text[i:]
	}
	text = bytes.ReplaceAll(text, []byte("/usr/local/bin/hotpair"), []byte("/usr/bin/hotpair"))
	into := filepath.Join(b.work, "unit-"+filepath.Base(from))
	return into, os.WriteFile(into, text, 0o644)
}

// debianArch is Debian's name of a processor.
func debianArch(arch string) string {
	if arch == "arm" {
		return "armhf"
	}
	return arch
}
