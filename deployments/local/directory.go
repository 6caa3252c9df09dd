package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/hotpair/hotpair/deployments/founding"
	"github.com/hotpair/hotpair/services/durable"
)

var (
	// ErrForeign says that a directory contains something other than a cluster.
	ErrForeign = errors.New("not the directory of a cluster")
	// ErrRunning says that a cluster already runs there.
	ErrRunning = errors.New("a cluster already runs")
)

// Names in a cluster's directory.
const (
	lockFile    = "lock"         // held while a cluster runs; names its process
	clusterFile = "cluster.json" // how to reach and start everything: see File
	socketFile  = "control"      // where a running cluster takes orders
)

// directory is a claimed directory of a cluster.
type directory struct {
	path      string
	temporary bool // made by us, removed at the end
	lock      *os.File
}

func (d *directory) join(names ...string) string {
	return filepath.Join(append([]string{d.path}, names...)...)
}

// claim opens the directory of a cluster, creating it if needed (path "": a temporary one), and takes its lock.
// Errors: ErrForeign, ErrRunning.
func claim(path string) (*directory, error) {
	d := &directory{path: path}
	var err error
	if path == "" {
		if d.path, err = os.MkdirTemp("", "hotpair-cluster-"); err != nil {
			return nil, fmt.Errorf("temporary directory: %w", err)
		}
		d.temporary = true
	} else if d.path, err = filepath.Abs(path); err != nil {
		return nil, fmt.Errorf("directory: %w", err)
	}
	if err := os.MkdirAll(d.path, 0o700); err != nil {
		return nil, fmt.Errorf("directory: %w", err)
	}
	if err := d.open(); err != nil {
		return nil, errors.Join(err, d.release())
	}
	return d, nil
}

// holds reports whether there is a file of that name.
func (d *directory) holds(name string) bool {
	_, err := os.Stat(d.join(name))
	return err == nil
}

func (d *directory) open() error {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return fmt.Errorf("directory: %w", err)
	}
	_, err = readMembers(d.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		// Files of the file system, of an interrupted start, and a root put here on purpose are not foreign.
		ours := slices.Contains([]string{"lost+found", lockFile, founding.RootFile}, e.Name()) || slices.Contains(bundles, e.Name()) || durable.InTheMaking(e.Name())
		if errors.Is(err, os.ErrNotExist) && !ours {
			return fmt.Errorf("%w: %s contains other files (%s): give a new or empty directory with --dir", ErrForeign, d.path, e.Name())
		}
	}
	return d.takeLock()
}

// takeLock takes a lock that the end of the process releases.
func (d *directory) takeLock() error {
	f, err := os.OpenFile(d.join(lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	if err := durable.Lock(f); err != nil {
		defer f.Close()
		owner, _ := os.ReadFile(f.Name()) // only for the text
		return fmt.Errorf("%w in %s (process %s): stop that one with Ctrl-C or SIGTERM, or give another directory with --dir",
			ErrRunning, d.path, strings.TrimSpace(string(owner)))
	}
	d.lock = f
	if err := f.Truncate(0); err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	if _, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	return nil
}

// keep preserves a temporary directory with logs that an error names. It reports whether it was to be removed.
func (d *directory) keep() bool {
	logs, err := filepath.Glob(d.join("*.log"))
	was := d.temporary && err == nil && len(logs) > 0
	d.temporary = d.temporary && !was
	return was
}

// release releases the lock and removes a temporary directory. It may be called again.
func (d *directory) release() error {
	var failed []error
	if d.lock != nil {
		failed = append(failed, durable.Unlock(d.lock))
	}
	d.lock = nil
	if d.temporary {
		failed = append(failed, os.RemoveAll(d.path))
	}
	return errors.Join(failed...)
}

// writeAtomically replaces a private file: a reader sees the old text or the new one, never a part.
func writeAtomically(path string, text []byte) error {
	f, err := durable.Begin(path)
	if err != nil {
		return err
	}
	if _, err := f.Write(append(text, '\n')); err != nil {
		return errors.Join(err, f.Discard())
	}
	return f.Replace()
}
