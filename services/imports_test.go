// Package services_test holds who may import whom.
package services_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/hotpair/hotpair"

// file is one Go file of the module: where it stands and what it imports.
type file struct {
	path    string // from the root of the module
	pkg     string // folder, "." for the root
	test    bool
	imports []string // of ours without the module's path: "bus", "storage/position"
	syntax  *ast.File
}

// TestImports_FollowTheRules holds the rules for every package of the module.
func TestImports_FollowTheRules(t *testing.T) {
	files := moduleFiles(t)
	for _, r := range rules {
		t.Run(strings.ReplaceAll(r.name, " ", "_"), func(t *testing.T) {
			for _, f := range files {
				if f.test || !r.applies(f.pkg) {
					continue
				}
				for _, imported := range f.imports {
					if r.forbids(imported) {
						t.Errorf("%s imports %s: %s", f.path, imported, r.name)
					}
				}
			}
		})
	}
}

// TestRole_ReadsNoClock holds that time comes to role as an input, and to what else only decides: it may calculate with time, never ask
// for it.
func TestRole_ReadsNoClock(t *testing.T) {
	clock := []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}
	for _, f := range moduleFiles(t) {
		if f.test || !roleDecides(f.pkg) && !serviceDecides(f.pkg) {
			continue
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(clock, s.Sel.Name) {
					t.Errorf("%s uses time.%s", f.path, s.Sel.Name)
				}
			}
			return true
		})
	}
}

// TestCode_HasNoInitAndNoExitBelowMain holds that nothing happens by being imported, and that only main ends the process.
func TestCode_HasNoInitAndNoExitBelowMain(t *testing.T) {
	for _, f := range moduleFiles(t) {
		if f.test {
			continue
		}
		for _, d := range f.syntax.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s has an init function", f.path)
			}
		}
		if f.pkg == "." {
			continue
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && (x.Name == "log" && strings.HasPrefix(s.Sel.Name, "Fatal")) {
					t.Errorf("%s uses log.%s", f.path, s.Sel.Name)
				}
			}
			return true
		})
	}
}

// TestFaults_HaveCodesOfTheirOwn holds that a code names one sentinel: another one would come out as it in the other process.
func TestFaults_HaveCodesOfTheirOwn(t *testing.T) {
	seen := map[string]string{}
	for _, f := range moduleFiles(t) {
		if f.test {
			continue
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 2 {
				return true
			}
			s, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || s.Sel.Name != "New" {
				return true
			}
			if x, ok := s.X.(*ast.Ident); !ok || x.Name != "fault" {
				return true
			}
			code := "not written as a text"
			if text, ok := call.Args[0].(*ast.BasicLit); ok {
				code = text.Value
			}
			if other, taken := seen[code]; taken {
				t.Errorf("%s and %s: two sentinels with the code %s", f.path, other, code)
			}
			seen[code] = f.path
			return true
		})
	}
	if len(seen) < 10 {
		t.Errorf("only %d codes found", len(seen))
	}
}

// TestImports_NoTemplates: a program that can run a template keeps every method of everything in it, which is a quarter more bytes. The libraries
// that have one run it only when they are asked to.
func TestImports_NoTemplates(t *testing.T) {
	asked := map[string]bool{"SetVersionTemplate": true, "SetHelpTemplate": true, "SetUsageTemplate": true, "Usage": true, "Usagef": true, "Usaget": true}
	for _, f := range moduleFiles(t) {
		if f.test {
			continue
		}
		for _, i := range f.syntax.Imports {
			if path := strings.Trim(i.Path.Value, `"`); path == "text/template" || path == "html/template" {
				t.Errorf("%s imports %s", f.path, path)
			}
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok || !asked[s.Sel.Name] {
				return true
			}
			if x, named := s.X.(*ast.Ident); !strings.HasPrefix(s.Sel.Name, "Usage") || named && x.Name == "envconfig" {
				t.Errorf("%s has a library run a template: %s", f.path, s.Sel.Name)
			}
			return true
		})
	}
}

