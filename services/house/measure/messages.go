package measure

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// crossing are the packages that define messages, with all below them.
func crossing(path string) bool {
	return slices.ContainsFunc([]string{"bus", "services/link", "services/replication"}, func(folder string) bool {
		return path == folder || strings.HasPrefix(path, folder+"/")
	})
}

// errorFields gives the fields of the package that carry an error as text, as file:line type.field.
func (l *loader) errorFields(p *loaded) []string {
	if !crossing(p.path) {
		return nil
	}
	var found []string
	for i, f := range p.files {
		if p.path == "bus" && p.GoFiles[i] == "agent.go" {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if s, ok := spec.Type.(*ast.StructType); ok {
				for _, field := range carriers(p.info, s) {
					at := l.fset.Position(field.Pos())
					found = append(found, fmt.Sprintf("%s/%s:%d %s.%s", p.path, p.GoFiles[i], at.Line, spec.Name.Name, field.Name))
				}
			}
			return true
		})
	}
	return found
}

// carriers are the fields of a struct that carry an error as text.
func carriers(info *types.Info, s *ast.StructType) []*ast.Ident {
	tagged := map[string]*ast.Ident{}
	for _, f := range s.Fields.List {
		for _, name := range f.Names {
			basic, ok := info.Defs[name].Type().Underlying().(*types.Basic)
			if f.Tag != nil && ok && basic.Kind() == types.String {
				tagged[name.Name] = name
			}
		}
	}
	wanted := []string{"Error", "Refused", "Refusal", "Failure"}
	if tagged["Code"] != nil && tagged["Text"] != nil {
		wanted = append(wanted, "Code", "Text")
	}
	var found []*ast.Ident
	for _, name := range wanted {
		if tagged[name] != nil {
			found = append(found, tagged[name])
		}
	}
	return found
}

// examples finds the Example functions of the tests below root that have an output to be compared: go test runs no others.
func examples(root string) ([]string, error) {
	found := []string{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			if name != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "peers") {
				return filepath.SkipDir
			}
			return nil
		case !strings.HasSuffix(name, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		folder, err := filepath.Rel(root, filepath.Dir(name))
		if err != nil {
			return err
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Example") && hasOutput(f, fn) {
				found = append(found, filepath.ToSlash(folder)+"."+fn.Name.Name)
			}
		}
		return nil
	})
	return found, err
}

// hasOutput looks for the comment that go test compares with.
func hasOutput(f *ast.File, fn *ast.FuncDecl) bool {
	return slices.ContainsFunc(f.Comments, func(c *ast.CommentGroup) bool {
		text := strings.ToLower(c.Text())
		return c.Pos() > fn.Body.Lbrace && c.End() <= fn.Body.Rbrace &&
			(strings.HasPrefix(text, "output:") || strings.HasPrefix(text, "unordered output:"))
	})
}
