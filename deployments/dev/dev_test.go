package dev

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/services/scaffold/folder"
)

// made makes the folder of a service; files by path.
func made(t *testing.T, name string, files map[string]string) folder.Service {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	if _, ok := files[folder.File]; !ok {
		files[folder.File] = `{"service":"` + name + `","run":"run"}`
	}
	if _, ok := files["run"]; !ok {
		files["run"] = "#!/bin/sh\nexec sleep 1000\n"
	}
	for path, text := range files {
		write(t, filepath.Join(dir, path), text)
	}
	s, err := folder.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestRun_RefusesBeforeAnythingIsStarted(t *testing.T) {
	there := made(t, "till", map[string]string{})
	twice := made(t, "till", map[string]string{})
	broken := made(t, "broken", map[string]string{folder.File: `{"service":"broken","run":"run","build":["sh","-c","echo no such word >&2; exit 3"]}`})
	gone := made(t, "gone", map[string]string{folder.File: `{"service":"gone","run":"bin/gone"}`})
	absent := made(t, "absent", map[string]string{folder.File: `{"service":"absent","run":"run","build":["/no/such/program"]}`})
	large := made(t, "large", map[string]string{})
	for i := range MaxFiles {
		if err := os.WriteFile(filepath.Join(large.Dir, fmt.Sprint(i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		folders []string
		environ []string
		err     error
		says    string
	}{
		"no service":      {[]string{t.TempDir()}, nil, folder.ErrNone, "hotpair service new"},
		"no folder":       {[]string{"/no/such/folder"}, nil, folder.ErrNone, "hotpair.json"},
		"two of a name":   {[]string{there.Dir, twice.Dir}, nil, ErrOption, "both contain a service till"},
		"one that is set": {[]string{there.Dir}, []string{"HOTPAIR_BUSINESS=kv,till=/x"}, ErrOption, "HOTPAIR_BUSINESS has a service till"},
		"a build":         {[]string{broken.Dir}, nil, ErrBuild, "exit status 3\nno such word"},
		"no builder":      {[]string{absent.Dir}, nil, ErrBuild, "no such file"},
		"no program":      {[]string{gone.Dir}, nil, folder.ErrInvalid, "give the program that the build creates"},
		"a huge folder":   {[]string{large.Dir}, nil, ErrTooMany, "10000"},
	} {
		out := &processtest.Output{}
		err := Run(t.Context(), Options{Folders: c.folders, Environ: append([]string{"PATH=" + os.Getenv("PATH")}, c.environ...), Out: out, Binary: "/no/hotpair"})
		if !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
		if out.String() != "" {
			t.Errorf("%s: %s", name, out)
		}
	}
}

func TestEnviron_NamesTheServicesBesideThoseThatAreSet(t *testing.T) {
	s := made(t, "till", map[string]string{})
	d := &dev{services: []folder.Service{s}, options: Options{Environ: []string{"PATH=/bin", "HOTPAIR_BUSINESS=kv", "HOTPAIR_LOG_FORMAT=text", "HOTPAIR_LEASE=2s"}}}
	environ, err := d.environ()
	want := []string{"PATH=/bin", "HOTPAIR_LEASE=2s", "HOTPAIR_BUSINESS=kv,till=" + s.Program(), "HOTPAIR_LOG_FORMAT=json"}
	if err != nil || !slices.Equal(environ, want) {
		t.Errorf("%v %v", environ, err)
	}
	d.options.Environ = nil
	environ, err = d.environ()
	if want := []string{"HOTPAIR_LEASE=" + lease, "HOTPAIR_BUSINESS=till=" + s.Program(), "HOTPAIR_LOG_FORMAT=json"}; err != nil || !slices.Equal(environ, want) {
		t.Errorf("%v %v", environ, err)
	}
}

func TestBuild_EndsWithAllThatItStarted(t *testing.T) {
	s := made(t, "till", map[string]string{folder.File: `{"service":"till","run":"run","build":["sh","-c","sleep 1000 & echo $! >pid; wait"]}`})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- build(ctx, s) }()
	pid := ""
	processtest.Await(t, "its child", func() bool {
		text, err := os.ReadFile(filepath.Join(s.Dir, "pid"))
		pid = strings.TrimSpace(string(text))
		return err == nil && pid != ""
	})
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	processtest.Await(t, "the end of its child", func() bool {
		state, err := os.ReadFile("/proc/" + pid + "/stat")
		return err != nil || strings.Contains(string(state), ") Z ")
	})
}

func TestHead_KeepsTheFirstWords(t *testing.T) {
	h := &head{most: 8}
	for _, text := range []string{"one\n", "two\x1b", "three", "four"} {
		if n, err := h.Write([]byte(text)); n != len(text) || err != nil {
			t.Errorf("%d %v", n, err)
		}
	}
	if have := h.String(); have != "one\ntwo?\n… and 9 bytes" {
		t.Errorf("%q", have)
	}
}

func TestLook_CountsWhatIsWatched(t *testing.T) {
	s := made(t, "till", map[string]string{
		"main.go": "a", "notes.txt": "a", "sub/more.go": "a", ".git/x.go": "a", "node_modules/y/z.go": "a", "bin/w.go": "a", ".hidden.go": "a",
		folder.File: `{"service":"till","run":"run","watch":["*.go"]}`,
	})
	was, err := look(s)
	var names []string
	for path := range was {
		names = append(names, strings.TrimPrefix(path, s.Dir+"/"))
	}
	slices.Sort(names)
	if err != nil || !slices.Equal(names, []string{"main.go", "sub/more.go"}) {
		t.Errorf("%v %v", names, err)
	}
	for path, what := range map[string]func(){
		"main.go":     func() { write(t, filepath.Join(s.Dir, "main.go"), "ab") },
		"new.go":      func() { write(t, filepath.Join(s.Dir, "new.go"), "a") },
		"sub/more.go": func() { _ = os.Remove(filepath.Join(s.Dir, "sub/more.go")) },
	} {
		what()
		now, err := look(s)
		if file := now.difference(was); err != nil || file != filepath.Join(s.Dir, path) {
			t.Errorf("%s: %s %v", path, file, err)
		}
		was = now
	}
	write(t, filepath.Join(s.Dir, "notes.txt"), "ab")
	if now, err := look(s); err != nil || now.difference(was) != "" {
		t.Errorf("%s %v", now.difference(was), err)
	}
}

// TestWatch_TellsOnceWhatChangedInSteps: a save in several steps is one change, and a folder that goes is told of.
func TestWatch_TellsOnceWhatChangedInSteps(t *testing.T) {
	s := made(t, "till", map[string]string{"main.py": "0"})
	was, err := look(s)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	told, complained := make(chan string, 100), make(chan error, 100)
	var watching sync.WaitGroup
	watching.Go(func() {
		watch(ctx, s, 20*time.Millisecond, was, func(file string) { told <- file }, func(err error) { complained <- err })
	})
	for i := range 5 {
		write(t, filepath.Join(s.Dir, "main.py"), strings.Repeat("x", i+2))
	}
	if file := <-told; file != "main.py" {
		t.Error(file)
	}
	if err := os.RemoveAll(s.Dir); err != nil {
		t.Fatal(err)
	}
	if err := <-complained; err == nil || !strings.Contains(err.Error(), "folder of till") {
		t.Errorf("%v", err)
	}
	cancel()
	watching.Wait()
	if n := len(told) + len(complained); n > 0 {
		t.Errorf("%d more were told", n)
	}
}

func TestFollower_ReadsWhatIsWhole(t *testing.T) {
	f := &follower{path: filepath.Join(t.TempDir(), "log")}
	read := func() (lines []string, passed int64) {
		t.Helper()
		all, passed, err := f.read()
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range all {
			lines = append(lines, string(line))
		}
		return lines, passed
	}
	if lines, _ := read(); len(lines) > 0 {
		t.Errorf("%q", lines)
	}
	log, err := os.Create(f.path)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	for _, c := range []struct {
		write string
		want  []string
	}{{"one\ntw", []string{"one"}}, {"", nil}, {"o\nthree\n", []string{"two", "three"}}} {
		if _, err := log.WriteString(c.write); err != nil {
			t.Fatal(err)
		}
		if lines, passed := read(); !slices.Equal(lines, c.want) || passed != 0 {
			t.Errorf("%q %d", lines, passed)
		}
	}
	if _, err := log.WriteString(strings.Repeat("much\n", maxBehind)); err != nil {
		t.Fatal(err)
	}
	if lines, passed := read(); passed != 4*maxBehind || len(lines) == 0 || lines[len(lines)-1] != "much" {
		t.Errorf("%d lines, %d passed", len(lines), passed)
	}
}

func TestRecord_OfAHostsLog(t *testing.T) {
	for line, want := range map[string]string{
		`{"time":"2026-01-02T03:04:05Z","level":"INFO","msg":"INFO serving till 1: add","host":"a","process":"main","name":"business.till"}`: "till|INFO serving till 1: add",
		`{"time":"x","level":"WARN","msg":"slow\u001b[2J","host":"a","process":"business.till","took":12,"error":"no"}`:                      "till|WARN slow?[2J error=no took=12ns",
		`{"msg":"process is ready","process":"main","name":"business.till","took":847599563}`:                                                "till|process is ready took=848ms",
		`{"level":"WARN","msg":"a timer has failed","process":"terminal-if","service":"till","in":1000000000}`:                               "till|WARN a timer has failed in=1s",
		`{"level":"INFO","msg":"service is up","process":"terminal-if","service":"till"}`:                                                    "|service is up",
		`{"level":"INFO","msg":"paired","process":"main"}`:                                                                                   "|paired",
		`{"level":"INFO","process":"business.till"}`:                                                                                         "none",
		`time=2026 level=INFO msg="x" process=business.till`:                                                                                 "none",
		`[1]`: "none",
	} {
		r, ok := parse([]byte(line))
		service, _ := r.of()
		have := service + "|" + r.shown()
		if !ok {
			have = "none"
		}
		if have != want {
			t.Errorf("%s: %q", line, have)
		}
	}
}

// FuzzParse: whatever a log has, what is shown of it changes no screen.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"level":"WARN","msg":"slow","process":"business.till","took":12}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		if r, ok := parse(line); ok && strings.ContainsAny(r.shown(), "\x1b\r") {
			t.Errorf("%q", r.shown())
		}
	})
}