// TestRules_Bite shows that each rule refuses something and allows something.
func TestRules_Bite(t *testing.T) {
	refused := map[string]string{ // package → import that some rule forbids it
		"services/role":        "bus",
		"storage":              "bus",
		"bus":                  "storage",
		"services/business/kv": "storage",
		"services/mainprocess": "storage",
		"services/updater":     "github.com/boltdb/bolt",
		"services/updater/own": "storage/layout",
		"storage/overlay":      "github.com/boltdb/bolt",
		"storage/history":      "storage/layout",
		"storage/section":      "storage",
		"services/journal":     "services/replication",
		"services/link":        "services/journal",
		"services/replication": "services/updater",
		"deployments/local":    "simulator",
		"deployments/bundle":   "deployments/install",
		"deployments/founding": "deployments/local",
		"services/operator":    "deployments/local",
		"services/events":      "services/role",
		"services/alarms":      "services/mainprocess",
		"services/operations":  "services/mainprocess",
		"services/audit":       "services/events",
		"services/house":       "bus",
		"services/config":      "services/house/measure",

		"services/terminalif/wire":     "services/flightrecorder",
		"services/mainprocess/x":       "services/terminalif/wire",
		"services/operator/web":        "services/operator/command",
		"services/operator/command":    "services/operator/web",
		"services/updater/archive":     "services/operator/command",
		"services/metrics":             "services/operator/operatortest",
		"services/updater/systemspace": "services/updater",
		"services/updater/inspection":  "services/replication",
		"services/updater/disk":        "storage",
		"services/identity":            "services/door",
		"services/door":                "services/authority",
		"services/keyring":             "services/role",
		"services/authority":           "services/door",
		"services/mainprocess/y":       "services/identity/identitytest",
		"services/backups/maker":       "storage",
		"services/backups":             "services/backups/maker",
		"services/notices":             "bus",
		"services/timers":              "services/notices",
		"services/emissions":           "net/http",
	}
	for pkg, imported := range refused {
		if !forbidden(pkg, imported) {
			t.Errorf("%s may import %s", pkg, imported)
		}
	}
	for pkg, imported := range map[string]string{
		"services/role": "storage/position", "services/updater": "storage", "services/terminal": "bus", "services/journal": "storage/history",
		"storage/section": "storage/overlay", "storage/facts": "services/membership",
		"services/replication": "services/journal", "services/terminalif": "services/terminalif/wire", "services/terminalif/wire": "bus", ".": "simulator", "simulator": "deployments/local", "deployments/local": "deployments/founding", "bus": "storage/position",
		"services/door": "services/identity", "services/authority": "services/durable",
		"services/updater/systemspace": "storage", "services/updater/inspection": "services/replication/comparison",
	} {
		if forbidden(pkg, imported) {
			t.Errorf("%s may not import %s", pkg, imported)
		}
	}
}

func forbidden(pkg, imported string) bool {
	return slices.ContainsFunc(rules, func(r rule) bool { return r.applies(pkg) && r.forbids(imported) })
}

// TestAgent_CarriesNoHost holds what the program for terminals is made of, on all systems together: it stands on machines that its users did not
// choose, and what it carries for nothing costs each of them.
func TestAgent_CarriesNoHost(t *testing.T) {
	const agent = "services/terminal/hotpair-terminal"
	may := []string{
		agent, "bus", "bus/broker", "bus/keyrange", "bus/notice", "bus/outbox", "bus/batch",
		"services/authority", "services/clocks", "services/commands", "services/config", "services/door", "services/durable", "services/enrolment", "services/evidence", "services/fault",
		"services/histogram", "services/identity", "services/keyring", "services/launch", "services/lease", "services/level", "services/logs", "services/membership",
		"services/notices", "services/operator/wording", "services/pace", "services/process", "services/refusals", "services/regular", "services/renewal",
		"services/requestid", "services/reread", "services/rights", "services/sealing", "services/strictjson", "services/systemd", "services/terminal",
		"services/terminal/boltfile", "services/terminal/fence", "services/terminal/figures", "services/terminal/inbox", "services/terminal/program", "services/terminal/queue", "services/terminal/queue/lanes", "services/terminal/receipts", "services/terminal/standing", "services/terminal/web", "services/terminal/winservice", "services/version", "services/wires",
		"storage/format", "storage/pages", "storage/position",
	}
	foreign := []string{
		"filippo.io/age", "github.com/boltdb/bolt", "github.com/fxamacker/cbor", "github.com/kelseyhightower/envconfig", "github.com/nats-io/jwt",
		"github.com/nats-io/nats-server", "github.com/nats-io/nats.go", "github.com/nats-io/nkeys", "github.com/spf13/cobra", "golang.org/x/sync", "golang.org/x/sys",
	}
	imports := map[string][]string{}
	for _, f := range moduleFiles(t) {
		if !f.test {
			imports[f.pkg] = append(imports[f.pkg], f.imports...)
		}
	}
	seen, queue := map[string]bool{agent: true}, []string{agent}
	for len(queue) > 0 {
		pkg := queue[0]
		queue = queue[1:]
		for _, i := range imports[pkg] {
			switch {
			case seen[i]:
				continue
			case ours(i):
				queue = append(queue, i)
				if !slices.Contains(may, i) {
					t.Errorf("%s imports %s, which the agent needs not", pkg, i)
				}
			case strings.Contains(strings.Split(i, "/")[0], ".") && !within(foreign...)(i):
				t.Errorf("%s imports %s, which the agent needs not", pkg, i)
			}
			seen[i] = true
		}
	}
	for _, name := range slices.Concat(may, foreign) {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(seen)), within(name)) {
			t.Errorf("the agent may import %s, and does not: take it off the list", name)
		}
	}
}

// moduleFiles reads the imports and syntax of all Go files of the module.
func moduleFiles(t *testing.T) []file {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	var files []file
	err = filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") && name != root {
			return filepath.SkipDir
		}
		if d.IsDir() || filepath.Ext(name) != ".go" {
			return nil
		}
		relative, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		source, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		syntax, err := parser.ParseFile(token.NewFileSet(), name, source, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		f := file{path: relative, pkg: path.Dir(filepath.ToSlash(relative)), test: strings.HasSuffix(name, "_test.go"), syntax: syntax}
		for _, spec := range syntax.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			f.imports = append(f.imports, strings.TrimPrefix(imported, module+"/"))
		}
		files = append(files, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 20 {
		t.Fatalf("only %d Go files found below %s", len(files), root)
	}
	return files
}
