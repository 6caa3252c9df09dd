package services_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestSecurity_EveryAttackHasItsTests: the table of attacks has the letters a to p once each, each with tests, and all of those are there.
func TestSecurity_EveryAttackHasItsTests(t *testing.T) {
	text, err := os.ReadFile("SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	tests, quoted := testTexts(t), regexp.MustCompile("`(Test\\w+)`")
	letters := ""
	for line := range strings.Lines(string(text)) {
		rest, is := strings.CutPrefix(line, "| **")
		if !is {
			continue
		}
		letters += rest[:1]
		names := quoted.FindAllStringSubmatch(line, -1)
		if len(names) == 0 {
			t.Errorf("no test plays %s", line)
		}
		for _, name := range names {
			if _, is := tests[name[1]]; !is {
				t.Errorf("there is no %s, for %s", name[1], line)
			}
		}
	}
	if letters != "abcdefghijklmnop" {
		t.Errorf("the table has %q", letters)
	}
}
