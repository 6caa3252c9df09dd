package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ErrLink says that a folder is a symbolic link.
var ErrLink = errors.New("unexpected symbolic link")

// folders are those in which something is written or removed. last: the folder itself may not be a link, because it
// is given to the user, or deleted.
func (p Place) folders() []struct {
	path string
	last bool
} {
	return []struct {
		path string
		last bool
	}{{p.Settings, false}, {filepath.Dir(p.unitFile()), false}, {p.Identity, true}, {p.Data, true}}
}

// contained refuses links that lead out of the root of another machine: an absolute target there is another place
// here, so a join would write secrets to, and a leave delete files of, the machine that it runs on.
func (p Place) contained() error {
	if p.Root == "" {
		return nil
	}
	root, err := filepath.EvalSymlinks(p.Root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it does not exist yet
	}
	if err != nil {
		return err
	}
	var failed []error
	for _, folder := range p.folders() {
		at := p.Root
		for part := range strings.SplitSeq(strings.TrimPrefix(folder.path, "/"), "/") {
			at = filepath.Join(at, part)
			to, err := os.Readlink(at)
			if err != nil {
				continue // not a link, or missing
			}
			real, err := filepath.EvalSymlinks(at)
			if err != nil || filepath.IsAbs(to) || real != root && !strings.HasPrefix(real, root+"/") {
				failed = append(failed, fmt.Errorf("%w: %s leads to %s, which on this machine is not in %s", ErrLink, at, to, p.Root))
				break
			}
		}
	}
	return errors.Join(failed...)
}

// linked returns an error if a folder of the pair itself is a link: it is neither given to a user nor deleted through
// one.
func (p Place) linked() error {
	var failed []error
	for _, folder := range p.folders() {
		if to, err := os.Readlink(p.on(folder.path)); err == nil && folder.last {
			failed = append(failed, fmt.Errorf("%w: %s leads to %s", ErrLink, p.on(folder.path), to))
		}
	}
	return errors.Join(failed...)
}
