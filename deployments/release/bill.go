package main

import (
	"debug/buildinfo"
	"errors"
	"os"
	"strings"
	"time"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
)

// bill writes the bill of materials of the hosts' program.
func (b *build) bill(program, arch string) error {
	return b.materials(program, b.named(arch, billSuffix))
}

const billSuffix = ".cdx.json"

// materials writes the bill of materials of a program into a file: the linked modules, as the toolchain recorded
// them.
func (b *build) materials(program, into string) error {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return err
	}
	component := func(kind cyclonedx.ComponentType, path, version string) cyclonedx.Component {
		ref := "pkg:golang/" + path + "@" + version
		return cyclonedx.Component{BOMRef: ref, Type: kind, Name: path, Version: version, PackageURL: ref}
	}
	all := cyclonedx.NewBOM()
	whole := component(cyclonedx.ComponentTypeApplication, info.Main.Path, "v"+b.version.Name)
	if below, found := strings.CutPrefix(info.Path, info.Main.Path+"/"); found {
		whole.Name = info.Path
		whole.PackageURL += "#" + below
		whole.BOMRef = whole.PackageURL
	}
	all.Metadata = &cyclonedx.Metadata{Timestamp: b.version.Time.Format(time.RFC3339), Component: &whole}
	parts := []cyclonedx.Component{component(cyclonedx.ComponentTypeLibrary, "std", info.GoVersion)}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		parts = append(parts, component(cyclonedx.ComponentTypeLibrary, m.Path, m.Version))
	}
	all.Components = &parts
	out, err := os.Create(into)
	if err != nil {
		return err
	}
	return errors.Join(cyclonedx.NewBOMEncoder(out, cyclonedx.BOMFileFormatJSON).SetPretty(true).Encode(all), out.Close())
}
