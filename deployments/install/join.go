package install

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hotpair/hotpair/deployments"
	"github.com/hotpair/hotpair/deployments/bundle"
	"github.com/hotpair/hotpair/services/durable"
)

var (
	// ErrUnfit says that checks failed; nothing was written.
	ErrUnfit = errors.New("this machine can't join yet; nothing was written")
	// ErrInProgress says that another join or leave is running.
	ErrInProgress = errors.New("another hotpair join or leave is running on this machine")
)

// Joiner makes a machine a member. Set all fields before use.
type Joiner struct {
	Place   Place
	Bundle  bundle.Bundle
	Raw     []byte // the bundle's file
	UseData bool   // continue with the existing data
	Manager Manager
	Program string    // path of hotpair on that machine, for a unit that no package installed
	Now     time.Time // by the machine's clock
	// Progress is called after each step; may be nil.
	Progress func(step string)
}

// Joined is the result of a join.
type Joined struct {
	Pair     string    `json:"pair"`
	Name     string    `json:"name"` // as spiffe://PAIR/host/a
	Address  string    `json:"address"`
	Already  bool      `json:"already,omitempty"` // this very bundle had been joined before
	DryRun   bool      `json:"dry_run,omitempty"`
	Findings []Finding `json:"findings"`
	Files    []Written `json:"files"`
	Started  bool      `json:"started"`
	Start    string    `json:"start,omitempty"`   // the command that starts it, without a service manager
	Missing  []string  `json:"missing,omitempty"` // members that do not answer yet
}

// Written is a file of a machine.
type Written struct {
	Path    string `json:"path"`
	Owner   string `json:"owner"`
	Content string `json:"content,omitempty"` // of settings, for a dry run
}

// Check returns all problems, and what would be written. It writes nothing.
func (j Joiner) Check() (Joined, error) {
	done, _, err := j.look()
	done.DryRun = true
	return done, err
}

func (j Joiner) look() (Joined, account, error) {
	b := j.Bundle
	done := Joined{Pair: b.Name.Pair, Name: b.Name.String(), Address: b.Address, Findings: []Finding{}}
	had, err := j.Place.readMark()
	if err != nil {
		return done, account{}, err
	}
	c := checks{place: j.Place, bundle: b, sum: bundle.Sum(j.Raw), had: had, useData: j.UseData, now: j.Now}
	if c.own, err = addresses(); err != nil {
		return done, account{}, err
	}
	c.program(j.Program)
	who := c.all()
	done.Already = c.again() && had.State == joined
	if c.found != nil {
		done.Findings = c.found
	}
	owner := User
	if os.Geteuid() != 0 {
		owner = "you"
	}
	for _, f := range j.Place.files(b) {
		done.Files = append(done.Files, Written{Path: j.Place.on(f.path), Owner: owner})
	}
	done.Files = append(done.Files, Written{Path: j.Place.on(j.Place.settingsFile(b.Name.Role)), Owner: "root", Content: j.settings()})
	if slices.ContainsFunc(done.Findings, func(f Finding) bool { return f.Stops }) {
		err = ErrUnfit
	}
	return done, who, err
}

// settings are the joined environment file.
func (j Joiner) settings() string {
	head := "# Written by hotpair join, for " + bundle.Kind(j.Bundle.Name) + " of pair " + j.Bundle.Name.Pair + ". Don't edit it"
	if j.Place.Overrides != "" {
		head += ": what stands in " + j.Place.Overrides + " counts"
	}
	return head + ".\n" + strings.Join(j.Place.Environ(j.Bundle), "\n") + "\n"
}

// Join checks everything, and makes the machine a member. If it is interrupted, call it again with the same bundle.
// The error is ErrUnfit, with the problems in Joined, ErrInProgress, or that of the disk or of the service manager.
func (j Joiner) Join(ctx context.Context, start bool) (Joined, error) {
	done, who, err := j.look()
	if err != nil {
		return done, err
	}
	release, err := j.Place.lock(true)
	if err != nil {
		return done, err
	}
	defer release()
	had, err := j.Place.readMark() // exclusively
	if err != nil {
		return done, err
	}
	if !had.none() && (had.Bundle != bundle.Sum(j.Raw) || had.State == leaving) {
		return done, ErrInProgress
	}
	if had.State != joined {
		if had.Unit, err = j.write(who, had.Unit); err != nil {
			return done, err
		}
	}
	return done, j.start(ctx, start, had.Unit, &done)
}

// write writes all files, the mark first and last and the settings after the other files: so nothing incomplete can
// start.
func (j Joiner) write(who account, unit bool) (bool, error) {
	p, b := j.Place, j.Bundle
	note := func(step string, err error) error {
		if err == nil && j.Progress != nil {
			j.Progress(step)
		}
		if err != nil {
			return fmt.Errorf("%s: %w; correct this, then run hotpair join again to finish", step, err)
		}
		return nil
	}
	m := mark{State: joining, Name: b.Name.String(), Address: b.Address, Bundle: bundle.Sum(j.Raw), Unit: unit}
	if p.Unit != "" && j.Program != "" && !p.unitIsThere() {
		m.Unit = true
	}
	if err := note("begin", p.writeMark(m)); err != nil {
		return m.Unit, err
	}
	for _, dir := range []string{p.Identity, p.Data} {
		if err := note("directory "+dir, ownDir(p.on(dir), who)); err != nil {
			return m.Unit, err
		}
	}
	for _, f := range p.files(b) {
		if err := note("file "+f.path, f.write(p, who)); err != nil {
			return m.Unit, err
		}
	}
	if m.Unit {
		text, err := deployments.Unit(p.Unit, j.Program)
		if err == nil {
			err = durable.MakeDir(filepath.Dir(p.on(p.unitFile())))
		}
		if err == nil {
			err = durable.Write(p.on(p.unitFile()), text)
		}
		if err := note("unit "+p.unitFile(), err); err != nil {
			return m.Unit, err
		}
	}
	settings := file{path: p.settingsFile(b.Name.Role), content: []byte(j.settings())}
	if err := note("settings", settings.write(p, who)); err != nil {
		return m.Unit, err
	}
	m.State = joined
	return m.Unit, note("end", p.writeMark(m))
}

// write writes a file of mode 0600.
func (f file) write(p Place, who account) error {
	path := p.on(f.path)
	if err := durable.Write(path, f.content); err != nil {
		return err
	}
	if !f.users {
		return nil
	}
	return own(path, who, unix.O_RDONLY)
}

// ownDir makes a directory that only a user may look into.
func ownDir(dir string, who account) error {
	if err := durable.MakeDir(dir); err != nil {
		return err
	}
	return own(dir, who, unix.O_DIRECTORY)
}

// own gives a file or directory to the user, durably. It follows no link.
func own(path string, who account, flags int) error {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|flags, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if who.uid >= 0 {
		if err := f.Chown(who.uid, who.gid); err != nil {
			return err
		}
	}
	return f.Sync()
}

// lock excludes other joins and leaves on a machine. make: create the directory if it is missing.
func (p Place) lock(create bool) (release func(), err error) {
	dir := p.on(p.Settings)
	if create {
		if err := durable.MakeDir(dir); err != nil {
			return nil, err
		}
		// The processes' user reads its own files below, and operators' commands look for the settings; the files are
		// private.
		for _, d := range []string{filepath.Dir(dir), dir} {
			if err := os.Chmod(d, 0o755); err != nil {
				return nil, err
			}
		}
	}
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := durable.Lock(f); err != nil {
		return nil, errors.Join(ErrInProgress, f.Close())
	}
	return func() { _ = durable.Unlock(f) }, nil
}
