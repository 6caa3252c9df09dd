package main

import (
	"archive/tar"
	"archive/zip"
	"compress/flate"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// documents go into every archive and package.
var documents = [...]string{"README.md", "CHANGELOG.md", "LICENSE", "deployments/OPERATIONS.md"}

// archive packs the program with all that a manual installation needs.
func (b *build) archive(program, arch string) error {
	list := []file{{Name: "hotpair", From: program, Mode: 0o755}}
	for _, name := range documents {
		list = append(list, file{Name: path.Base(name), From: filepath.Join(b.Root, name), Mode: 0o644})
	}
	units, err := filepath.Glob(filepath.Join(b.Root, "deployments/systemd/*"))
	if err != nil {
		return err
	}
	for _, from := range units {
		list = append(list, file{Name: "systemd/" + filepath.Base(from), From: from, Mode: 0o644})
	}
	for _, f := range b.pages {
		f.Name = "man/" + f.Name
		list = append(list, f)
	}
	for _, f := range b.shells {
		f.Name = "completions/" + f.Name
		list = append(list, f)
	}
	return b.tarred(b.named(arch, tarSuffix), list)
}

const (
	tarSuffix = ".tar.gz"
	zipSuffix = ".zip"
)

// tarred packs files into an archive, below a folder with its name.
func (b *build) tarred(into string, list []file) (err error) {
	out, err := os.Create(into)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	packed, err := gzip.NewWriterLevel(out, gzip.BestCompression)
	if err != nil {
		return err
	}
	t := tar.NewWriter(packed)
	root := strings.TrimSuffix(filepath.Base(into), tarSuffix)
	for _, f := range list {
		f.Name = path.Join(root, f.Name)
		if err := b.add(t, f); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return errors.Join(t.Close(), packed.Close())
}

// zipped is tarred for Windows.
func (b *build) zipped(into string, list []file) (err error) {
	out, err := os.Create(into)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	z := zip.NewWriter(out)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestCompression) })
	root := strings.TrimSuffix(filepath.Base(into), zipSuffix)
	for _, f := range list {
		h := &zip.FileHeader{Name: path.Join(root, f.Name), Method: zip.Deflate, Modified: b.version.Time}
		h.SetMode(f.Mode)
		data, err := os.ReadFile(f.From)
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		w, err := z.CreateHeader(h)
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		if _, err := w.Write(data); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return z.Close()
}

// add writes one file into an archive, owned by root and with the time of the commit.
func (b *build) add(t *tar.Writer, f file) error {
	data, err := os.ReadFile(f.From)
	if err != nil {
		return err
	}
	h := tar.Header{Typeflag: tar.TypeReg, Name: f.Name, Size: int64(len(data)), Mode: int64(f.Mode), ModTime: b.version.Time, Format: tar.FormatPAX}
	if err := t.WriteHeader(&h); err != nil {
		return err
	}
	_, err = t.Write(data)
	return err
}

// checksums writes those of all files of a folder, in the format of sha256sum.
func checksums(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("checksums: %w", err)
	}
	var text strings.Builder
	for _, e := range entries { // sorted
		f, err := os.Open(filepath.Join(dir, e.Name()))
		if err != nil {
			return fmt.Errorf("checksums: %w", err)
		}
		sum := sha256.New()
		_, err = io.Copy(sum, f)
		if err := errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("checksum of %s: %w", e.Name(), err)
		}
		fmt.Fprintf(&text, "%x  %s\n", sum.Sum(nil), e.Name())
	}
	if err := os.WriteFile(filepath.Join(dir, "SHA256SUMS"), []byte(text.String()), 0o644); err != nil {
		return fmt.Errorf("checksums: %w", err)
	}
	return nil
}
