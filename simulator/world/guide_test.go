package world

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// reasons is where the code says why nobody serves: functions by file, of which each sentence that is returned must be a row of the
// guide, or each that is given to the variable that is named.
var reasons = map[string]map[string]string{
	"operator/verdict/verdict.go": {"nobody": "", "waits": ""},
	"role/eligible.go":            {"rules": "", "lacksFacts": "", "lacksRecord": "", "lacksMembership": "", "outsideText": ""},
	"role/learn.go":               {"unbelievable": "", "learn": "foreign"},
	"role/lost.go":                {"lostText": "how"},
	"role/witnessless.go":         {"unsureAlone": ""},
}

// frames say what other sentences are put into them.
var frames = []string{"", "nobody serves: …", "nobody is known to serve: …, and … can't be heard", "… is …", "… may not serve: …", "… can't take over: …", "…; …", "……"}

// played are the rows into whose state no whole hosts are brought here, or that pass within moments, with who plays them: what stands
// there, and what is done then.
var played = map[string]struct{ file, says, does string }{
	"the pair record has … …, but this host has seen …: no pair advances that far":   {"services/role/testdata/fault_C2_a_record_that_was_made_up_while_nobody_serves.txt", "no pair advances that far", "> replacewitness"},
	"… was restored from a backup … and stays offline until the restore is finished": {"simulator/e2e/restored_test.go", "func TestFault_A14_RestoredCopy", `"restore", "finish", "--replaces"`},
	"incomplete: a snapshot transfer is unfinished":                                  {"simulator/e2e/snapshot_test.go", "middle of a snapshot transfer", `c.order("start", active)`},
	"…; its snapshot transfer continues then":                                        {"simulator/e2e/snapshot_test.go", "its snapshot transfer continues then", `c.order("start", active)`},
	"this host holds data but belongs to no pair":                                    {"services/role/lost_test.go", "this host holds data but belongs to no pair", `{Identity: "new", Empty: true}`},
	"the updater has not reported the state of the disk yet":                         {"simulator/world/remedies_test.go", "is starting", `"fix what they name"`},
	"the pair record is being read":                                                  {"simulator/world/remedies_test.go", "is starting", `"fix what they name"`},
	"nobody serves: … is taking over from …":                                         {"services/role/testdata/takeover_that_comes_to_nothing.txt", "taking over as", "> witness up"},
	"nobody serves: … is handing over to …":                                          {"services/role/testdata/T3_successor_dies.txt", "handing over to b", "> run"},
	"nobody serves: … has stopped":                                                   {"services/role/testdata/stop_both.txt", "stopped; no host serves", "> start a\n> start b"},
	"… holds every acknowledged update, and takes over now":                          {"services/role/testdata/both_lose_power.txt", "this main was restarted and was the last active", "> run"},
}

// TestFault_A16_TheGuideHasEveryReasonWhyNobodyServes: states in which nobody serves were in no list, and the way out of some was in no
// document. Each sentence by which the code says why nobody serves is a row of the operations guide, each row is a sentence of the code,
// and a story plays each.
func TestFault_A16_TheGuideHasEveryReasonWhyNobodyServes(t *testing.T) {
	rows := guide(t)
	said := map[string]bool{}
	for file, functions := range reasons {
		for _, sentence := range sentences(t, filepath.Join("../../services", file), functions) {
			if slices.Contains(frames, sentence) {
				continue
			}
			found := false
			for row := range rows {
				if fits(sentence, row) {
					said[row], found = true, true
				}
			}
			if !found {
				t.Errorf("%s says %q, and the guide has no such row", file, sentence)
			}
		}
	}
	stories := remedies()
	for row := range rows {
		// Of what a process, a disk or a backup has, others make the sentence.
		if outside := []string{"not fit: ", "… was restored"}; !said[row] && !slices.ContainsFunc(outside, func(begin string) bool { return strings.HasPrefix(row, begin) }) {
			t.Errorf("the guide has %q, which the code does not say", row)
		}
		here := false
		for _, c := range stories {
			here = here || c.says == row
		}
		if p, is := played[row]; is != here {
			if is {
				text, err := os.ReadFile("../../" + p.file)
				if before, after, has := strings.Cut(string(text), p.says); err != nil || !has || !strings.Contains(before+after, p.does) {
					t.Errorf("%q is not played by %s: %v", row, p.file, err)
				}
			}
			continue
		}
		t.Errorf("%q: no story plays it, or two do", row)
	}
	for row := range played {
		if _, is := rows[row]; !is {
			t.Errorf("the guide has no row %q", row)
		}
	}
}

// fits reports whether a row of the guide is a sentence, or its beginning.
func fits(sentence, row string) bool {
	return sentence == row || strings.HasPrefix(sentence, strings.TrimSuffix(row, "…"))
}

// inserts stand in a format for what is put there.
var inserts = regexp.MustCompile(`%[a-z]`)

// sentences gives what functions of a file return, or give to a variable, with … for whatever is no constant.
func sentences(t *testing.T, file string, functions map[string]string) (list []string) {
	t.Helper()
	syntax, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	add := func(e ast.Expr) {
		if text, is := constant(e); is {
			list = append(list, inserts.ReplaceAllString(text, "…"))
		}
	}
	found := 0
	for _, d := range syntax.Decls {
		f, is := d.(*ast.FuncDecl)
		if !is {
			continue
		}
		variable, wanted := functions[f.Name.Name]
		if !wanted {
			continue
		}
		found++
		ast.Inspect(f.Body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CompositeLit: // a rule: of its functions only the third says why not
				if len(n.Elts) == 4 {
					ast.Inspect(n.Elts[2], func(n ast.Node) bool {
						if r, is := n.(*ast.ReturnStmt); is {
							add(r.Results[0])
						}
						return true
					})
					return false
				}
			case *ast.ReturnStmt:
				if variable == "" && len(n.Results) == 1 {
					add(n.Results[0])
				}
			case *ast.AssignStmt:
				for i, to := range n.Lhs {
					name := ""
					switch to := to.(type) {
					case *ast.Ident:
						name = to.Name
					case *ast.SelectorExpr:
						name = to.Sel.Name
					}
					if variable != "" && name == variable && i < len(n.Rhs) {
						add(n.Rhs[i])
					}
				}
			}
			return true
		})
	}
	if found != len(functions) {
		t.Errorf("%s has %d of %v", file, found, functions)
	}
	return list
}

// constant gives the text that an expression makes, with … for what is no constant in it; false when all of it is none.
func constant(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil
	case *ast.BinaryExpr:
		left, a := constant(e.X)
		right, b := constant(e.Y)
		if !a {
			left = "…"
		}
		if !b {
			right = "…"
		}
		return left + right, a || b
	case *ast.CallExpr: // fmt.Sprintf, or cmp.Or with a constant at its end
		if s, is := e.Fun.(*ast.SelectorExpr); is && s.Sel.Name == "Sprintf" {
			return constant(e.Args[0])
		} else if is && s.Sel.Name == "Or" {
			return constant(e.Args[len(e.Args)-1])
		}
	}
	return "", false
}
