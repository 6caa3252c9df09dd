package services_test

import (
	"bytes"
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// remedyRef finds in a message what whoever reads it is told to do: a command, or something of the pair to start, stop, move or fix.
var remedyRef = regexp.MustCompile(`hotpair (?:admit(?: witness)?|alarms ack [a-z-]+|history diverged(?: --forget)?|pause|promote --force|restore finish|resume|switchover(?: --cancel)?|upgrade finish|verify --repair|cluster start)\b` +
	`|hotpair (?:alarms|doctor|events|explain|history|settings|status|terminals(?: key| probe| list)?|upgrade|verify(?: --last)?)\b` +
	`|(?i:\b(?:re)?start (?:it|one|both|this host|the (?:other )?(?:host|witness|agent)(?: that is wrong)?)\b|\bstop (?:it|this host|the host(?: with the lower epoch)?)\b)|\bstop %s` +
	`|\b(?:move (?:it|the (?:whole )?data directory(?: of this host)?) away|empty its data directory|use this host's own data directory|bring that back|promote it there|restore (?:again|a backup)|move it out of the data directory)\b|(?i:\bmake room\b)`)

// message is a constant text of the program that tells somebody what to do.
type message struct {
	file, text string
	remedies   []string
}

// messages gives those of the packages that people hear of. Help, in raw strings, explains commands and is no answer to anything.
func messages(t *testing.T) (list []message) {
	t.Helper()
	for _, f := range moduleFiles(t) {
		if f.test || within("simulator", "services/role/explore", "services/operator/operatortest", "services/house", "services/config")(f.pkg) {
			continue
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			e, is := n.(ast.Expr)
			if !is {
				return true
			}
			text, is := told(e)
			if !is {
				return true
			}
			if found := remedyRef.FindAllString(text, -1); len(found) > 0 {
				slices.Sort(found)
				list = append(list, message{f.path, text, slices.Compact(found)})
			}
			return false
		})
	}
	return list
}

// told gives the text that an expression makes, with … for what is no constant in it; false when all of it is none.
func told(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind != token.STRING || e.Value[0] == '`' {
			return "", false
		}
		text, err := strconv.Unquote(e.Value)
		return text, err == nil
	case *ast.BinaryExpr:
		left, a := told(e.X)
		right, b := told(e.Y)
		if e.Op != token.ADD || !a && !b {
			return "", false
		}
		if !a {
			left = "…"
		}
		if !b {
			right = "…"
		}
		return left + right, true
	}
	return "", false
}

// TestFault_A6_EveryRemedyOfAMessageIsPlayed: a refusal told an operator to restart a host and to force it then, which was refused too,
// because nobody had ever done it. Each remedy that a message of the program names is done by a test, which the tables below name; a
// message with a remedy that no test plays fails here.
func TestFault_A6_EveryRemedyOfAMessageIsPlayed(t *testing.T) {
	tests := testTexts(t)
	used := map[string]bool{}
	for _, m := range messages(t) {
		for _, remedy := range m.remedies {
			if by, is := looks[remedy]; is {
				used[remedy] = true
				check(t, tests, remedy, by)
				continue
			}
			found := false
			for _, a := range acts {
				if strings.Contains(m.text, a.words) && slices.Contains(a.remedies, strings.ToLower(remedy)) {
					used[a.words], found = true, true
					check(t, tests, a.words, a.by)
				}
			}
			if !found {
				t.Errorf("%s: no test plays %q of %q", m.file, remedy, m.text)
			}
		}
	}
	for _, a := range acts {
		if !used[a.words] {
			t.Errorf("no message says %q", a.words)
		}
	}
	for remedy := range looks {
		if !used[remedy] {
			t.Errorf("no message says %q", remedy)
		}
	}
}

// check demands that a test is there and has what it is said to do.
func check(t *testing.T, tests map[string]string, what string, by play) {
	t.Helper()
	text, is := tests[by.test]
	if !is {
		t.Errorf("%q: there is no %s", what, by.test)
	}
	for _, does := range by.does {
		if !strings.Contains(text, does) {
			t.Errorf("%q: %s does not do %s", what, by.test, does)
		}
	}
}

// testTexts gives of each test, by its name, its text with that of all functions and tables of its package's tests that it comes to, and
// of the stories that it plays.
func testTexts(t *testing.T) map[string]string {
	t.Helper()
	parts := map[string]map[string]string{} // package → name → text
	uses := map[string]map[string][]string{}
	for _, f := range moduleFiles(t) {
		if !f.test {
			continue
		}
		source, err := os.ReadFile(filepath.Join("..", f.path))
		if err != nil {
			t.Fatal(err)
		}
		if parts[f.pkg] == nil {
			parts[f.pkg], uses[f.pkg] = map[string]string{}, map[string][]string{}
		}
		for _, c := range f.syntax.Comments { // which does nothing
			copy(source[c.Pos()-1:c.End()-1], bytes.Repeat([]byte{' '}, int(c.End()-c.Pos())))
		}
		for _, d := range f.syntax.Decls {
			names := []string{}
			switch d := d.(type) {
			case *ast.FuncDecl:
				names = append(names, d.Name.Name)
			case *ast.GenDecl:
				for _, s := range d.Specs {
					if v, is := s.(*ast.ValueSpec); is {
						names = append(names, v.Names[0].Name)
					}
				}
			}
			for _, name := range names {
				parts[f.pkg][name] += string(source[d.Pos()-1:d.End()-1]) + "\n" // each file has a file set of its own, which begins at 1
				ast.Inspect(d, func(n ast.Node) bool {
					switch n := n.(type) {
					case *ast.Ident:
						uses[f.pkg][name] = append(uses[f.pkg][name], n.Name)
					case *ast.BasicLit:
						if pattern, err := strconv.Unquote(n.Value); err == nil && strings.HasSuffix(pattern, ".txt") {
							files, _ := filepath.Glob(filepath.Join("..", f.pkg, "testdata", pattern)) // the pattern is the story player's
							for _, file := range files {
								story, err := os.ReadFile(file)
								if err != nil {
									t.Fatal(err)
								}
								parts[f.pkg][name] += string(story)
							}
						}
					}
					return true
				})
			}
		}
	}
	all := map[string]string{}
	for pkg, texts := range parts {
		for test := range texts {
			if !strings.HasPrefix(test, "Test") {
				continue
			}
			var text strings.Builder
			seen := map[string]bool{test: true}
			for next := []string{test}; len(next) > 0; next = next[1:] {
				text.WriteString(texts[next[0]])
				for _, name := range uses[pkg][next[0]] {
					if _, is := texts[name]; is && !seen[name] {
						seen[name] = true
						next = append(next, name)
					}
				}
			}
			all[test] += text.String()
		}
	}
	return all
}
