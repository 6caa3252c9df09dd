package hosts

import (
	"os"
	"path/filepath"
	"testing"
)

func TestReadToken_TakesOneThatIsNobodyElses(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		mode os.FileMode
		want string // "" is refused
	}{
		"one line":             {"hpt_abc\n", 0o600, "hpt_abc"},
		"for a group to read":  {"hpt_abc", 0o640, "hpt_abc"},
		"for all to read":      {"hpt_abc", 0o644, ""},
		"for a group to write": {"hpt_abc", 0o660, ""},
		"nothing":              {"\n", 0o600, ""},
		"two":                  {"hpt_abc\nhpt_def\n", 0o600, ""},
		"no text":              {"hpt\x00", 0o600, ""},
	} {
		path := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, c.mode); err != nil {
			t.Fatal(err)
		}
		if got, err := ReadToken(path); got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if _, err := ReadToken(filepath.Join(t.TempDir(), "absent")); err == nil {
		t.Error("no error for a file that there is not")
	}
}
