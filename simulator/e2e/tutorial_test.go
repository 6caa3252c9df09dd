package e2e_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/process/processtest"
)

// reader does what the tutorial says, in two shells: one for commands, one in which hotpair dev runs.
type reader struct {
	t       *testing.T
	folder  string // where the first shell is
	bin     string // the folder of hotpair
	port    int
	dev     *exec.Cmd
	typed   io.WriteCloser
	shown   *processtest.Output
	seen    int // how much of shown has been looked at
	environ []string
}

// played is a fenced block of a document with the paragraph before it.
var played = regexp.MustCompile("(?s)([^\n]*)\n\n```(console dev|console|python|go)\n(.*?)```")

// TestTutorial_DoesWhatItSays plays the tutorial as it is written: every command, every file, every line that it says is printed. Only
// the ports are others, for tests run side by side.
func TestTutorial_DoesWhatItSays(t *testing.T) {
	if testing.Short() {
		t.Skip("starts pairs")
	}
	for _, program := range []string{"python3", "bash", "go"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip("SKIPPED: there is no " + program + " here, so the tutorial was not played")
		}
	}
	sideBySide(t)
	text, err := os.ReadFile("../../services/business/TUTORIAL.md")
	if err != nil {
		t.Fatal(err)
	}
	r := &reader{t: t, folder: t.TempDir(), bin: t.TempDir(), port: processtest.Ports(t, 100)}
	r.install()
	t.Cleanup(r.end)
	blocks := played.FindAllSubmatch(text, -1)
	did := map[string]int{}
	for _, b := range blocks {
		before, kind, block := string(b[1]), string(b[2]), string(b[3])
		switch kind {
		case "console":
			did[kind] += r.commands(block)
		case "console dev":
			did[kind] += r.session(block)
		case "python":
			if name := regexp.MustCompile("`(\\w+\\.py)`:$").FindStringSubmatch(before); name != nil {
				did["files"]++
				r.write(name[1], block)
			}
		case "go":
			r.compiles(block)
		}
	}
	if have := strings.Count(string(text), "\n```"); have != 2*len(blocks) {
		t.Errorf("%d of %d blocks were played", len(blocks), have/2)
	}
	if did["files"] != 2 || did["console"] < 10 || did["console dev"] < 10 {
		t.Errorf("it says too little: %v", did)
	}
}

// install puts a hotpair on the path that has ports and a directory of its own, and is else the one that ships.
func (r *reader) install() {
	dir := filepath.Join(r.folder, "pair")
	script := fmt.Sprintf(`#!/bin/sh
case "$1" in
dev) shift; exec %[1]s dev --port %[2]d --dir %[3]s$(basename "$PWD") "$@" ;;
request|cluster) exec %[1]s "$@" --dir %[3]stickets ;;
esac
exec %[1]s "$@"
`, binary, r.port, dir)
	if err := os.WriteFile(filepath.Join(r.bin, "hotpair"), []byte(script), 0o755); err != nil {
		r.t.Fatal(err)
	}
	r.environ = append(os.Environ(), "PATH="+r.bin+":"+os.Getenv("PATH"), "PYTHONDONTWRITEBYTECODE=1", leaseSetting, "GOPROXY=off", "GOFLAGS=")
}

// commands runs each command of a block in the first shell, and looks for what the block says it prints.
func (r *reader) commands(block string) (did int) {
	for _, part := range strings.Split(block, "$ ")[1:] {
		command, wanted, _ := strings.Cut(part, "\n")
		for strings.HasSuffix(command, "\\") {
			var more string
			more, wanted, _ = strings.Cut(wanted, "\n")
			command += "\n" + more
		}
		c := exec.CommandContext(r.t.Context(), "bash", "-c", command+"\npwd >&3")
		where, to, err := os.Pipe()
		if err != nil {
			r.t.Fatal(err)
		}
		c.Dir, c.Env, c.ExtraFiles = r.folder, r.environ, []*os.File{to}
		said, err := c.CombinedOutput()
		to.Close()
		folder, readErr := io.ReadAll(where)
		where.Close()
		if err != nil || readErr != nil {
			r.t.Fatalf("%s: %v %v\n%s\nhotpair dev shows:\n%s", command, err, readErr, said, r.shown)
		}
		r.folder = strings.TrimSpace(string(folder))
		if missing := follows(string(said), wanted); missing != "" {
			r.t.Fatalf("%s does not print %q, but\n%s\nhotpair dev shows:\n%s", command, missing, said, r.shown)
		}
		did++
	}
	return did
}

