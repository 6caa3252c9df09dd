package inspection

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPermissions(t *testing.T) {
	dir := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Chmod(dir, 0o700))
	must(os.WriteFile(filepath.Join(dir, "facts.json"), nil, 0o600))
	must(os.MkdirAll(filepath.Join(dir, "journal", "deep"), 0o700))
	if problems := permissions(dir); len(problems) > 0 {
		t.Errorf("nothing is wrong, but: %v", problems)
	}
	must(os.Chmod(filepath.Join(dir, "facts.json"), 0o622))
	must(os.Chmod(filepath.Join(dir, "journal"), 0o777))
	problems := strings.Join(permissions(dir), "\n")
	if strings.Count(problems, "writable by others") != 2 || !strings.Contains(problems, "facts.json") {
		t.Errorf("found only:\n%s", problems)
	}
	must(os.Chmod(filepath.Join(dir, "journal"), 0o700))
	must(os.Chmod(filepath.Join(dir, "facts.json"), 0o400))
	if problems := permissions(dir); len(problems) != 1 || !strings.Contains(problems[0], "is not writable by its owner") {
		t.Errorf("found %v", problems)
	}
	if problems := permissions(filepath.Join(dir, "none")); len(problems) == 0 {
		t.Error("nothing wrong with a directory that is not there")
	}
}
