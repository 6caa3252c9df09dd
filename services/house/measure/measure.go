// Package measure measures the sizes and dependencies of the packages of a Go module, so that a test can enforce
// bounds.
//
// # What is counted
//
// Only what ships: files of the module that are built here, without tests, and without modules below it.
//
//   - Lines are lines of the files, with comments and empty ones.
//   - Methods of a type are those declared with it as receiver; promoted ones count where they are declared.
//   - Fields of a struct: an embedded one counts as one.
//   - Methods of an interface: with those of the interfaces of this module that it embeds, however deep, for whoever
//     implements it has to have them all; those of other modules' (io.Reader) do not count, nobody here chose them.
//   - An arrow between two files of a package: one uses something that the other declares: a function, a type, a method, a
//     field, a constant, a variable. However often it does so, it is one arrow.
//   - Upward: the files are laid one above the other so that few arrows run upward; those that still do are counted. A package
//     that can be read from the top to the bottom has none. The least number is hard to find, so this one is an upper bound:
//     the greedy order of Eades, Lin and Smyth within each circle of files, improved by moving single files.
//   - An error field: a string field that carries an error in a message between processes, see [House.ErrorFields].
package measure

import (
	"bytes"
	"cmp"
	"go/ast"
	"go/types"
	"os"
	"path/filepath"
	"slices"
)

// House is what was measured of a module.
type House struct {
	Packages []Package `json:"packages"`
	// Arrows are the imports between packages of the module.
	Arrows int `json:"arrows"`
	// Circles of imports: the compiler allows none.
	Circles int `json:"circles"`
	// ErrorFields are string fields of messages that carry an error: fields with a json or cbor tag named Error, Refused,
	// Refusal or Failure, and Code and Text where a struct has both, in the packages that define what crosses between
	// processes and hosts. What an agent and its hosts say (bus/agent.go) is not counted: applications know it.
	ErrorFields []string `json:"error_fields"`
	// Examples are the Example functions that go test runs.
	Examples []string `json:"examples"`
}

// Package is what was measured of a package.
type Package struct {
	Path  string `json:"path"` // folder from the root of the module
	Lines int    `json:"lines"`
	Files int    `json:"files"`
	// LongestFile counts lines, MostMethods those on one type, MostFields those of one struct, LargestInterface its methods.
	LongestFile      Largest `json:"longest_file"`
	MostMethods      Largest `json:"most_methods"`
	MostFields       Largest `json:"most_fields"`
	LargestInterface Largest `json:"largest_interface"`
	// Arrows are those between files, and Upward how many of them run upward when the files lie as in Floors, the
	// highest first.
	Arrows int     `json:"arrows"`
	Upward []Arrow `json:"upward"`
	// Floors are the files.
	Floors []string `json:"floors"`
	// Types are all declared types with methods or fields, and all declared interfaces.
	Types []Type `json:"types"`
}

// Largest is the largest of its kind.
type Largest struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
}

func (l *Largest) offer(name string, count int) {
	if count > l.Count {
		*l = Largest{Name: name, Count: count}
	}
}

// Arrow says that a file uses a name that another declares.
type Arrow struct {
	From string `json:"from"`
	To   string `json:"to"`
	Name string `json:"name"` // the first one, in the order of From
}

// Type is a type with its methods and fields. Those of an interface are Required.
type Type struct {
	Name     string `json:"name"`
	Methods  int    `json:"methods,omitempty"`
	Fields   int    `json:"fields,omitempty"`
	Required int    `json:"required,omitempty"`
}

