// Package services_test holds who may import whom.
package services_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
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

// rule forbids imports to some packages. Tests may import what they like: they put packages together.
type rule struct {
	name    string
	applies func(pkg string) bool
	forbids func(imported string) bool
}

// within holds for the folders and all below them.
func within(folders ...string) func(string) bool {
	return func(pkg string) bool {
		return slices.ContainsFunc(folders, func(f string) bool { return pkg == f || strings.HasPrefix(pkg, f+"/") })
	}
}

func but(set, except func(string) bool) func(string) bool {
	return func(pkg string) bool { return set(pkg) && !except(pkg) }
}

func all(string) bool { return true }

// words are the packages that hold nothing but a type or a function or two which everybody shares.
var words = within("storage/position", "services/clocks", "services/durable", "services/evidence", "services/fault", "services/histogram", "services/lateness", "services/lease", "services/level", "services/membership", "services/pace", "services/refusals", "services/requestid", "services/regular", "services/reread", "services/strictjson", "services/version")

// ours are all packages of the module, as imports name them.
var ours = within("bus", "storage", "services", "simulator", "deployments")

// roleDecides are the packages of which the role machine is made.
func roleDecides(pkg string) bool {
	return slices.Contains([]string{"services/role", "services/role/canon", "services/role/exchange", "services/role/record", "services/role/restraint"}, pkg)
}

