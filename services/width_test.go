package services_test

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// width is how long a line of a document may be, in characters: two stand beside each other on a screen, and a changed word changes
// few lines. Tables, headings, code and what can't be broken are as long as they are.
const width = 120

var rewrap = flag.Bool("rewrap", false, "break the lines of documents that are too long")

// TestWidth_OfDocuments holds every document to its width.
func TestWidth_OfDocuments(t *testing.T) {
	root := ".."
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "node_modules") && path != root:
			return fs.SkipDir
		case !strings.HasSuffix(path, ".md"):
			return nil
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		wrapped := wrap(string(text))
		if wrapped == string(text) {
			return nil
		}
		if *rewrap {
			return os.WriteFile(path, []byte(wrapped), 0o644)
		}
		t.Errorf("%s has lines of more than %d characters; go test ./services -run Width -rewrap breaks them", name, width)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// item matches the beginning of what is a block of its own: an item of a list.
var item = regexp.MustCompile(`^( *)([-*+] |[0-9]+\. )`)

// wrap breaks the paragraphs and items of a Markdown text that have a line which is too long, and leaves all else as it is.
func wrap(text string) string {
	var out, block []string
	code := false
	end := func() {
		out = append(out, broken(block)...)
		block = nil
	}
	for line := range strings.SplitSeq(text, "\n") {
		trimmed := strings.TrimSpace(line)
		fence := strings.HasPrefix(trimmed, "```")
		switch {
		case fence:
			end()
			code = !code
			out = append(out, line)
		case code, trimmed == "", strings.HasPrefix(trimmed, "|"), strings.HasPrefix(trimmed, "#"), strings.HasPrefix(trimmed, ">"), strings.HasPrefix(trimmed, "<"),
			len(block) == 0 && strings.HasPrefix(line, "    "):
			end()
			out = append(out, line)
		case item.MatchString(line):
			end()
			block = append(block, line)
		default:
			block = append(block, line)
		}
	}
	end()
	return strings.Join(out, "\n")
}

// broken gives a block with lines that are short enough; one that has no longer ones stays.
func broken(block []string) []string {
	if !slices.ContainsFunc(block, func(line string) bool { return utf8.RuneCountInString(line) > width }) {
		return block
	}
	first := block[0][:len(block[0])-len(strings.TrimLeft(block[0], " "))]
	if m := item.FindString(block[0]); m != "" {
		first = m
	}
	rest := strings.Repeat(" ", len(first))
	var lines []string
	line := first
	for n, word := range pieces(strings.TrimPrefix(strings.Join(block, " "), first)) {
		switch {
		case n == 0:
			line += word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width && !item.MatchString(word+" ") && !strings.HasPrefix(word, "#") && !strings.HasPrefix(word, "|") && !strings.HasPrefix(word, ">"):
			lines = append(lines, line)
			line = rest + word
		default:
			line += " " + word
		}
	}
	return append(lines, line)
}

// pieces are what a text can be broken between: code and links stay whole.
func pieces(text string) (list []string) {
	code, link := false, 0
	word := ""
	for _, r := range text {
		switch {
		case r == '`':
			code = !code
		case r == '[' && !code:
			link++
		case r == ']' && !code:
			link = max(0, link-1)
		}
		if r == ' ' && !code && link == 0 {
			if word != "" {
				list = append(list, word)
			}
			word = ""
			continue
		}
		word += string(r)
	}
	if word != "" {
		list = append(list, word)
	}
	return list
}

// A paragraph is broken, and what is no text stays.
func TestWidth_BreaksTextOnly(t *testing.T) {
	long := strings.Repeat("word ", 30)
	text := "- " + long + "`code that is whole`\n  and more\n\n| " + long + " |\n```\n" + long + "\n```\n# " + long
	got := wrap(text)
	if wrap(got) != got {
		t.Error("it is not the same when it is done again")
	}
	for line := range strings.SplitSeq(got, "\n") {
		if utf8.RuneCountInString(line) > width && !strings.HasPrefix(line, "|") && !strings.HasPrefix(line, "word") && !strings.HasPrefix(line, "#") {
			t.Errorf("too long: %s", line)
		}
	}
	if strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields(text), " ") {
		t.Error("words are lost")
	}
}
