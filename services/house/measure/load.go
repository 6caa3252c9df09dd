package measure

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// listed is a package as go list tells it.
type listed struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Imports    []string
	Export     string // file of export data, where it was asked for
	Module     *struct{ Path string }
}

// loaded is a package of the module with its syntax and its types.
type loaded struct {
	listed
	path  string // folder from the root of the module, "." for the root
	files []*ast.File
	pkg   *types.Package
	info  *types.Info
}

// loader checks the packages of one module from their source, and takes those of others from the compiler's export data.
type loader struct {
	root    string
	fset    *token.FileSet
	own     map[string]*loaded
	exports map[string]string // import path → file
	others  types.Importer
}

// load reads all packages of the module at root, without their tests, in an order in which each comes after those that it
// imports.
func load(root string) (*loader, []*loaded, error) {
	list, err := goList(root, "-json=ImportPath,Dir,GoFiles,Imports,Module", "./...")
	if err != nil {
		return nil, nil, err
	}
	l := &loader{root: root, fset: token.NewFileSet(), own: map[string]*loaded{}, exports: map[string]string{}}
	for _, p := range list {
		path := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, p.Module.Path), "/")
		if path == "" {
			path = "."
		}
		l.own[p.ImportPath] = &loaded{listed: p, path: path}
	}
	if err := l.findExports(list); err != nil {
		return nil, nil, err
	}
	l.others = importer.ForCompiler(l.fset, "gc", func(path string) (io.ReadCloser, error) {
		if l.exports[path] == "" {
			return nil, fmt.Errorf("no export data for %s", path)
		}
		return os.Open(l.exports[path])
	})
	var packages []*loaded
	for _, p := range list { // go list sorts them by path
		if packages, err = l.check(packages, l.own[p.ImportPath]); err != nil {
			return nil, nil, err
		}
	}
	return l, packages, nil
}

// findExports asks where the export data of those packages are that the module imports from elsewhere.
func (l *loader) findExports(list []listed) error {
	var others []string
	for _, p := range list {
		for _, imported := range p.Imports {
			if l.own[imported] == nil && imported != "unsafe" {
				others = append(others, imported)
			}
		}
	}
	slices.Sort(others)
	others = slices.Compact(others)
	list, err := goList(l.root, append([]string{"-export", "-json=ImportPath,Export"}, others...)...)
	for _, p := range list {
		l.exports[p.ImportPath] = p.Export
	}
	return err
}

// check appends p, behind those of the module that it imports.
func (l *loader) check(packages []*loaded, p *loaded) ([]*loaded, error) {
	if p.pkg != nil {
		return packages, nil
	}
	for _, imported := range p.Imports {
		if own := l.own[imported]; own != nil {
			var err error
			if packages, err = l.check(packages, own); err != nil {
				return nil, err
			}
		}
	}
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(l.fset, filepath.Join(p.Dir, name), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		p.files = append(p.files, f)
	}
	p.info = &types.Info{Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: l}
	var err error
	p.pkg, err = config.Check(p.ImportPath, l.fset, p.files, p.info)
	return append(packages, p), err
}

// Import is types.Importer.
func (l *loader) Import(path string) (*types.Package, error) {
	if p := l.own[path]; p != nil {
		return p.pkg, nil
	}
	return l.others.Import(path)
}

// goList runs go list at root.
func goList(root string, args ...string) ([]listed, error) {
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w\n%s", err, stderr.Bytes())
	}
	var list []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return list, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		list = append(list, p)
	}
}
