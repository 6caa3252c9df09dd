package clustertest

import (
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Parts of a suite: its tests that run alone, because what they measure is to be theirs, and those that run side by side once the others have
// run, because they call sideBySide. Those of several suites can share a machine.
const (
	Alone  = "alone"
	Beside = "beside"
)

var errPart = errors.New("a suite has no such part")

// Suite is a package of tests that play on whole pairs.
type Suite struct{ binary, part *string }

// NewSuite defines the flags of a suite: -binary, which plays on another hotpair than one that is built, and -part.
func NewSuite() *Suite {
	return &Suite{
		binary: flag.String("binary", "", "hotpair to try instead of the one that is built"),
		part:   flag.String("part", "", "only the tests that run "+Alone+", or that run "+Beside+" each other; both by default"),
	}
}

// Run runs the tests, with hotpair built once for all of them, and gives the status to end with.
func (s *Suite) Run(m *testing.M, binary *string) (status int) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "hotpair-suite-")
	if err == nil {
		defer os.RemoveAll(dir)
		err = choose(*s.part, ".")
	}
	if *binary = *s.binary; err == nil && *binary == "" {
		*binary, err = Build(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// choose has the tests of one part run, of those whose source is in a directory.
func choose(part, dir string) error {
	if part == "" {
		return nil
	}
	beside, err := sideBySide(dir)
	if err != nil {
		return err
	}
	which := map[string]string{Alone: "test.skip", Beside: "test.run"}[part]
	if which == "" || len(beside) == 0 { // no pattern at all would choose all
		return fmt.Errorf("%w: %q, and %d tests call sideBySide; want %s or %s, and one", errPart, part, len(beside), Alone, Beside)
	}
	return flag.Set(which, "^("+strings.Join(beside, "|")+")$")
}

// sideBySide are the tests in a directory that call a function of that name.
func sideBySide(dir string) (tests []string, err error) {
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && strings.HasPrefix(f.Name.Name, "Test") && calls(f, "sideBySide") {
				tests = append(tests, f.Name.Name)
			}
		}
	}
	return tests, nil
}

// calls tells whether a function calls one of a name.
func calls(f *ast.FuncDecl, name string) (found bool) {
	ast.Inspect(f, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		called, ok := call.Fun.(*ast.Ident)
		found = found || ok && called.Name == name
		return true
	})
	return found
}
