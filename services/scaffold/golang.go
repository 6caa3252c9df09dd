package scaffold

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/hotpair/hotpair/services/regular"
	"github.com/hotpair/hotpair/services/scaffold/folder"
	"github.com/hotpair/hotpair/services/version"
)

//go:embed golang/*.tmpl
var golang embed.FS

// module is the path of hotpair's own.
const module = "github.com/hotpair/hotpair"

// unreleased is the version in go.mod of a module that is replaced by a folder.
const unreleased = "v0.0.0"

// maxModule bounds go.mod and go.sum, in bytes.
const maxModule = 4 << 20

func (f files) describe(text string) { f[folder.File] = file{[]byte(text), plain} }

// goFiles are a module of its own.
func goFiles(o Options) (files, notes, error) {
	f := files{}
	for _, name := range []string{"main.go", "service.go", "service_test.go"} {
		text, err := golang.ReadFile("golang/" + name + ".tmpl")
		if err != nil {
			return nil, nil, fmt.Errorf("template: %w", err)
		}
		f[name] = file{bytes.ReplaceAll(text, []byte("{{.Name}}"), []byte(o.Name)), plain}
	}
	f.describe(`{
  "service": "` + o.Name + `",
  "build": ["go", "build", "-o", "bin/` + o.Name + `", "."],
  "run": "bin/` + o.Name + `",
  "watch": ["*.go", "go.mod", "go.sum"]
}
`)
	f[".gitignore"] = file{[]byte("bin/\n"), plain}

	source, err := source(o.Replace)
	if err != nil {
		return nil, nil, err
	}
	if source == "" {
		v := version.Name()
		f["go.mod"] = file{fmt.Appendf(nil, "module %s\n\ngo %s\n\nrequire %s %s\n", o.Name, goVersion(), module, v), plain}
		return f, notes{"run go mod tidy first: it downloads " + module + " " + v}, nil
	}
	mod, err := moduleOf(source)
	if err != nil {
		return nil, nil, err
	}
	sums, err := regular.Read(filepath.Join(source, "go.sum"), maxModule)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: source of hotpair: %w", ErrOption, err)
	}
	f["go.mod"] = file{mod.of(o.Name, source), plain}
	f["go.sum"] = file{sums, plain}
	return f, notes{"go.mod uses hotpair from " + source + ": keep that folder, or change the path there"}, nil
}

// source is the folder with the source of hotpair, or "" for a release.
func source(named string) (string, error) {
	if named != "" {
		dir, err := filepath.Abs(named)
		if err != nil {
			return "", fmt.Errorf("%w: --replace: %w", ErrOption, err)
		}
		if !holdsSource(dir) {
			return "", fmt.Errorf("%w: --replace %s is not a clone of hotpair: its go.mod must begin with module %s", ErrOption, dir, module)
		}
		return dir, nil
	}
	if v := version.Name(); strings.HasPrefix(v, "v") && !strings.Contains(v, "-0.") && !strings.Contains(v, "+") {
		return "", nil
	}
	if _, here, _, ok := runtime.Caller(0); ok && filepath.IsAbs(here) {
		if dir := filepath.Join(filepath.Dir(here), "..", ".."); holdsSource(dir) {
			return dir, nil
		}
	}
	return "", fmt.Errorf("%w: this hotpair is not a release, and the source folder that it was built from is missing: give a clone with --replace DIR", ErrOption)
}

func holdsSource(dir string) bool {
	_, err := moduleOf(dir)
	return err == nil
}

// goVersion is that of this program, as go.mod has it.
func goVersion() string {
	v, _, _ := strings.Cut(strings.TrimPrefix(runtime.Version(), "go"), " ")
	return v
}

// required has the Go version and the modules of hotpair's own go.mod.
type required struct {
	version string
	modules []string // as "path version"
}

// errModule says that a folder has another module than hotpair, or none.
var errModule = errors.New("not hotpair's")

// moduleOf reads the go.mod of a folder with the source of hotpair. It knows as much of the form as go mod tidy leaves there.
func moduleOf(dir string) (required, error) {
	text, err := regular.Read(filepath.Join(dir, "go.mod"), maxModule)
	if err != nil {
		return required{}, err
	}
	return parseModule(string(text))
}

func parseModule(text string) (required, error) {
	var r required
	ours, listed := false, false
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "//")
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case listed && words[0] == ")":
			listed = false
		case listed && len(words) == 2:
			r.modules = append(r.modules, words[0]+" "+words[1])
		case words[0] == "module" && len(words) == 2:
			ours = words[1] == module
		case words[0] == "go" && len(words) == 2:
			r.version = words[1]
		case words[0] == "require" && len(words) == 2 && words[1] == "(":
			listed = true
		case words[0] == "require" && len(words) == 3:
			r.modules = append(r.modules, words[1]+" "+words[2])
		}
	}
	if !ours || r.version == "" {
		return required{}, errModule
	}
	return r, nil
}

// of is the go.mod of a service that is built with the source in a folder. It lists all dependencies, so that nothing
// is fetched from the network.
func (r required) of(name, source string) []byte {
	var text bytes.Buffer
	fmt.Fprintf(&text, "module %s\n\ngo %s\n\nrequire %s %s\n\nreplace %s => %s\n\n", name, r.version, module, unreleased, module, quoted(source))
	text.WriteString("// Dependencies of hotpair. go mod tidy removes those that this service does not need.\nrequire (\n")
	for _, m := range r.modules {
		fmt.Fprintf(&text, "\t%s // indirect\n", m)
	}
	text.WriteString(")\n")
	return text.Bytes()
}

// quoted is a path as go.mod has it.
func quoted(path string) string {
	if strings.ContainsAny(path, " \t\"'`(),") {
		return fmt.Sprintf("%q", path)
	}
	return path
}