// session starts hotpair dev where the block says so, types what it has typed, and waits for what it says is shown.
func (r *reader) session(block string) (did int) {
	for line := range strings.Lines(block) {
		line = strings.TrimSuffix(line, "\n")
		typed, isTyped := strings.CutPrefix(line, "> ")
		switch {
		case line == "$ hotpair dev":
			r.start()
		case isTyped:
			if _, err := io.WriteString(r.typed, typed+"\n"); err != nil {
				r.t.Fatalf("%s: %v\n%s", typed, err, r.shown)
			}
			if typed == "quit" {
				r.ended()
			}
		default:
			r.awaitShown(line)
		}
		did++
	}
	return did
}

func (r *reader) start() {
	r.shown, r.seen = &processtest.Output{}, 0
	r.dev = exec.Command(filepath.Join(r.bin, "hotpair"), "dev")
	r.dev.Dir, r.dev.Env, r.dev.Stdout, r.dev.Stderr = r.folder, r.environ, r.shown, r.shown
	var err error
	if r.typed, err = r.dev.StdinPipe(); err != nil {
		r.t.Fatal(err)
	}
	if err := r.dev.Start(); err != nil {
		r.t.Fatal(err)
	}
}

// awaitShown waits until a line is shown below those that were looked for before.
func (r *reader) awaitShown(wanted string) {
	for deadline := time.Now().Add(2 * healWithin); ; {
		text := r.shown.String()
		if at := pattern(wanted).FindStringIndex(text[r.seen:]); at != nil {
			r.seen += at[1]
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("hotpair dev does not show %q, but\n%s", wanted, text)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// ended: hotpair dev ends by itself, in order, and leaves no process.
func (r *reader) ended() {
	if err := r.dev.Wait(); err != nil {
		r.t.Errorf("hotpair dev: %v\n%s", err, r.shown)
	}
	r.dev = nil
	running, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		r.t.Fatal(err)
	}
	for _, name := range running {
		environ, err := os.ReadFile(name)
		if err == nil && bytes.Contains(environ, []byte("="+filepath.Join(filepath.Dir(r.folder), "pair"))) {
			r.t.Errorf("process %s is left", strings.Split(name, "/")[2])
		}
	}
}

func (r *reader) end() {
	if r.dev == nil {
		return
	}
	_ = r.dev.Process.Signal(syscall.SIGTERM)
	if err := r.dev.Wait(); err != nil {
		r.t.Logf("hotpair dev: %v\n%s", err, r.shown)
	}
}

func (r *reader) write(name, text string) {
	path := filepath.Join(r.folder, name)
	if _, err := os.Stat(path); err != nil {
		r.t.Fatalf("%s is not there to be changed: %v", name, err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// compiles has the toolchain look at a piece of Go in the folder of a service.
func (r *reader) compiles(text string) {
	words := strings.FieldsFunc(text, func(c rune) bool { return strings.ContainsRune(" \t\n()*,.", c) })
	name := words[1]
	title := strings.ToUpper(name[:1]) + name[1:]
	whole := fmt.Sprintf("package main\n\nimport (\n\t\"context\"\n\n\t\"github.com/hotpair/hotpair/services/business\"\n)\n\n"+
		"type %s struct {\n\tArticle string `json:\"article\"`\n}\n\nvar _ = business.Handle(%s)\n\n%s", title, name, text)
	path := filepath.Join(r.folder, name+".go")
	if err := os.WriteFile(path, []byte(whole), 0o644); err != nil {
		r.t.Fatal(err)
	}
	c := exec.CommandContext(r.t.Context(), "go", "vet", ".")
	c.Dir, c.Env = r.folder, r.environ
	if said, err := c.CombinedOutput(); err != nil {
		r.t.Errorf("%v\n%s", err, said)
	}
	if err := os.Remove(path); err != nil {
		r.t.Fatal(err)
	}
}

// pattern matches a line of a document in what is printed: … is anything within a line.
func pattern(line string) *regexp.Regexp {
	return regexp.MustCompile(strings.ReplaceAll(regexp.QuoteMeta(strings.TrimSpace(line)), "…", `[^\n]*`))
}

// follows looks for lines in this order, and gives the one that is missing.
func follows(said, wanted string) string {
	for line := range strings.Lines(wanted) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		at := pattern(line).FindStringIndex(said)
		if at == nil {
			return strconv.Quote(line)
		}
		said = said[at[1]:]
	}
	return ""
}
