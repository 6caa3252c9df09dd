package services_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// word is one that identifiers have no more, because the field has another one.
type word struct {
	instead string
	// declared: only where it is declared for others, which is a function, a type, a field, or a variable of a package.
	// As a local name it may have its everyday meaning.
	declared bool
	// within are the folders in which it is not used; none: anywhere.
	within []string
	// but are identifiers that have the word in its everyday meaning.
	but []string
}

// fieldWords are in the singular; other forms of each are in forms.
func fieldWords() map[string]word {
	transfer := []string{"storage", "services/replication"}
	return map[string]word{
		"tenure":    {instead: "term"},
		"duty":      {instead: "state"},
		"activity":  {instead: "state"},
		"aside":     {instead: "divergent (updates), quarantined (files)"},
		"mend":      {instead: "repair (data), fix (a bug)"},
		"foretell":  {instead: "predict"},
		"rehearsal": {instead: "prediction"},
		"outlook":   {instead: "prediction"},
		"ground":    {instead: "environment"},
		"way":       {instead: "path, route"},
		"overslept": {instead: "stalled"},
		"blackbox":  {instead: "flight recorder"},
		"conductor": {instead: "order queue"},
		"crew":      {instead: "group"},
		"pack":      {instead: "batch", but: []string{"pack", "packed"}}, // archives are packed
		"busy":      {instead: "overloaded", declared: true},
		"held":      {instead: "deferred", declared: true, but: []string{"closedButHeld"}},
		"post":      {instead: "term, state", declared: true, within: []string{"services/role", "services/updater"}},
		"cut":       {instead: "truncate", declared: true, within: []string{"services/journal"}},
		"late":      {instead: "stalled", declared: true, within: []string{"services/role/exchange", "services/supervisor"}},
		"copy":      {instead: "snapshot", declared: true, within: transfer, but: []string{"AsCopy", "Copy", "Copied", "copyOf"}}, // of a pair, or of a value
	}
}

// forms gives the words that a part of an identifier may be a form of.
func forms(part string) []string {
	list := []string{part}
	for _, ending := range []string{"s", "es", "ed", "d", "ing", "able"} {
		if stem, cut := strings.CutSuffix(part, ending); cut {
			list = append(list, stem)
		}
	}
	switch part {
	case "duties":
		list = append(list, "duty")
	case "foretold":
		list = append(list, "foretell")
	case "copies", "copied":
		list = append(list, "copy")
	}
	return list
}

// parts are the words of an identifier, in lower case.
func parts(name string) (list []string) {
	letters := []rune(name)
	begin := 0
	for i := 1; i <= len(letters); i++ {
		if i == len(letters) || letters[i] == '_' || unicode.IsUpper(letters[i]) &&
			(!unicode.IsUpper(letters[i-1]) || i+1 < len(letters) && unicode.IsLower(letters[i+1])) {
			if part := strings.Trim(strings.ToLower(string(letters[begin:i])), "_"); part != "" {
				list = append(list, part)
			}
			begin = i
		}
	}
	return list
}

// misnamed gives the word that an identifier should not have, and what stands for it.
func misnamed(words map[string]word, name, folder string, local bool) (found, instead string) {
	for _, part := range parts(name) {
		for _, form := range forms(part) {
			w, is := words[form]
			if !is || w.declared && local || slices.Contains(w.but, name) {
				continue
			}
			if len(w.within) == 0 || slices.ContainsFunc(w.within, func(in string) bool { return folder == in || strings.HasPrefix(folder, in+"/") }) {
				return part, w.instead
			}
		}
	}
	return "", ""
}

// TestWords_OfIdentifiers: what is declared here has the names that the field uses. Names on the wire, in files and in
// commands are strings.
func TestWords_OfIdentifiers(t *testing.T) {
	const root = ".."
	words, looked := fieldWords(), 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != root && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "node_modules" || entry.Name() == "testdata"):
			return fs.SkipDir
		case !strings.HasSuffix(path, ".go"):
			return nil
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		folder, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		declarations(file, func(id *ast.Ident, local bool) {
			looked++
			if found, instead := misnamed(words, id.Name, filepath.ToSlash(folder), local); found != "" {
				t.Errorf("%s: %s: not %q but %s", set.Position(id.Pos()), id.Name, found, instead)
			}
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if looked < 20_000 {
		t.Errorf("only %d identifiers found", looked)
	}
}

// declarations calls found with every identifier that a file declares. local: nothing outside of its function has that
// name for it.
func declarations(file *ast.File, found func(id *ast.Ident, local bool)) {
	found(file.Name, false)
	own := map[ast.Node]bool{} // declarations of the package itself
	for _, d := range file.Decls {
		if g, is := d.(*ast.GenDecl); is {
			for _, s := range g.Specs {
				own[s] = true
			}
		}
	}
	all := func(list []*ast.Ident, local bool) {
		for _, id := range list {
			found(id, local)
		}
	}
	named := func(e ast.Expr) {
		if id, is := e.(*ast.Ident); is {
			found(id, true)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			found(n.Name, false)
		case *ast.TypeSpec:
			found(n.Name, !own[n])
		case *ast.ValueSpec:
			all(n.Names, !own[n])
		case *ast.StructType:
			for _, f := range n.Fields.List {
				all(f.Names, false)
			}
		case *ast.InterfaceType:
			for _, f := range n.Methods.List {
				all(f.Names, false)
			}
		case *ast.FuncType:
			for _, list := range []*ast.FieldList{n.Params, n.Results} {
				if list != nil {
					for _, f := range list.List {
						all(f.Names, true)
					}
				}
			}
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				for _, e := range n.Lhs {
					named(e)
				}
			}
		case *ast.RangeStmt:
			if n.Tok == token.DEFINE {
				named(n.Key)
				named(n.Value)
			}
		}
		return true
	})
}

func TestWords_AreFound(t *testing.T) {
	for _, c := range []struct {
		name, folder string
		local        bool
		want         string
	}{
		{"SetAside", "bus", false, "aside"}, {"asides", "bus", true, "asides"}, {"Mended", "bus", false, "mended"}, {"foretold", "bus", true, "foretold"},
		{"background", "bus", false, ""}, {"foreground", "bus", true, ""}, {"always", "bus", false, ""}, {"waysOut", "bus", false, "ways"},
		{"ErrBusy", "bus", false, "busy"}, {"busy", "bus", true, ""}, {"copyRange", "storage", false, "copy"}, {"copyRange", "storage/backup", false, "copy"},
		{"copyRange", "simulator", false, ""}, {"AsCopy", "storage", false, ""}, {"HTTPWay", "bus", false, "way"}, {"TestTail_CutDrops", "services/journal", false, "cut"},
	} {
		if got, _ := misnamed(fieldWords(), c.name, c.folder, c.local); got != c.want {
			t.Errorf("%s in %s: %q, want %q", c.name, c.folder, got, c.want)
		}
	}
}
