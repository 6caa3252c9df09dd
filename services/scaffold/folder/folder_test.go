package folder

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const whole = `{"service": "tickets", "build": ["go", "build", "-o", "bin/tickets", "."], "run": "bin/tickets", "watch": ["*.go", "go.mod"]}`

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

func TestRead_AFolder(t *testing.T) {
	dir := t.TempDir()
	if _, err := Read(dir); !errors.Is(err, ErrNone) || !strings.Contains(err.Error(), dir) {
		t.Errorf("%v", err)
	}
	write(t, filepath.Join(dir, File), whole, 0o644)
	s, err := Read(dir)
	want := Service{Name: "tickets", Build: []string{"go", "build", "-o", "bin/tickets", "."}, Run: "bin/tickets", Watch: []string{"*.go", "go.mod"}, Dir: dir}
	if diff := cmp.Diff(want, s); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	if program := s.Program(); program != filepath.Join(dir, "bin/tickets") {
		t.Error(program)
	}
	for name, counts := range map[string]bool{"main.go": true, "go.mod": true, "go.sum": false, "notes.txt": false} {
		if s.Watches(name) != counts {
			t.Error(name)
		}
	}
	if !(Service{}).Watches("notes.txt") {
		t.Error("without patterns all files count")
	}
	if err := s.Runnable(); !errors.Is(err, ErrInvalid) {
		t.Errorf("not there: %v", err)
	}
	write(t, s.Program(), "", 0o644)
	if err := s.Runnable(); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "chmod +x") {
		t.Errorf("not executable: %v", err)
	}
	if err := os.Chmod(s.Program(), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := s.Runnable(); err != nil {
		t.Error(err)
	}
	comma := filepath.Join(dir, "a,b")
	write(t, filepath.Join(comma, File), whole, 0o644)
	if _, err := Read(comma); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "comma") {
		t.Errorf("%v", err)
	}
}

func TestParse_SaysWhatIsWrong(t *testing.T) {
	for text, says := range map[string]string{
		``:                                        "wrong",
		`[]`:                                      "wrong",
		`{"service":"a","run":"x","port":1}`:      "port",
		`{"run":"x"}`:                             "lower-case",
		`{"service":"a,b=/x","run":"x"}`:          "lower-case",
		`{"service":"updater","run":"x"}`:         "hotpair reserves",
		`{"service":"Tickets","run":"x"}`:         "lower-case",
		`{"service":"a"}`:                         "run must be",
		`{"service":"a","run":"x,kv"}`:            "commas",
		`{"service":"a","run":"x","build":[""]}`:  "empty",
		`{"service":"a","run":"x","watch":["["]}`: "pattern",
		`{"service":"a","run":"x","watch":["src/*.go"]}`:                            "pattern",
		`{"service":"a","run":"x","watch":[` + strings.Repeat(`"a",`, 64) + `"a"]}`: "at most 64",
	} {
		if _, err := Parse([]byte(text)); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), says) {
			t.Errorf("%.80s: %v", text, err)
		}
	}
}

// FuzzParse: whatever the file has, what is taken has a name and a program.
func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte(`{"service":"a","run":"x","watch":["["]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Parse(text)
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Errorf("%v", err)
			}
			return
		}
		if Name(s.Name) != nil || s.Run == "" {
			t.Errorf("%+v", s)
		}
		s.Watches("main.go")
	})
}
