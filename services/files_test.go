package services_test

import (
	"go/ast"
	"testing"
)

// notInPlace are the files that put something in place by themselves, each with the reason why that needs no fsync or has its own.
var notInPlace = map[string]string{
	"services/durable/system_unix.go":           "it is what everybody else uses",
	"services/operator/operatortest/samples.go": "for tests",
	"services/level/leveltest/leveltest.go":     "for tests",
	"services/role/explore/main.go":             "a profile",
	"manual.go":                                 "written while a release is built, and never by what is shipped",
}

// outside are the packages that no host runs: what plays and measures, and what builds a release.
func outside(pkg string) bool { return within("simulator", "deployments/release")(pkg) }

// A file was written, renamed and not fsynced, and a power failure left it empty. Seven others were made in the same way, each by
// its own few lines. So there is one way, in services/durable, and nobody else renames, links or writes whole files.
func TestFault_A3_OnlyOnePackagePutsFilesInPlace(t *testing.T) {
	forbidden := map[string]bool{"Rename": true, "Link": true, "WriteFile": true, "Create": true}
	seen := map[string]bool{}
	for _, f := range moduleFiles(t) {
		if f.test || outside(f.pkg) {
			continue
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok || !forbidden[s.Sel.Name] {
				return true
			}
			if x, ok := s.X.(*ast.Ident); !ok || x.Name != "os" {
				return true
			}
			if _, allowed := notInPlace[f.path]; allowed {
				seen[f.path] = true
				return true
			}
			t.Errorf("%s: os.%s: use services/durable, which fsyncs the file and its directory", f.path, s.Sel.Name)
			return true
		})
	}
	for path := range notInPlace {
		if !seen[path] {
			t.Errorf("%s is excused and puts nothing in place", path)
		}
	}
}

// makesDirectories are the files that make a directory by themselves, each with the reason why its name needs no fsync or has its own.
var makesDirectories = map[string]string{
	"services/durable/system_unix.go":           "it is what everybody else uses",
	"services/durable/system_windows.go":        "the same",
	"services/operator/operatortest/samples.go": "for tests",
	"services/level/leveltest/leveltest.go":     "for tests",
	"services/flightrecorder/recorder.go":       "traces",
	"storage/place/place.go":                    "it makes the names durable, and knows which it made",
	"deployments/local/control.go":              "a pair on one machine, to look at",
	"deployments/local/directory.go":            "the same",
	"deployments/local/terminals.go":            "the same",
	"manual.go":                                 "while a release is built",
}

// Main made the data directory for its events, without an fsync of the directory above; the updater, which comes later, found it there and
// took its name for durable. After a power failure all that a host had fsynced in it could be gone with the name.
func TestFault_A3_DirectoriesAreMadeDurably(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range moduleFiles(t) {
		if f.test || outside(f.pkg) {
			continue
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok || s.Sel.Name != "Mkdir" && s.Sel.Name != "MkdirAll" {
				return true
			}
			if x, ok := s.X.(*ast.Ident); !ok || x.Name != "os" {
				return true
			}
			if seen[f.path] = makesDirectories[f.path] != ""; !seen[f.path] {
				t.Errorf("%s: os.%s: use durable.MakeDir, which fsyncs the directory above", f.path, s.Sel.Name)
			}
			return true
		})
	}
	for path := range makesDirectories {
		if !seen[path] {
			t.Errorf("%s is excused and makes no directory", path)
		}
	}
}