var rules = []rule{
	{"role decides only: nothing of ours but how its state is written down, no system, no network",
		roleDecides,
		func(i string) bool {
			return ours(i) && !words(i) && !(roleDecides(i) && i != "services/role") || within("os", "net", "syscall", "context", "sync")(i)
		}},
	{"what explores role knows nothing else of ours",
		within("services/role"),
		but(ours, func(i string) bool { return words(i) || within("services/role")(i) })},
	{"storage knows nothing of the bus or of the services",
		within("storage"),
		but(within("bus", "services", "simulator", "deployments"), words)},
	{"the bus knows no service and no database",
		within("bus"),
		but(within("storage", "services", "simulator", "deployments"), words)},
	{"business processes, terminal-if, terminal and operator know the bus, not the database",
		within("services/business", "services/terminalif", "services/terminal", "services/operator"),
		but(within("storage"), words)},
	{"what touches a terminal's bytes knows the bus, and nothing of sessions and requests",
		within("services/terminalif/wire"),
		but(ours, func(i string) bool { return words(i) || within("bus", "services/terminalif/wire")(i) })},
	{"only terminal-if touches a terminal's bytes",
		but(all, within("services/terminalif")),
		within("services/terminalif/wire")},
	{"only journal, replication and updater join bus and database; the world looks at what came of it",
		but(all, within("services/journal", "services/replication", "services/updater", "storage", "simulator/world")),
		but(within("storage"), words)},
	{"the journal is of one host: it knows nobody who writes to it",
		within("services/journal"),
		but(within("services"), func(i string) bool { return words(i) || within("services/journal")(i) })},
	{"replication knows the journal, and no process",
		within("services/replication"),
		but(within("services"), func(i string) bool {
			return words(i) || within("services/journal", "services/link", "services/replication")(i)
		})},
	{"a connection to the other host knows the bus, and nothing of what is said on it",
		within("services/link"),
		but(ours, func(i string) bool { return words(i) || within("bus", "services/door", "services/link")(i) })},
	{"the wires know who belongs at which end, and no process",
		within("services/wires"),
		but(ours, func(i string) bool {
			return words(i) || within("bus", "services/config", "services/door", "services/identity", "services/keyring")(i)
		})},
	{"whose keys the witness lets in is decided apart from doors and from what is said",
		within("services/keyring"),
		but(ours, func(i string) bool { return words(i) || within("services/identity", "services/keyring")(i) })},
	{"who is at the other end is decided apart from what is said, and from every port",
		within("services/identity"),
		but(ours, func(i string) bool { return words(i) || within("services/identity")(i) })},
	{"a door knows who may come in, and nothing of what is said inside",
		within("services/door"),
		but(ours, func(i string) bool { return words(i) || i == "services/identity" })},
	{"the authority issues certificates, and lets nobody in",
		but(within("services/authority"), within("services/authority/authoritytest")),
		but(ours, func(i string) bool { return words(i) || i == "services/identity" || i == "services/sealing" })},
	{"what seals does not know what is sealed",
		within("services/sealing"),
		ours},
	{"certificates of tests are for tests",
		all,
		within("services/identity/identitytest", "services/authority/authoritytest")},
	{"what systemd is told is said to systemd alone, whoever says it",
		but(within("services/systemd"), within("services/systemd/systemdtest")),
		but(ours, words)},
	{"the systemd of tests is for tests",
		all,
		within("services/systemd/systemdtest")},
	{"who starts a host's processes knows how they are started, not what they do",
		within("services/processes"),
		but(ours, func(i string) bool {
			return words(i) || within("bus", "services/config", "services/process", "services/processes", "services/role")(i)
		})},
	{"the event log of a main knows the bus only: who records now, main says",
		within("services/events"),
		but(ours, func(i string) bool { return words(i) || within("bus", "services/events")(i) })},
	{"who makes backups knows what is asked of it, and neither the database nor who decides when",
		within("services/backups"),
		but(ours, func(i string) bool { return words(i) || within("bus", "services/backups", "services/config")(i) })},
	{"what is known of backups is apart from who makes them",
		func(pkg string) bool { return pkg == "services/backups" },
		but(ours, func(i string) bool { return words(i) || i == "bus" })},
	{"who keeps what is known of backups knows the pair's own key space, not who makes them",
		within("services/updater/backuprecord"),
		but(ours, func(i string) bool {
			return words(i) || i == "services/backups" || within("bus", "storage", "services/updater/systemspace")(i)
		})},
	{"the audit trail knows events, and nobody who makes them",
		within("services/trail"),
		but(ours, func(i string) bool {
			return words(i) || within("bus", "services/config", "services/events", "services/operator/wording", "services/trail")(i)
		})},
	{"alarms know what they are judged by, not who gathers it",
		within("services/alarms"),
		but(within("services"), func(i string) bool {
			return words(i) || within("services/alarms", "services/config", "services/identity", "services/role", "services/trail", "services/wires")(i) || i == "services/backups"
		})},
	{"what operators can ask for knows main by what it asks of it",
		within("services/operations"),
		but(within("services", "storage"), func(i string) bool {
			return words(i) || i == "services/backups" || i == "services/operator" || within("services/alarms", "services/arbiter", "services/config", "services/events", "services/metrics",
				"services/accounts", "services/door", "services/enrolment", "services/issuing", "services/identity", "services/operations", "services/operator/access", "services/operator/certificates", "services/operator/registry", "services/terminalif/receipt", "services/operator/verdict", "services/role", "services/supervisor", "services/wires")(i)
		})},
	{"what operators see knows neither how it is served nor how it is shown",
		func(pkg string) bool { return pkg == "services/operator" },
		within("services/operator/web", "services/operator/command", "services/operator/registry", "services/operator/screen", "net/http/httptest", "github.com/spf13/cobra")},
	{"HTTP and command line for operators know nothing of each other",
		within("services/operator/web", "services/operator/registry", "services/operator/verdict"),
		within("services/operator/command", "services/operator/hosts", "services/operator/screen", "github.com/spf13/cobra")},
	{"the command line asks hosts over the interface",
		within("services/operator/command"),
		but(within("services/operator/web", "services/operator/registry", "services/mainprocess"), words)},
	{"the list of operators knows the bus, and neither who keeps it nor who asks",
		within("services/accounts"),
		but(ours, func(i string) bool { return words(i) || i == "bus" })},
	{"who asks is found out apart from what is asked",
		within("services/operator/access", "services/operator/peercred"),
		but(ours, func(i string) bool {
			return words(i) || i == "services/accounts" || i == "services/operator" || within("services/operator/peercred", "services/operator/wording")(i)
		})},
	{"lists of terminals are read and shown apart from the commands that take them",
		but(all, within("services/operator/command", "services/operator/roster")),
		within("services/operator/roster")},
	{"an upgrade is walked through apart from the command that begins it",
		but(all, within("services/operator/command", "services/operator/rollout")),
		within("services/operator/rollout")},
	{"only main.go has the command line",
		but(all, within(".", "services/operator/command")),
		within("services/operator/command")},
	{"the part of it that asks no host stands alone; who knows the files brings it",
		but(all, within(".", "services/operator/command", "services/operator/offline", "services/updater/archive", "simulator")),
		within("services/operator/offline")},
	{"how commands that ask no host are told things is for them alone",
		but(all, within("services/operator/offline", "services/operator/usage", "deployments")),
		within("services/operator/usage")},
	{"the host of tests is for tests",
		all,
		within("services/operator/operatortest")},
	{"the audit knows what it reports and where, not who asks for it",
		within("services/audit"),
		but(within("services"), func(i string) bool {
			return words(i) || i == "services/operator" || within("services/alarms", "services/audit", "services/role")(i)
		})},
	{"who keeps the pair's own key space knows the store, not who writes it",
		within("services/updater/systemspace"),
		but(ours, func(i string) bool {
			return words(i) || within("bus", "storage", "services/accounts", "services/config", "services/journal", "services/updater/systemspace", "services/updater/turns")(i)
		})},
	{"who may enrol is decided apart from sessions, and from whoever keeps it",
		within("services/enrolment"),
		but(ours, func(i string) bool {
			return words(i) || within("bus", "services/authority", "services/door", "services/identity", "services/renewal")(i)
		})},
	{"who renews certificates over sessions knows no process, and neither door nor bus",
		within("services/renewal"),
		but(ours, func(i string) bool { return words(i) || within("services/authority", "services/identity")(i) })},
	{"who holds the issuing key knows the authority, and no process",
		within("services/issuing"),
		but(ours, func(i string) bool {
			return words(i) || within("services/authority", "services/config", "services/identity")(i)
		})},
	{"who keeps the register of terminals knows the pair's own key space, not who enrols",
		within("services/updater/members"),
		but(ours, func(i string) bool {
			return words(i) || within("bus", "storage", "services/enrolment", "services/identity", "services/updater/members", "services/updater/systemspace")(i)
		})},
	{"who keeps the keys of receipts knows the pair's own key space, not who signs",
		within("services/updater/receiptkeys"),
		but(ours, func(i string) bool {
			return words(i) || within("bus", "storage", "services/journal", "services/terminalif/receipt", "services/updater/systemspace")(i)
		})},
	{"who looks at what a host has stored knows the store and comparisons, not who writes it",
		within("services/updater/inspection"),
		but(ours, func(i string) bool {
			return words(i) || within("bus", "storage", "services/replication/comparison", "services/updater/inspection", "services/updater/turns")(i)
		})},
	{"who tries a disk knows how it is told, and nothing of what stands on it",
		within("services/updater/disk"),
		but(ours, func(i string) bool { return words(i) || i == "bus" })},
	{"bolt stays with the store, its layout and its sections",
		but(all, func(pkg string) bool { return pkg == "storage" || within("storage/layout", "storage/section")(pkg) }),
		within("github.com/boltdb/bolt")},
	{"what stands in the database file, and what will, is the store's own affair",
		but(all, within("storage")),
		within("storage/format", "storage/layout", "storage/overlay", "storage/pages", "storage/place")},
	{"how things are written down knows nothing of what is written",
		within("storage/format"),
		but(ours, words)},
	{"pages knows how bolt writes a file, not what we write into it",
		within("storage/pages"),
		but(ours, within("storage/format"))},
	{"the history is a shape: it knows no file and no database",
		within("storage/history"),
		but(ours, func(i string) bool { return words(i) || within("storage/format")(i) })},
	{"facts and what was set aside are files beside the database",
		within("storage/facts", "storage/aside"),
		but(ours, func(i string) bool {
			return words(i) || within("storage/format", "storage/history", "storage/place")(i)
		})},
	{"how data come into a directory knows nothing of the data",
		within("storage/place"),
		but(ours, words)},
	{"the layout knows the history, the overlay the layout, and neither who uses them",
		within("storage/layout", "storage/overlay"),
		but(ours, func(i string) bool {
			return words(i) || within("storage/format", "storage/history", "storage/layout")(i)
		})},
	{"a section is read from a view and repaired in a transaction, whoever gives them",
		within("storage/section"),
		but(ours, func(i string) bool {
			return words(i) || within("storage/format", "storage/history", "storage/layout", "storage/overlay", "storage/section")(i)
		})},
	{"only main.go and the simulator know the simulator",
		but(all, within(".", "simulator")),
		within("simulator")},
	{"what measures the packages knows none of them",
		within("services/house"),
		but(ours, within("services/house"))},
	{"nobody knows what measures the packages",
		but(all, within("services/house")),
		within("services/house")},
	{"a bundle knows what is in it, and neither who makes it nor where it goes",
		within("deployments/bundle", "deployments/questions"),
		within("deployments/founding", "deployments/install", "deployments/local", "deployments/questions")},
	{"who makes a pair knows no machine",
		within("deployments/founding"),
		within("deployments/install", "deployments/local")},
	{"only main.go and the simulator know deployments",
		but(all, within(".", "simulator", "deployments")),
		within("deployments")},
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

// TestRole_ReadsNoClock holds that time comes to role as an input: it may calculate with time, never ask for it.
func TestRole_ReadsNoClock(t *testing.T) {
	clock := []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}
	for _, f := range moduleFiles(t) {
		if f.test || !roleDecides(f.pkg) {
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

		"services/terminalif/wire":     "services/blackbox",
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
