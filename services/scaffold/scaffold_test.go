package scaffold

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hotpair/hotpair/services/business/languagetest"
	"github.com/hotpair/hotpair/services/scaffold/folder"
)

func made(t *testing.T, o Options) Made {
	t.Helper()
	o.Dir = filepath.Join(t.TempDir(), "a folder", o.Name)
	m, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	s, err := folder.Read(m.Dir)
	if err != nil || s.Name != o.Name {
		t.Fatalf("%+v %v", s, err)
	}
	left, err := os.ReadDir(filepath.Dir(m.Dir))
	if err != nil || len(left) != 1 {
		t.Errorf("beside it: %v %v", left, err)
	}
	return m
}

// runs does in a folder what its reader is told to do.
func runs(t *testing.T, dir string, environ []string, words ...string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), words[0], words[1:]...)
	c.Dir = dir
	c.Env = append(os.Environ(), environ...)
	said, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(words, " "), err, said)
	}
	return string(said)
}

// TestNew_WhatItWritesBuildsAndPasses: the folder of each language is built and tried as it is, without the network.
func TestNew_WhatItWritesBuildsAndPasses(t *testing.T) {
	for _, language := range Languages() {
		t.Run(language, func(t *testing.T) {
			m := made(t, Options{Name: "till-2", Language: language})
			s, err := folder.Read(m.Dir)
			if err != nil {
				t.Fatal(err)
			}
			environ := []string{"GOPROXY=off", "GOFLAGS=", "GOWORK=off", "PYTHONDONTWRITEBYTECODE=1"}
			needs := map[string]string{"python": "python3", "go": "go", "typescript": "node"}[language]
			if _, err := exec.LookPath(needs); err != nil {
				t.Skip("SKIPPED: there is no " + needs + " here")
			}
			test := strings.Fields(m.Test)
			if language == "typescript" { // what npm would fetch is there already
				fetched(t, m.Dir)
				test = []string{"npm", "test"}
			}
			runs(t, m.Dir, environ, s.Build...)
			if err := s.Runnable(); err != nil {
				t.Error(err)
			}
			if said := runs(t, m.Dir, environ, test...); strings.Contains(said, "Ran 0 tests") || strings.Contains(said, "no test") || strings.Contains(said, "tests 0\n") {
				t.Errorf("%s", said)
			}
			if begin := filepath.Join(m.Dir, m.Begin); !s.Watches(filepath.Base(m.Begin)) {
				t.Errorf("%s is not watched", begin)
			} else if text, err := os.ReadFile(begin); err != nil || !strings.Contains(string(text), `"till-2"`) {
				t.Errorf("%v %s", err, text)
			}
		})
	}
}

// fetched has in a folder what npm install makes there, of what the runtime's own folder has.
func fetched(t *testing.T, dir string) {
	t.Helper()
	modules := filepath.Join(languagetest.TypeScript().Folder(t), "node_modules")
	mine := filepath.Join(dir, "node_modules")
	if err := os.Mkdir(mine, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, of := range map[string]string{
		"hotpair": filepath.Join(dir, "hotpair"), ".bin": filepath.Join(modules, ".bin"), "typescript": filepath.Join(modules, "typescript"),
		"@types": filepath.Join(modules, "@types"), "@nats-io": filepath.Join(modules, "@nats-io"),
	} {
		if err := os.Symlink(of, filepath.Join(mine, name)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNew_RefusesAndLeavesNothing(t *testing.T) {
	here := t.TempDir()
	full := filepath.Join(here, "full")
	if err := os.MkdirAll(filepath.Join(full, "mine"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(here, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(here, "other")
	if err := os.MkdirAll(other, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(other, "go.mod"), []byte("module example.com/x\n\ngo 1.26\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(here, "new")
	for name, c := range map[string]struct {
		o    Options
		err  error
		says string
	}{
		"no name":          {Options{Language: "go"}, folder.ErrName, "lower-case"},
		"capitals":         {Options{Name: "Tickets", Language: "go"}, folder.ErrName, "lower-case"},
		"a path":           {Options{Name: "../x", Language: "go"}, folder.ErrName, "lower-case"},
		"two":              {Options{Name: "a,b", Language: "go"}, folder.ErrName, "lower-case"},
		"hotpair's own":    {Options{Name: "updater", Language: "go"}, folder.ErrName, "hotpair reserves"},
		"no language":      {Options{Name: "a"}, ErrOption, "go, python"},
		"another language": {Options{Name: "a", Language: "cobol"}, ErrOption, `"cobol"`},
		"not empty":        {Options{Name: "a", Language: "python", Dir: full}, ErrTaken, "mine"},
		"a file":           {Options{Name: "a", Language: "python", Dir: filepath.Join(here, "file")}, ErrTaken, "--dir"},
		"no source":        {Options{Name: "a", Language: "go", Dir: at, Replace: full}, ErrOption, "not a clone of hotpair"},
		"other source":     {Options{Name: "a", Language: "go", Dir: at, Replace: other}, ErrOption, "not a clone of hotpair"},
		"source, python":   {Options{Name: "a", Language: "python", Dir: at, Replace: other}, ErrOption, "Go"},
	} {
		if _, err := New(c.o); !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Stat(at); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	entries, err := os.ReadDir(here)
	if err != nil || len(entries) != 3 {
		t.Errorf("%v %v", entries, err)
	}
}

// TestNew_TakesAnEmptyFolder: who has made the folder already need not remove it.
func TestNew_TakesAnEmptyFolder(t *testing.T) {
	dir := t.TempDir()
	if _, err := New(Options{Name: "a", Language: "python", Dir: dir}); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Options{Name: "a", Language: "python", Dir: dir}); !errors.Is(err, ErrTaken) {
		t.Errorf("%v", err)
	}
}

func TestParseModule_ReadsWhatTidyWrites(t *testing.T) {
	r, err := parseModule("module github.com/hotpair/hotpair\n\ngo 1.26.8\n\nrequire one.org/a v1.0.0\n\nrequire (\n\ttwo.org/b v0.1.0\n\tthree.org/c v2.0.0+incompatible // indirect\n)\n\n// end\n")
	if err != nil || r.version != "1.26.8" || !slices.Equal(r.modules, []string{"one.org/a v1.0.0", "two.org/b v0.1.0", "three.org/c v2.0.0+incompatible"}) {
		t.Errorf("%+v %v", r, err)
	}
	for _, text := range []string{"", "module x\n\ngo 1.26\n", "module github.com/hotpair/hotpair\n", "module github.com/hotpair/hotpair/x\ngo 1.26\n"} {
		if _, err := parseModule(text); err == nil {
			t.Errorf("%q", text)
		}
	}
	mod := string(r.of("till", "/a b"))
	if !strings.Contains(mod, "replace github.com/hotpair/hotpair => \"/a b\"\n") || !strings.Contains(mod, "\tone.org/a v1.0.0 // indirect\n") {
		t.Error(mod)
	}
}

// FuzzParseModule: a go.mod of anybody's is read or refused.
func FuzzParseModule(f *testing.F) {
	f.Add("module github.com/hotpair/hotpair\n\ngo 1.26.8\n\nrequire (\n\ta.org/b v1.0.0\n)\n")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := parseModule(text)
		if err == nil && r.version == "" {
			t.Errorf("%+v", r)
		}
	})
}