// FuzzReadLine: lines of any length are read to their end, one after the other.
func FuzzReadLine(f *testing.F) {
	f.Add([]byte("add {}\nlist\n"), 4)
	f.Add(bytes.Repeat([]byte("x"), 9000), 100)
	f.Fuzz(func(t *testing.T, text []byte, most int) {
		r := bufio.NewReader(bytes.NewReader(text))
		for lines := 0; ; lines++ {
			line, _, err := readLine(r, most)
			if len(line) > max(most, 0) || lines > len(text) {
				t.Fatalf("%d bytes in line %d", len(line), lines)
			}
			parseLine(line)
			if err != nil {
				if !errors.Is(err, io.EOF) {
					t.Error(err)
				}
				return
			}
		}
	})
}

func TestScreen_KeepsThePromptBelow(t *testing.T) {
	var out bytes.Buffer
	s := &screen{to: &out, prompt: "> "}
	s.line("one")
	s.ask()
	s.line("two")
	s.told()
	s.line("three")
	c := &clusterScreen{screen: s, ending: func() bool { return false }}
	for _, part := range []string{`{"kind":"pair","te`, `xt":"solo"}` + "\n" + `{"kind":"ready","text":"x"}` + "\nno JSON\n"} {
		if n, err := c.Write([]byte(part)); n != len(part) || err != nil {
			t.Errorf("%d %v", n, err)
		}
	}
	if want := "one\n> \r\x1b[Ktwo\n> three\npair     solo\n"; out.String() != want {
		t.Errorf("%q", out.String())
	}
}
