package services_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A reference is one of these, in a comment of a Go file or in a Markdown file outside of fenced code. Each must resolve:
//
//   - a code, one capital and one or two digits: a rule R1 to R12, a step A1 to A7 or B1 to B9, each defined by a line of
//     services/DESIGN.md that begins with it in bold; or a sequence V1 or T1, a row of services/TRACES.md. There are no
//     others: say the thing itself;
//   - a section by its title, as in (section "Rules"), which must be a heading of a document here; numbers of sections and
//     figures are none;
//   - a file, NAME.go or NAME.md, from the folder of who names it (a document: also below it) or from the root;
//   - a path from the root, services/role or bus/agent.go, in a comment or in backticks;
//   - the target of a link in Markdown, with its heading if it names one;
//   - a doc link, [Name], [Type.Method] or [pkg.Name], in a Go comment;
//   - in backticks in Markdown: pkg.Name of a package here, and TestName.
var (
	codeRef    = regexp.MustCompile(`\b[A-Z][0-9]{1,2}\b`)
	numberRef  = regexp.MustCompile(`\b(?:[Ss]ection|[Ff]igure|[Cc]hapter|[Aa]ppendix)s? [0-9]+`)
	sectionRef = regexp.MustCompile(`\b[Ss]ection "([^"]+)"`)
	fileRef    = regexp.MustCompile(`[\w.][\w./-]*\.(?:go|md)\b`)
	pathRef    = regexp.MustCompile(`(?:^|[\s("` + "`" + `])(?:\./)?((?:bus|services|storage|simulator|deployments)/[\w./-]+)`)
	linkedRef  = regexp.MustCompile(`\[[^\]]*\]\([^)\s]+\)`)
	linkRef    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	docLinkRef = regexp.MustCompile(`(?m)(?:^|[\s(])\[(\*?(?:[a-z]\w*\.)?[A-Z]\w*(?:\.[A-Z]\w*)?)\](?:[\s.,;:)]|$)`)
	quotedRef  = regexp.MustCompile("`([^`]+)`")
	testRef    = regexp.MustCompile(`^Test\w+$`)
	symbolRef  = regexp.MustCompile(`^([a-z]\w*)\.([A-Z]\w*(?:\.[A-Z]\w*)?)$`)
)

// others are names that look like files of ours and are libraries.
var others = map[string]bool{"nats.go": true}

// protocols are names of others that look like codes of ours.
var protocols = map[string]bool{"S3": true}

// text is what is looked through: a comment, or a paragraph of a document.
type text struct {
	file   string // from the root
	line   int
	body   string
	syntax *ast.File // nil for a document
}

// library is all that can be referred to.
type library struct {
	files    map[string]bool            // files and folders, from the root
	headings map[string]map[string]bool // document → anchors
	titles   map[string]bool            // of sections, anywhere
	names    map[string]map[string]bool // folder → Name, Type.Name; tests of all folders under ""
	packages map[string][]string        // name → folders
	codes    map[string]bool
	texts    []text
}

// TestReferences_Resolve looks at every reference of the module.
func TestReferences_Resolve(t *testing.T) {
	l := readLibrary(t)
	looked := 0
	for _, x := range l.texts {
		broken, n := l.check(x)
		looked += n
		for _, b := range broken {
			t.Errorf("%s:%d: %s", x.file, x.line, b)
		}
	}
	if looked < 800 {
		t.Errorf("only %d references found: are they written otherwise now?", looked)
	}
	for _, family := range []struct {
		letter string
		last   int
	}{{"R", 12}, {"A", 7}, {"B", 9}} {
		for i := 1; i <= family.last; i++ {
			if code := fmt.Sprint(family.letter, i); !l.codes[code] {
				t.Errorf("%s is not defined in services/DESIGN.md", code)
			}
		}
	}
}

