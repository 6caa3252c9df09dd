package main

import (
	"archive/tar"
	"bytes"
	"io"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// nobody is the default user of the program in an image.
const nobody = "65532:65532"

// image writes an image with the program and nothing else, as docker load and podman load read it.
func (b *build) image(program, arch string) error {
	var files bytes.Buffer
	t := tar.NewWriter(&files)
	if err := b.add(t, file{Name: "usr/bin/hotpair", From: program, Mode: 0o755}); err != nil {
		return err
	}
	if err := t.Close(); err != nil {
		return err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(files.Bytes())), nil })
	if err != nil {
		return err
	}
	made := v1.Time{Time: b.version.Time}
	image, err := mutate.Append(empty.Image, mutate.Addendum{Layer: layer, History: v1.History{Created: made, CreatedBy: "release"}})
	if err != nil {
		return err
	}
	config := &v1.ConfigFile{
		OS: "linux", Architecture: arch, Created: made,
		Config: v1.Config{
			Entrypoint: []string{"/usr/bin/hotpair"}, Cmd: []string{"help"}, User: nobody, StopSignal: "SIGTERM",
			Labels: map[string]string{"org.opencontainers.image.title": "hotpair", "org.opencontainers.image.version": b.version.Name},
		},
	}
	if arch == "arm" {
		config.Variant = "v7"
	}
	was, err := image.ConfigFile()
	if err != nil {
		return err
	}
	config.RootFS, config.History = was.RootFS, was.History
	if image, err = mutate.ConfigFile(image, config); err != nil {
		return err
	}
	// The tag of an image allows fewer characters than a version.
	tag, err := name.NewTag("hotpair:"+strings.ReplaceAll(b.version.Name, "~", "-"), name.WithDefaultRegistry(""))
	if err != nil {
		return err
	}
	return tarball.WriteToFile(b.named(arch, ".image.tar"), tag, image)
}
