package install

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hotpair/hotpair/deployments/bundle"
	"github.com/hotpair/hotpair/services/durable"
	"github.com/hotpair/hotpair/services/identity"
)

var (
	// ErrNoMember says that the machine has not joined.
	ErrNoMember = errors.New("this machine has not joined a pair with hotpair join")
	// ErrRuns says that the process still runs.
	ErrRuns = errors.New("it still runs")
)

// lastGood is the copy of certificate and key that a process keeps in its data directory.
const lastGood = "certificate.last-good"

// Leaver takes a machine out of its pair.
type Leaver struct {
	Root       string
	Manager    Manager
	DeleteData bool
	Progress   func(step string) // called after each step; may be nil
}

// Left is the result of a leave.
type Left struct {
	Pair    string   `json:"pair"`
	Name    string   `json:"name"`
	Address string   `json:"address"`
	Data    string   `json:"data"` // directory
	Deleted bool     `json:"data_deleted"`
	Others  []string `json:"others"` // steps for the other machines
}

// member reads what the machine is a member of.
func member(root string) (mark, Place, error) {
	p := PlaceOf(identity.RoleHost, root) // marks are in the same place for all
	m, err := p.readMark()
	switch {
	case err != nil:
		return m, p, err
	case m.none():
		return m, p, fmt.Errorf("%w (no %s)", ErrNoMember, p.on(p.markFile()))
	}
	return m, PlaceOf(m.identity().Role, root), nil
}

// Look returns what a leave would do. The error is ErrNoMember, or ErrLink: because of links it would remove
// something else.
func (l Leaver) Look() (Left, error) {
	m, p, err := member(l.Root)
	if err == nil {
		err = p.contained()
	}
	if err == nil && l.DeleteData {
		if err = p.linked(); err != nil {
			err = fmt.Errorf("%w; only the link would be deleted, but not the data: delete them by hand and leave without --delete-data; nothing was removed", err)
		}
	}
	if err != nil {
		return Left{}, err
	}
	return Left{Pair: m.identity().Pair, Name: m.Name, Address: m.Address, Data: p.on(p.Data), Deleted: l.DeleteData, Others: others(m)}, nil
}

// Leave stops the unit and removes what the join wrote. If it is interrupted, call it again. The error is
// ErrNoMember, ErrRuns, ErrInProgress, or that of the disk or of the service manager.
func (l Leaver) Leave(ctx context.Context) (Left, error) {
	left, err := l.Look()
	if err != nil {
		return left, err
	}
	m, p, err := member(l.Root)
	if err != nil {
		return left, err
	}
	release, err := p.lock(false)
	if err != nil {
		return left, err
	}
	defer release()
	if err := l.stop(ctx, p); err != nil {
		return left, err
	}
	m.State = leaving
	steps := []struct {
		name string
		do   func() error
	}{
		{"begin", func() error { return p.writeMark(m) }},
		{"settings", func() error { return remove(p, p.all()...) }},
		{"keys", func() error {
			return errors.Join(remove(p, filepath.Join(p.Data, lastGood)), removeDir(p.on(p.Identity)))
		}},
		{"unit", func() error {
			if !m.Unit {
				return nil
			}
			return remove(p, p.unitFile())
		}},
		{"data", func() error {
			if !l.DeleteData {
				return nil
			}
			return os.RemoveAll(p.on(p.Data))
		}},
		{"end", func() error { return errors.Join(remove(p, p.markFile()), removeDir(p.on(p.Settings))) }},
	}
	for _, s := range steps {
		if err := s.do(); err != nil {
			return left, fmt.Errorf("%s: %w; correct this, then run hotpair leave again", s.name, err)
		}
		if l.Progress != nil {
			l.Progress(s.name)
		}
	}
	if m.Unit && l.Manager.Runs() {
		return left, l.Manager.do(ctx, "daemon-reload")
	}
	return left, nil
}

// stop stops the process permanently.
func (l Leaver) stop(ctx context.Context, p Place) error {
	if l.Manager.Runs() {
		if err := l.Manager.do(ctx, "disable", "--now", p.Unit); err != nil {
			return fmt.Errorf("stopping failed, so nothing was removed: %w", err)
		}
		return nil
	}
	pids, err := running(p)
	if err != nil {
		return err
	}
	if len(pids) > 0 {
		return fmt.Errorf("%w, as process %s: end it (kill %s, which hands over first), then run hotpair leave again; nothing was removed", ErrRuns, strings.Join(pids, ", "), strings.Join(pids, " "))
	}
	return nil
}

// running finds the processes that use the data directory of a machine: by their environment, which root may read.
func running(p Place) (pids []string, err error) {
	if p.Root != "" {
		return nil, nil
	}
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	for _, dir := range dirs {
		environ, err := os.ReadFile(filepath.Join(dir, "environ"))
		arguments, err2 := os.ReadFile(filepath.Join(dir, "cmdline"))
		if err != nil || err2 != nil {
			continue // it has ended, or is inaccessible
		}
		words := strings.Split(string(arguments), "\x00")
		top := len(words) > 1 && (words[1] == "supervisor" || words[1] == "witness")
		if top && strings.Contains("\x00"+string(environ), "\x00HOTPAIR_DATA="+p.Data+"\x00") {
			pids = append(pids, filepath.Base(dir))
		}
	}
	return pids, nil
}

// remove removes files, with unfinished ones. A missing file is not an error.
func remove(p Place, paths ...string) error {
	var failed []error
	dirs := map[string]bool{}
	for _, path := range paths {
		for _, name := range []string{p.on(path), durable.Making(p.on(path))} {
			err := os.Remove(name)
			if err == nil {
				dirs[filepath.Dir(name)] = true
			} else if !errors.Is(err, fs.ErrNotExist) {
				failed = append(failed, err)
			}
		}
	}
	for dir := range dirs {
		failed = append(failed, durable.SyncDir(dir))
	}
	return errors.Join(failed...)
}

// removeDir removes a directory of ours if it is empty.
func removeDir(dir string) error {
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return durable.SyncDir(existing(filepath.Dir(dir)))
}

// others returns the steps for the other machines.
func others(m mark) []string {
	n := m.identity()
	if n.Role == identity.RoleWitness {
		return []string{
			"on both hosts: nothing; they continue, but neither can take over until a witness answers at " + m.Address,
			"for another witness: join witness.bundle on a machine with that address, then run hotpair admit witness on a host",
		}
	}
	return []string{
		"on the other host: nothing; it continues without redundancy, so the next failure stops the service (hotpair status)",
		"to replace " + bundle.Kind(n) + ": join the same bundle on a machine with the address " + m.Address + "; it gets a snapshot automatically",
		"if this machine was stolen or is given away: with its secrets, anyone can act as any member; see OPERATIONS.md, A host is stolen",
	}
}
