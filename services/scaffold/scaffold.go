package scaffold

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hotpair/hotpair/services/durable"
	"github.com/hotpair/hotpair/services/scaffold/folder"
)

var (
	// ErrOption says that an option is invalid.
	ErrOption = errors.New("wrong option")
	// ErrTaken says that the folder exists and is not empty, or can't be created.
	ErrTaken = errors.New("folder is in use")
)

// Options of a new folder.
type Options struct {
	Name     string // of the service
	Language string // one of Languages
	Dir      string // "" is a folder of that name in the current one
	// Replace is the source of hotpair for a service in Go; "" is the source that this program was built from.
	Replace string
}

// Made describes a new folder.
type Made struct {
	Dir   string
	Notes []string // hints for the user
	Test  string   // the command that runs its test, in the folder
	Begin string   // the file to start with
}

// language writes the files of a service.
type language struct {
	name  string
	title string
	test  string // command
	begin string // file
	files func(Options) (files, notes, error)
}

type (
	notes []string
	// files are the contents by their paths in the folder.
	files map[string]file
	file  struct {
		text []byte
		mode fs.FileMode
	}
)

const (
	plain      fs.FileMode = 0o644
	executable fs.FileMode = 0o755
)

var languages = []language{
	{"go", "Go", "go test ./...", "service.go", goFiles},
	{"python", "Python", "./run -m unittest", "service.py", pythonFiles},
	{"typescript", "TypeScript", "npm install-test", "src/service.ts", typescriptFiles},
}

// Languages lists the languages that a service can be created in.
func Languages() (names []string) {
	for _, l := range languages {
		names = append(names, l.name)
	}
	return names
}

// New creates the folder, completely or not at all. Errors: folder.ErrName, ErrOption, ErrTaken.
func New(o Options) (Made, error) {
	if err := folder.Name(o.Name); err != nil {
		return Made{}, err
	}
	at := slices.IndexFunc(languages, func(l language) bool { return l.name == o.Language })
	if at < 0 {
		return Made{}, fmt.Errorf("%w: --lang %q: use %s; for other languages see services/business/PROTOCOL.md", ErrOption, o.Language, strings.Join(Languages(), ", "))
	}
	l := languages[at]
	if o.Replace != "" && l.name != "go" {
		return Made{}, fmt.Errorf("%w: --replace is for services in Go", ErrOption)
	}
	if o.Dir == "" {
		o.Dir = o.Name
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return Made{}, fmt.Errorf("folder: %w", err)
	}
	if err := free(dir); err != nil {
		return Made{}, err
	}
	content, said, err := l.files(o)
	if err != nil {
		return Made{}, err
	}
	if err := write(dir, content); err != nil {
		return Made{}, err
	}
	return Made{Dir: dir, Notes: said, Test: l.test, Begin: l.begin}, nil
}

// free is ErrTaken unless there is nothing at a path, or an empty folder.
func free(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("%w: %w: choose another folder with --dir", ErrTaken, err)
	case len(entries) > 0:
		return fmt.Errorf("%w: %s is not empty (%s): choose another folder with --dir, or empty it", ErrTaken, dir, entries[0].Name())
	}
	return nil
}

// write creates the folder under a temporary name and renames it, so that no incomplete one is left. An existing empty
// folder is filled in place: the caller's shell may be in it.
func write(dir string, content files) (err error) {
	if err := durable.MakeDir(filepath.Dir(dir)); err != nil {
		return fmt.Errorf("folder: %w", err)
	}
	if _, err := os.Stat(dir); err == nil {
		if err := content.fill(dir); err != nil {
			return errors.Join(err, content.clear(dir))
		}
		return nil
	}
	making, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+"-")
	if err != nil {
		return fmt.Errorf("folder: %w", err)
	}
	if err = content.fill(making); err == nil {
		err = durable.Rename(making, dir)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("folder: %w", err), os.RemoveAll(making))
	}
	return nil
}

// fill writes the files. None may be there already.
func (f files) fill(dir string) error {
	for name, it := range f {
		at := filepath.Join(dir, name)
		if err := durable.MakeDir(filepath.Dir(at)); err != nil {
			return fmt.Errorf("folder: %w", err)
		}
		if err := os.Chmod(filepath.Dir(at), 0o755); err != nil { // business processes may run as another user
			return fmt.Errorf("folder: %w", err)
		}
		w, err := os.OpenFile(at, os.O_WRONLY|os.O_CREATE|os.O_EXCL, it.mode)
		if err != nil {
			return fmt.Errorf("folder: %w", err)
		}
		_, err = w.Write(it.text)
		if err := errors.Join(err, w.Close()); err != nil {
			return fmt.Errorf("folder: %w", err)
		}
	}
	return nil
}

// clear removes the files that fill has written to a folder that was empty.
func (f files) clear(dir string) error {
	var failed []error
	for name := range f {
		first, _, _ := strings.Cut(filepath.ToSlash(name), "/")
		failed = append(failed, os.RemoveAll(filepath.Join(dir, first)))
	}
	return errors.Join(failed...)
}

// copied takes files out of a file system, below folder from, to folder to.
func (f files) copied(of fs.FS, from, to string) error {
	return fs.WalkDir(of, from, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(of, name)
		if err != nil {
			return err
		}
		mode := plain
		if bytes.HasPrefix(text, []byte("#!")) {
			mode = executable
		}
		f[filepath.Join(to, strings.TrimPrefix(name, from+"/"))] = file{text, mode}
		return nil
	})
}
