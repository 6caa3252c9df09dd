// Package mutation breaks the code that ships, to prove that a test finds what it is for. Mutants are texts that replace
// others, compiled into one program through an overlay of the source (go build -overlay): the code has no switch for them,
// and one build serves all.
//
//	edits := []mutation.Edit{{File: "services/role/active.go", Old: "if m.noted {", New: "if m.noted || BROKEN {"}}
//	program := mutation.Build(t, "../..", [][]mutation.Edit{edits}, "test", "-c")
//	command.Env = append(os.Environ(), mutation.Environ(1))
package mutation

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Edit replaces a text in a file of the module. BROKEN in New is true while a mutant runs that has this edit.
type Edit struct {
	File     string // from the root of the module
	Old, New string // Old stands exactly once in the file
}

// variable is the setting of a program's environment that chooses the mutant.
const variable = "MUTANT"

// Environ is the setting with which a program runs as a mutant, counted from 1; as 0 it is what ships.
func Environ(mutant int) string { return variable + "=" + strconv.Itoa(mutant) }

// Build builds the package in the working directory with all mutants compiled in, off unless chosen: each is a list of
// edits, which several may share. The go command is the one that builds: "build", or "test" with "-c". root is the module's.
func Build(t testing.TB, root string, mutants [][]Edit, command ...string) (program string) {
	t.Helper()
	return build(t, root, ".", mutants, "import (\n\t\"os\"\n\t\"strconv\"\n)\n\nvar mutant, _ = strconv.Atoi(os.Getenv(\""+variable+"\"))\n", command)
}

// BuildOne builds a package of the module as one mutant, which its program then is wherever it runs: it may start others in an
// environment of their own.
func BuildOne(t testing.TB, root, pkg string, edits []Edit) (program string) {
	t.Helper()
	return build(t, root, pkg, [][]Edit{edits}, "const mutant = 1\n", []string{"build"})
}

// build builds a package with all mutants compiled in; declared is what says in each of their packages which one runs.
func build(t testing.TB, root, pkg string, mutants [][]Edit, declared string, command []string) (program string) {
	t.Helper()
	dir := t.TempDir()
	root, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for name, text := range mutated(t, root, mutants, declared) {
		copied := filepath.Join(dir, strings.ReplaceAll(name, "/", "_"))
		if err := os.WriteFile(copied, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		overlay.Replace[filepath.Join(root, name)] = copied
	}
	data, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, data, 0o600); err != nil {
		t.Fatal(err)
	}
	program = filepath.Join(dir, "mutants")
	compile := exec.CommandContext(t.Context(), "go", slices.Concat(command, []string{"-overlay", list, "-o", program, pkg})...)
	if out, err := compile.CombinedOutput(); err != nil {
		t.Fatalf("build the mutants: %v\n%s", err, out)
	}
	return program
}

// mutated gives the texts of the files with all mutants in them, and of those that choose one.
func mutated(t testing.TB, root string, mutants [][]Edit, declared string) map[string]string {
	t.Helper()
	edits, broken := []Edit{}, map[Edit][]string{}
	for n, list := range mutants {
		for _, e := range list {
			if broken[e] == nil {
				edits = append(edits, e)
			}
			broken[e] = append(broken[e], fmt.Sprintf("mutant == %d", n+1))
		}
	}
	text := map[string]string{}
	for _, e := range edits {
		if text[e.File] == "" {
			data, err := os.ReadFile(filepath.Join(root, e.File))
			if err != nil {
				t.Fatal(err)
			}
			text[e.File] = string(data)
			dir := path.Dir(e.File)
			text[path.Join(dir, "mutant.go")] = "package " + path.Base(dir) + "\n\n" + declared
		}
		if found := strings.Count(text[e.File], e.Old); found != 1 {
			t.Fatalf("this text of a mutant stands %d times in %s; bring it up to the code\n%s", found, e.File, e.Old)
		}
		text[e.File] = strings.Replace(text[e.File], e.Old, strings.ReplaceAll(e.New, "BROKEN", "("+strings.Join(broken[e], " || ")+")"), 1)
	}
	return text
}