// Module measures the module whose go.mod is in the folder root.
func Module(root string) (*House, error) {
	l, packages, err := load(root)
	if err != nil {
		return nil, err
	}
	h := &House{ErrorFields: []string{}, Examples: []string{}}
	imports := newGraph(len(packages))
	number := map[string]int{}
	for i, p := range packages {
		number[p.ImportPath] = i
		for _, imported := range p.Imports {
			if to, own := number[imported]; own { // it stands before p
				imports[i][to] = true
			}
		}
		if len(p.files) == 0 {
			continue // it has tests only
		}
		measured, err := l.measure(p)
		if err != nil {
			return nil, err
		}
		h.Packages = append(h.Packages, measured)
		h.ErrorFields = append(h.ErrorFields, l.errorFields(p)...)
	}
	h.Arrows, h.Circles = imports.arrows(), imports.circles()
	slices.SortFunc(h.Packages, func(a, b Package) int { return cmp.Compare(a.Path, b.Path) })
	slices.Sort(h.ErrorFields)
	h.Examples, err = examples(root)
	return h, err
}

func (l *loader) measure(p *loaded) (Package, error) {
	m := Package{Path: p.path, Files: len(p.files)}
	for _, name := range p.GoFiles {
		text, err := os.ReadFile(filepath.Join(p.Dir, name))
		if err != nil {
			return Package{}, err
		}
		lines := bytes.Count(text, []byte("\n"))
		m.Lines += lines
		m.LongestFile.offer(name, lines)
	}
	scope := p.pkg.Scope()
	for _, name := range scope.Names() {
		named, ok := scope.Lookup(name).(*types.TypeName)
		if !ok || named.IsAlias() {
			continue
		}
		l.measureType(&m, named)
	}
	l.measureArrows(&m, p)
	return m, nil
}

func (l *loader) measureType(m *Package, name *types.TypeName) {
	t := Type{Name: name.Name()}
	if named, ok := name.Type().(*types.Named); ok {
		t.Methods = named.NumMethods()
	}
	switch u := name.Type().Underlying().(type) {
	case *types.Struct:
		t.Fields = u.NumFields()
	case *types.Interface:
		t.Required = l.methodsOf(u)
	}
	m.MostMethods.offer(t.Name, t.Methods)
	m.MostFields.offer(t.Name, t.Fields)
	m.LargestInterface.offer(t.Name, t.Required)
	if t.Methods+t.Fields+t.Required > 0 {
		m.Types = append(m.Types, t)
	}
}

// methodsOf counts the methods of an interface that were declared in this module.
func (l *loader) methodsOf(i *types.Interface) int {
	n := 0
	for m := range i.Methods() {
		if m.Pkg() != nil && l.own[m.Pkg().Path()] != nil {
			n++
		}
	}
	return n
}

// measureArrows finds who uses whom among the files of a package.
func (l *loader) measureArrows(m *Package, p *loaded) {
	g := newGraph(len(p.files))
	number := map[string]int{}
	for i, f := range p.files {
		number[l.fset.Position(f.Package).Filename] = i
	}
	names := map[[2]int]string{}
	for i, f := range p.files {
		ast.Inspect(f, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			if !ok {
				return true
			}
			used := p.info.Uses[id]
			if used == nil || used.Pkg() != p.pkg {
				return true
			}
			if _, imported := used.(*types.PkgName); imported {
				return true
			}
			if to := number[l.fset.Position(used.Pos()).Filename]; to != i && !g[i][to] {
				g[i][to] = true
				names[[2]int{i, to}] = used.Name()
			}
			return true
		})
	}
	order := g.floors()
	m.Arrows, m.Upward, m.Floors = g.arrows(), []Arrow{}, []string{}
	for _, v := range order {
		m.Floors = append(m.Floors, p.GoFiles[v])
	}
	for _, up := range g.upward(order) {
		m.Upward = append(m.Upward, Arrow{From: p.GoFiles[up[0]], To: p.GoFiles[up[1]], Name: names[up]})
	}
}

// Package gives the package in the folder path, nil if there is none.
func (h *House) Package(path string) *Package {
	for i := range h.Packages {
		if h.Packages[i].Path == path {
			return &h.Packages[i]
		}
	}
	return nil
}
