package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// allAgents are the machines of terminals, in the compiler's names.
func allAgents() []string {
	return []string{"linux/amd64", "linux/arm64", "linux/arm", "windows/amd64", "windows/arm64", "darwin/amd64", "darwin/arm64"}
}

// guides go into every archive of the agent: how it is installed, and how an application asks it.
var guides = [...]string{"CHANGELOG.md", "LICENSE", "deployments/OPERATIONS.md", "services/terminal/APPLICATIONS.md", "services/terminal/HTTP.md"}

// agent builds the terminal agent for one kind of machine, and packs it in that machine's format.
func (b *build) agent(ctx context.Context, target string) error {
	if !slices.Contains(allAgents(), target) {
		return fmt.Errorf("%w: want %s", errTarget, strings.Join(allAgents(), ", "))
	}
	var m machine
	m.OS, m.Arch, _ = strings.Cut(target, "/")
	const name = "hotpair-terminal"
	program, err := b.compiled(ctx, agent, m, strings.Join([]string{name, m.OS, m.Arch}, "-"))
	if err != nil {
		return err
	}
	list := []file{{Name: name, From: program, Mode: 0o755}}
	if m.OS == "windows" {
		list[0].Name += ".exe"
	}
	for _, guide := range guides {
		list = append(list, file{Name: path.Base(guide), From: filepath.Join(b.Root, guide), Mode: 0o644})
	}
	ours, err := b.starting(m.OS)
	if err != nil {
		return err
	}
	examples, err := b.examples(ctx)
	if err != nil {
		return fmt.Errorf("examples: %w", err)
	}
	list = slices.Concat(list, ours, examples)
	pack, suffix := b.tarred, tarSuffix
	if m.OS == "windows" {
		pack, suffix = b.zipped, zipSuffix
	}
	if err := pack(b.called(name, m, suffix), list); err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	if err := b.materials(program, b.called(name, m, billSuffix)); err != nil {
		return fmt.Errorf("bill of materials: %w", err)
	}
	return nil
}

// starting are the files with which a system starts the agent. Windows needs none: the program installs itself as a
// service.
func (b *build) starting(system string) ([]file, error) {
	switch system {
	case "linux":
		const name = "hotpair-terminal@.service"
		unit, err := os.ReadFile(filepath.Join(b.Root, "deployments/systemd", name))
		if err != nil {
			return nil, err
		}
		// Here a separate program replaces the command hotpair, in the unit and in its instructions.
		for _, change := range [][2]string{
			{"/usr/local/bin/hotpair terminal", "/usr/local/bin/hotpair-terminal"}, {"install -m 0755 hotpair /usr", "install -m 0755 hotpair-terminal /usr"}, {"-- hotpair terminal enrol", "-- hotpair-terminal enrol"},
			{"0644 hotpair-terminal@", "0644 systemd/hotpair-terminal@"}, {"-D terminal.env", "-D systemd/terminal.env"},
		} {
			if !bytes.Contains(unit, []byte(change[0])) {
				return nil, fmt.Errorf("%w: %s does not contain %q", errUnit, name, change[0])
			}
			unit = bytes.ReplaceAll(unit, []byte(change[0]), []byte(change[1]))
		}
		into := filepath.Join(b.work, "agent-"+name)
		if err := os.WriteFile(into, unit, 0o644); err != nil {
			return nil, err
		}
		return []file{{Name: "systemd/" + name, From: into, Mode: 0o644},
			{Name: "systemd/terminal.env.example", From: filepath.Join(b.Root, "deployments/systemd/terminal.env.example"), Mode: 0o644}}, nil
	case "darwin":
		const name = "hotpair-terminal.plist"
		return []file{{Name: "launchd/" + name, From: filepath.Join(b.Root, "deployments/launchd", name), Mode: 0o644}}, nil
	}
	return nil, nil
}

// examples are the applications as committed: the folder may also contain files from running them.
func (b *build) examples(ctx context.Context) (list []file, err error) {
	const dir = "services/terminal/examples"
	names, err := git(ctx, b.Root, "ls-files", dir)
	if err != nil {
		return nil, err
	}
	for name := range strings.Lines(names) {
		name = strings.TrimSpace(name)
		f := file{Name: path.Join("examples", strings.TrimPrefix(name, dir)), From: filepath.Join(b.Root, name), Mode: 0o644}
		if path.Ext(name) == ".sh" {
			f.Mode = 0o755
		}
		list = append(list, f)
	}
	return list, nil
}