// TestReferences_Bite shows that each kind of reference is seen when it leads nowhere, and let pass when it leads somewhere.
func TestReferences_Bite(t *testing.T) {
	l := readLibrary(t)
	syntax, err := parser.ParseFile(token.NewFileSet(), "x.go", `package role; import "github.com/hotpair/hotpair/storage/position"; var _ position.Position`, 0)
	if err != nil {
		t.Fatal(err)
	}
	comment := text{file: "services/role/x.go", syntax: syntax}
	document := text{file: "services/role/X.md"}
	for _, c := range []struct {
		x             text
		broken, whole string
	}{
		{comment, "as M9 has it", "as R9 has it"},
		{comment, "the table (T77)", "the table (T1)"},
		{comment, "section 5 of the design", `the design, section "Rules"`},
		{comment, `(section "Nothing of the kind")`, "a section of the database"},
		{comment, "see figure 3", "three figures"},
		{comment, "NOWHERE.md tells why", "DESIGN.md tells why"},
		{comment, "in nowhere.go", "in machine.go, and nats.go is not ours"},
		{comment, "as services/nowhere has it", "as services/updater has it"},
		{comment, "the [Nothing] of it", "the [Machine] of it, m[Key] and [Machine.Step]"},
		{comment, "a [position.Nothing]", "a [position.Position]"},
		{document, "see [it](../nowhere.md)", "see [it](../DESIGN.md#rules)"},
		{document, "see [it](../DESIGN.md#nothing)", "see [it](https://example.org)"},
		{document, "held by `TestNothing_OfTheKind`", "held by `TestReferences_Bite`"},
		{document, "a `role.Nothing`", "a `role.Machine`"},
	} {
		c.x.body = c.broken
		if broken, _ := l.check(c.x); len(broken) == 0 {
			t.Errorf("nothing is wrong with %q", c.broken)
		}
		c.x.body = c.whole
		if broken, _ := l.check(c.x); len(broken) != 0 {
			t.Errorf("%q: %q", c.whole, broken)
		}
	}
}

// check gives what does not resolve in a text, and how many references there are.
func (l *library) check(x text) (broken []string, looked int) {
	hold := func(ok bool, format string, args ...any) {
		looked++
		if !ok {
			broken = append(broken, fmt.Sprintf(format, args...))
		}
	}
	for _, code := range codeRef.FindAllString(x.body, -1) {
		if protocols[code] {
			continue
		}
		hold(l.codes[code], "%s is defined nowhere: say the thing itself", code)
	}
	for _, number := range numberRef.FindAllString(x.body, -1) {
		hold(false, "%q: documents here number none", number)
	}
	for _, m := range sectionRef.FindAllStringSubmatch(x.body, -1) {
		hold(l.titles[m[1]], "no section %q", m[1])
	}
	for _, name := range fileRef.FindAllString(linkedRef.ReplaceAllString(x.body, "link"), -1) {
		hold(others[name] || l.hasFile(x, name), "no file %s", name)
	}
	for _, m := range pathRef.FindAllStringSubmatch(x.body, -1) {
		name := strings.TrimRight(m[1], "./-")
		placeholder := strings.ContainsAny(path.Base(name), "ABCDEFGHIJKLMNOPQRSTUVWXYZ") && !strings.HasSuffix(name, ".md")
		hold(placeholder || l.files[name], "no %s", name)
	}
	if x.syntax != nil {
		for _, m := range docLinkRef.FindAllStringSubmatch(x.body, -1) {
			hold(l.hasSymbol(x, strings.TrimPrefix(m[1], "*")), "[%s] does not exist", m[1])
		}
		return broken, looked
	}
	for _, m := range linkRef.FindAllStringSubmatch(x.body, -1) {
		hold(l.hasTarget(x, m[1]), "link to %s", m[1])
	}
	for _, m := range quotedRef.FindAllStringSubmatch(x.body, -1) {
		if testRef.MatchString(m[1]) {
			hold(l.names[""][m[1]], "no test %s", m[1])
		}
		if s := symbolRef.FindStringSubmatch(m[1]); s != nil && len(l.packages[s[1]]) > 0 {
			found := false
			for _, folder := range l.packages[s[1]] {
				found = found || l.names[folder][s[2]]
			}
			hold(found, "no %s", m[1])
		}
	}
	return broken, looked
}

// hasFile looks for a file by its name as x gives it.
func (l *library) hasFile(x text, name string) bool {
	name = path.Clean(name)
	folder := path.Dir(x.file)
	if l.files[path.Join(folder, name)] || l.files[name] {
		return true
	}
	if x.syntax != nil {
		return false
	}
	for file := range l.files {
		if strings.HasSuffix(file, "/"+name) && (folder == "." || strings.HasPrefix(file, folder+"/")) {
			return true
		}
	}
	return false
}

func (l *library) hasTarget(x text, target string) bool {
	if strings.Contains(target, "://") {
		return true
	}
	file, anchor, _ := strings.Cut(target, "#")
	if file = path.Join(path.Dir(x.file), file); strings.HasPrefix(target, "#") {
		file = x.file
	}
	return l.files[file] && (anchor == "" || l.headings[file][anchor])
}

