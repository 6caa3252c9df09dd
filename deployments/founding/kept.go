package founding

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/hotpair/hotpair/deployments/bundle"
	"github.com/hotpair/hotpair/services/authority"
	"github.com/hotpair/hotpair/services/durable"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/regular"
)

// ErrForeign: the content of a directory is not its pair.
var ErrForeign = errors.New("no pair made by this version of hotpair")

// Kept is one bundle of a directory, with the bytes of its file.
type Kept struct {
	bundle.Bundle
	Raw []byte
}

// Read returns the bundles of a directory, by file name, all without a passphrase. The last name is the file that is
// written last. Errors: fs.ErrNotExist if that is missing, ErrForeign.
func Read(dir string, files ...string) (map[string]Kept, error) {
	found := map[string]Kept{}
	for i := range files {
		file := files[len(files)-1-i]
		raw, err := regular.Read(filepath.Join(dir, file), bundle.MaxFile)
		if errors.Is(err, fs.ErrNotExist) && i == 0 {
			return nil, err
		}
		var b bundle.Bundle
		if err == nil {
			b, err = bundle.Decode(raw, "")
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %s in %s: %w", ErrForeign, file, dir, err)
		}
		found[file] = Kept{b, raw}
	}
	return found, nil
}

// Keep is Read, but makes the pair if there is none, or if making it was interrupted. It uses the root of the
// directory; if there is none, it makes one, and stores it if requested.
func (p Plan) Keep(dir string, root bool, files ...string) (map[string]Kept, error) {
	found, err := Read(dir, files...)
	if !errors.Is(err, fs.ErrNotExist) {
		return found, err
	}
	authority, err := OpenRoot(dir, root)
	if err != nil {
		return nil, err
	}
	made, err := p.FoundUnder(authority, time.Now())
	if err != nil {
		return nil, err
	}
	list, err := made.Files("", "")
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		for _, f := range list {
			if f.Name != name {
				continue
			}
			if err := durable.Write(filepath.Join(dir, name), f.Content); err != nil {
				return nil, err
			}
		}
	}
	return Read(dir, files...)
}

// OpenRoot opens the root of a directory, without a passphrase. If there is none it makes one, and stores it there if
// requested.
func OpenRoot(dir string, keep bool) (*authority.Root, error) {
	path := filepath.Join(dir, RootFile)
	root, err := authority.OpenRoot(path, "")
	if errors.Is(err, authority.ErrNone) {
		if root, err = authority.New(identity.NewPair(), time.Now()); err == nil && keep {
			err = root.Create(path, "")
		}
	}
	return root, err
}
