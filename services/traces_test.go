package services_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTraces_NameTestsThatExist: the tables of sequences and of bugs name tests and stories; each must be there.
func TestTraces_NameTestsThatExist(t *testing.T) {
	tests := map[string]bool{}
	var sources strings.Builder
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range declared.FindAllStringSubmatch(string(text), -1) {
			tests[m[1]] = true
		}
		if strings.Contains(path, "sequences") {
			sources.Write(text)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	quoted := regexp.MustCompile("`([A-Za-z0-9_/…]+)`")
	story := regexp.MustCompile(`^([VT]\d+_|[a-z]+(_[a-z]+)+$)`)
	for _, name := range []string{"TRACES.md", "BUGS.md"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		named := 0
		for _, m := range quoted.FindAllStringSubmatch(string(text), -1) {
			what := m[1]
			test, sub, _ := strings.Cut(what, "/")
			switch {
			case strings.HasSuffix(what, "…"):
				prefix, found := strings.TrimSuffix(test, "…"), sub != ""
				for test := range tests {
					found = found || strings.HasPrefix(test, prefix)
				}
				if sub != "" {
					found = strings.Contains(sources.String(), `{"`+strings.TrimSuffix(sub, "…"))
				}
				if !found && strings.HasPrefix(test, "Test") {
					t.Errorf("%s: no test begins with %s", name, what)
				}
			case test == "TestLab" && sub != "":
				if !strings.Contains(sources.String(), `{"`+sub+`"`) {
					t.Errorf("%s: no sequence %s", name, sub)
				}
			case strings.HasPrefix(test, "Test") && sub == "":
				if !tests[test] {
					t.Errorf("%s: no test %s", name, test)
				}
			case story.MatchString(what):
				if _, err := os.Stat(filepath.Join("role", "testdata", what+".txt")); err != nil {
					t.Errorf("%s: no story %s", name, what)
				}
			default:
				continue
			}
			named++
		}
		if named < 20 {
			t.Errorf("%s names %d tests only: are they quoted otherwise now?", name, named)
		}
	}
}