// hasSymbol resolves a doc link. What is imported from elsewhere is not looked up.
func (l *library) hasSymbol(x text, name string) bool {
	if l.names[path.Dir(x.file)][name] {
		return true
	}
	pkg, rest, _ := strings.Cut(name, ".")
	for _, spec := range x.syntax.Imports {
		imported := strings.Trim(spec.Path.Value, `"`)
		if path.Base(imported) != pkg && (spec.Name == nil || spec.Name.Name != pkg) {
			continue
		}
		folder, ours := strings.CutPrefix(imported, module+"/")
		return !ours || l.names[folder][rest]
	}
	for _, folder := range l.packages[pkg] { // a package comment may name what its own file does not import
		if l.names[folder][rest] {
			return true
		}
	}
	return false
}

func readLibrary(t *testing.T) *library {
	t.Helper()
	l := &library{files: map[string]bool{}, headings: map[string]map[string]bool{}, titles: map[string]bool{},
		names: map[string]map[string]bool{"": {}}, packages: map[string][]string{}, codes: map[string]bool{}}
	err := filepath.WalkDir("..", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		at, err := filepath.Rel("..", name)
		if err != nil {
			return err
		}
		at = filepath.ToSlash(at)
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules") && at != "." {
			return filepath.SkipDir
		}
		l.files[at] = true
		if d.IsDir() || strings.Contains(at, "testdata/") {
			return nil
		}
		switch path.Ext(at) {
		case ".go":
			return l.readGo(at, name)
		case ".md":
			return l.readDocument(at, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// readGo takes comments, and what the file declares.
func (l *library) readGo(at, name string) error {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, name, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	for _, group := range f.Comments {
		if at == "services/references_test.go" {
			break // it speaks of references that are none
		}
		l.texts = append(l.texts, text{file: at, line: fset.Position(group.Pos()).Line, body: group.Text(), syntax: f})
	}
	folder := path.Dir(at)
	if l.names[folder] == nil {
		l.names[folder] = map[string]bool{}
		l.packages[strings.TrimSuffix(f.Name.Name, "_test")] = append(l.packages[strings.TrimSuffix(f.Name.Name, "_test")], folder)
	}
	names := l.names[folder]
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			switch {
			case d.Recv != nil:
				names[receiver(d.Recv.List[0].Type)+"."+d.Name.Name] = true
			case strings.HasPrefix(d.Name.Name, "Test"):
				l.names[""][d.Name.Name] = true
			default:
				names[d.Name.Name] = true
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				declare(names, spec)
			}
		}
	}
	return nil
}

func receiver(e ast.Expr) string {
	for {
		switch x := e.(type) {
		case *ast.StarExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.IndexListExpr:
			e = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}

func declare(names map[string]bool, spec ast.Spec) {
	switch s := spec.(type) {
	case *ast.ValueSpec:
		for _, id := range s.Names {
			names[id.Name] = true
		}
	case *ast.TypeSpec:
		names[s.Name.Name] = true
		var members *ast.FieldList
		switch t := s.Type.(type) {
		case *ast.StructType:
			members = t.Fields
		case *ast.InterfaceType:
			members = t.Methods
		default:
			return
		}
		for _, m := range members.List {
			for _, id := range m.Names {
				names[s.Name.Name+"."+id.Name] = true
			}
			if len(m.Names) == 0 { // embedded
				names[s.Name.Name+"."+receiver(m.Type)] = true
			}
		}
	}
}

var (
	heading    = regexp.MustCompile(`^#+ +(.*)$`)
	notAnchor  = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	definition = regexp.MustCompile(`^(?:\| |- )?\*\*([RAB][0-9]{1,2})\*\*`)
	sequence   = regexp.MustCompile(`^\| ([VT][0-9]{1,2})\b`)
)

// readDocument takes paragraphs outside of fenced code, headings, and codes where they are defined.
func (l *library) readDocument(at, name string) error {
	content, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	l.headings[at] = map[string]bool{}
	fenced := false
	for i, line := range strings.Split(string(content), "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
			continue
		}
		if fenced {
			continue
		}
		if m := heading.FindStringSubmatch(line); m != nil {
			l.titles[m[1]] = true
			l.headings[at][strings.ReplaceAll(notAnchor.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")] = true
		}
		if m := definition.FindStringSubmatch(line); m != nil && at == "services/DESIGN.md" {
			l.codes[m[1]] = true
		}
		if m := sequence.FindStringSubmatch(line); m != nil && at == "services/TRACES.md" {
			l.codes[m[1]] = true
		}
		l.texts = append(l.texts, text{file: at, line: i + 1, body: line})
	}
	return nil
}
