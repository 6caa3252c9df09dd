package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

var (
	errCut  = errors.New("the machine has stopped")
	errDisk = errors.New("the disk takes no writes")
)

// cutDisk is a disk of a machine that stops at one of its steps. With power it leaves what was done; without, it also takes away
// all that no fsync has made sure of: contents, and (if names do not get there before contents do) names.
type cutDisk struct {
	machine
	t       *testing.T
	left    int               // steps until it stops
	broken  string            // the step that fails, instead
	steps   []string          // that were taken
	pending map[string]string // names that no directory sync has made sure of: what stood there before ("" nothing)
	vague   map[string]bool   // files whose content no fsync has made sure of
}

func (d *cutDisk) step(what string) error {
	if what == d.broken {
		d.steps = append(d.steps, what+" failed")
		return errDisk
	}
	if d.left == 0 {
		return errCut
	}
	d.left--
	d.steps = append(d.steps, what)
	return nil
}

// note remembers what stands at a name before it changes.
func (d *cutDisk) note(path string) {
	if _, known := d.pending[path]; known {
		return
	}
	raw, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		d.t.Fatal(err)
	}
	d.pending[path] = string(raw)
}

func (d *cutDisk) Open(path string) (file, error) {
	if err := d.step("open"); err != nil {
		return nil, err
	}
	f, err := d.machine.Open(path)
	d.vague[path] = true
	return &cutFile{d, path, f}, err
}

func (d *cutDisk) OpenOneOf(dir, pattern string) (file, string, error) {
	if err := d.step("open"); err != nil {
		return nil, "", err
	}
	f, name, err := d.machine.OpenOneOf(dir, pattern)
	d.vague[name] = true
	return &cutFile{d, name, f}, name, err
}

func (d *cutDisk) Rename(from, to string) error {
	if err := d.step("name"); err != nil {
		return err
	}
	d.note(to)
	d.vague[to] = d.vague[from]
	return d.machine.Rename(from, to)
}

func (d *cutDisk) Link(from, to string) error {
	if err := d.step("name"); err != nil {
		return err
	}
	d.note(to)
	d.vague[to] = d.vague[from]
	return d.machine.Link(from, to)
}

func (d *cutDisk) Remove(path string) error {
	if d.left == 0 && d.broken == "" {
		return errCut
	}
	return d.machine.Remove(path)
}

func (d *cutDisk) SyncDir(dir string) error {
	if err := d.step("sync directory"); err != nil {
		return err
	}
	clear(d.pending)
	return d.machine.SyncDir(dir)
}

// losePower takes away what a disk need not have after a power failure.
func (d *cutDisk) losePower(names bool) {
	for path, vague := range d.vague {
		if vague {
			if err := os.Truncate(path, 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
				d.t.Fatal(err)
			}
		}
	}
	if !names {
		return
	}
	for path, before := range d.pending {
		err := os.Remove(path)
		if err == nil && before != "" {
			err = os.WriteFile(path, []byte(before), 0o600)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			d.t.Fatal(err)
		}
	}
}

type cutFile struct {
	disk *cutDisk
	path string
	file
}

