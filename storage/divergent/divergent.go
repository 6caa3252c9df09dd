// Package divergent keeps the updates that only this host had (R10) in files of their own before they are dropped from
// its history. They are for people, who see them listed and counted; no process applies them again.
package divergent

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hotpair/hotpair/services/durable"
	"github.com/hotpair/hotpair/storage/format"
)

const (
	// folder is the directory, within the data directory, of what was kept as divergent.
	folder = "aside"
	// magic begins each of its files.
	magic = "hotpair aside\n"
	// version is written; uncounted had no count of what was committed.
	version   = 2
	uncounted = 1
)

// File is the content of one file of divergent updates.
type File struct {
	Path string `cbor:"-"`
	// Reason is a sentence for the operator.
	Reason string `cbor:"1,keyasint"`
	// Records are the entries or frames, as stored bytes.
	Records [][]byte `cbor:"2,keyasint"`
	// Committed is how many of them were known to be committed, so that somebody may have been told that they succeeded.
	Committed int `cbor:"3,keyasint,omitempty"`
}

// Write writes records (entries or frames that only this host has, R10) into a new file in dir/aside and returns
// its path. When it returns without an error the file is durable with its name, and only then may the records be
// dropped elsewhere. committed of them were known to be committed. Writing the same records again makes another file.
func Write(dir, reason string, records [][]byte, committed int) (path string, err error) {
	body, err := format.Encode(version, &File{Reason: reason, Records: records, Committed: committed})
	if err != nil {
		return "", fmt.Errorf("keep divergent updates: %w", err)
	}
	raw := append([]byte(magic), body...)
	sum := sha256.Sum256(raw)
	raw = append(raw, sum[:]...)
	in := filepath.Join(dir, folder)
	if err := durable.MakeDir(in); err != nil {
		return "", fmt.Errorf("keep divergent updates: %w", err)
	}
	// Under a temporary name first, so that a file with its final name is always whole.
	for n := 1; ; n++ {
		path = filepath.Join(in, fmt.Sprintf("%06d.aside", n))
		if _, err := os.Lstat(path); err == nil {
			continue
		}
		f, err := durable.Begin(path)
		if err != nil {
			return "", fmt.Errorf("keep divergent updates: %w", err)
		}
		if _, err := f.Write(raw); err != nil {
			return "", fmt.Errorf("keep divergent updates: %w", errors.Join(err, f.Discard()))
		}
		switch err := f.Create(); {
		case errors.Is(err, fs.ErrExist): // another writer was quicker
		case err != nil:
			return "", fmt.Errorf("keep divergent updates: %w", err)
		default:
			return path, nil
		}
	}
}

// Read reads one file. The error is format.ErrDamaged, ErrForeign or ErrVersion.
func Read(path string) (File, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return File{}, fmt.Errorf("read divergent updates: %w", err)
	}
	a, err := parse(raw)
	if err != nil {
		return File{}, fmt.Errorf("read divergent updates: %s: %w", path, err)
	}
	a.Path = path
	return a, nil
}

// parse reads the content of a file. It never panics.
func parse(raw []byte) (a File, err error) {
	body, ok := strings.CutPrefix(string(raw), magic)
	if !ok {
		return a, fmt.Errorf("%w: not a file written by hotpair", format.ErrForeign)
	}
	if len(body) < sha256.Size+1 {
		return a, fmt.Errorf("%w: it is truncated", format.ErrDamaged)
	}
	end := len(raw) - sha256.Size
	if sum := sha256.Sum256(raw[:end]); string(sum[:]) != string(raw[end:]) {
		return a, fmt.Errorf("%w: its checksum is wrong", format.ErrDamaged)
	}
	err = format.Decode(version, raw[len(magic):end], &a)
	if errors.Is(err, format.ErrVersion) {
		if old := format.Decode(uncounted, raw[len(magic):end], &a); !errors.Is(old, format.ErrVersion) {
			err = old
		}
	}
	if err == nil && (a.Committed < 0 || a.Committed > len(a.Records)) {
		err = fmt.Errorf("%w: %d of %d committed", format.ErrMalformed, a.Committed, len(a.Records))
	}
	if err != nil {
		return File{}, err
	}
	return a, nil
}

// forgotten ends the name of a file that an operator has dealt with: it is kept, but not listed.
const forgotten = ".forgotten"

// Forget removes a file from List. It keeps the file beside the others, under another name, durably when there is no
// error.
func Forget(path string) error {
	for n := 0; ; n++ {
		to := path + forgotten
		if n > 0 {
			to = fmt.Sprintf("%s-%d", to, n)
		}
		if _, err := os.Lstat(to); err == nil {
			continue // of an earlier file of this name
		}
		if err := durable.Rename(path, to); err != nil {
			return fmt.Errorf("forget: %w", err)
		}
		return nil
	}
}

// List lists the paths of the files of divergent updates, oldest first; their number is what status shows.
func List(dir string) ([]string, error) {
	files, err := os.ReadDir(filepath.Join(dir, folder)) // sorted by name
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list divergent updates: %w", err)
	}
	var paths []string
	for _, f := range files {
		if strings.HasSuffix(f.Name(), ".aside") {
			paths = append(paths, filepath.Join(dir, folder, f.Name()))
		}
	}
	return paths, nil
}