func (f *cutFile) Write(p []byte) (int, error) {
	half := len(p) / 2
	for _, part := range [][]byte{p[:half], p[half:]} {
		if err := f.disk.step("write"); err != nil {
			return 0, err
		}
		if _, err := f.file.Write(part); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

func (f *cutFile) Sync() error {
	if err := f.disk.step("sync"); err != nil {
		return err
	}
	f.disk.vague[f.path] = false
	return f.file.Sync()
}

// A file was written beside its name and renamed without an fsync: after a power failure the name had nothing, and a host
// of a whole journal left the pair for it. So every step of every way to put a file in place is cut here, with the
// power and without: the name has what it had, or all that it was to have, and the latter once it was said to be done.
func TestFault_A3_EveryStepLeavesTheOldFileOrTheNewOne(t *testing.T) {
	const before, after = "what stood there before", "what is to stand there"
	created := func(d disk, path string) error {
		f, err := begin(d, path)
		if err != nil {
			return err
		}
		if _, err := f.Write([]byte(after)); err != nil {
			return err
		}
		return f.Create()
	}
	replaced := func(d disk, path string) error {
		f, err := begin(d, path)
		if err != nil {
			return err
		}
		if _, err := f.Write([]byte(after)); err != nil {
			return err
		}
		return f.Replace()
	}
	for _, c := range []struct {
		name, before string
		put          func(d disk, path string) error
	}{
		{"written", before, func(d disk, path string) error { return write(d, path, []byte(after)) }},
		{"written_first", "", func(d disk, path string) error { return write(d, path, []byte(after)) }},
		{"replaced", before, replaced},
		{"created", "", created},
	} {
		for _, loss := range []string{"killed", "contents_lost", "names_lost"} {
			t.Run(c.name+"/"+loss, func(t *testing.T) {
				done := false
				for cut := 0; !done; cut++ {
					if cut > 20 {
						t.Fatal("it never comes to its end")
					}
					path := filepath.Join(t.TempDir(), "file")
					if c.before != "" {
						if err := os.WriteFile(path, []byte(c.before), 0o600); err != nil {
							t.Fatal(err)
						}
					}
					d := &cutDisk{t: t, left: cut, pending: map[string]string{}, vague: map[string]bool{}}
					err := c.put(d, path)
					if err != nil && !errors.Is(err, errCut) {
						t.Fatal(err)
					}
					done = err == nil
					if loss != "killed" {
						d.losePower(loss == "names_lost")
					}
					raw, err := os.ReadFile(path)
					if err != nil && !errors.Is(err, fs.ErrNotExist) {
						t.Fatal(err)
					}
					if got := string(raw); got != after && (done || got != c.before) {
						t.Errorf("cut after %q the file holds %q", d.steps, got)
					}
					// The next one is not in the way of what was left.
					if err := Write(path, []byte(after)); err != nil {
						t.Fatal(err)
					}
				}
			})
		}
	}
}

// What a disk did not take is told, is not tried again, and leaves what stood there.
func TestFault_A3_AFailedStepIsToldAndNotTriedAgain(t *testing.T) {
	for _, broken := range []string{"open", "write", "sync", "name", "sync directory"} {
		t.Run(broken, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "file")
			if err := os.WriteFile(path, []byte("before"), 0o600); err != nil {
				t.Fatal(err)
			}
			d := &cutDisk{t: t, left: 100, broken: broken, pending: map[string]string{}, vague: map[string]bool{}}
			if err := write(d, path, []byte("after")); !errors.Is(err, errDisk) {
				t.Fatalf("it says %v", err)
			}
			failures := 0
			for _, step := range d.steps {
				if step == broken+" failed" {
					failures++
				}
			}
			if failures != 1 {
				t.Errorf("tried again: %q", d.steps)
			}
			want := "before"
			if broken == "sync directory" {
				want = "after" // it has the name, and nobody knows for how long
			}
			if raw, err := os.ReadFile(path); err != nil || string(raw) != want {
				t.Errorf("the file holds %q, %v", raw, err)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

func TestFile_CreateTakesNobodysPlace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	var made, there int
	for i := range 3 {
		f, err := Begin(path)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(f, i)
		switch err := f.Create(); {
		case err == nil:
			made++
		case errors.Is(err, fs.ErrExist):
			there++
		default:
			t.Fatal(err)
		}
		if err := f.Discard(); err != nil {
			t.Fatal(err)
		}
	}
	if raw, err := os.ReadFile(path); err != nil || string(raw) != "0" || made != 1 || there != 2 {
		t.Errorf("%q, %v, %d made, %d there", raw, err, made, there)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestMakeDir_MakesParentsAndMindsNoneThatIsThere(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	for range 2 {
		if err := MakeDir(dir); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := MakeDir(filepath.Join(dir, "file", "c")); err == nil {
		t.Error("a directory below a file")
	}
	if err := Rename(filepath.Join(dir, "file"), filepath.Join(filepath.Dir(dir), "file")); err != nil {
		t.Fatal(err)
	}
}

// TestNames_SayWhatIsInTheMaking: what a crash leaves is known by its name, and so is what it was to be.
func TestNames_SayWhatIsInTheMaking(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.backup")
	f, err := Begin(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Discard()
	dir, err := BeginDir(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{f.Name(), dir} {
		if of, begun := Begun(name); !begun || of != path || !InTheMaking(name) {
			t.Errorf("%s: of %q, %t", name, of, begun)
		}
	}
	if _, begun := Begun(Making(path)); begun || !InTheMaking(Making(path)) {
		t.Errorf("%s: begun %t", Making(path), begun)
	}
	if _, begun := Begun(path); begun || InTheMaking(path) {
		t.Errorf("%s is in the making", path)
	}
}
