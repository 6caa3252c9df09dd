package typescript_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hotpair/hotpair/services/business/languagetest"
)

// do runs a program of the runtime's in a folder and gives what it says.
func do(t *testing.T, folder, program string, args ...string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), program, args...)
	c.Dir = folder
	said, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", program, err, said)
	}
	return string(said)
}

// passes runs tests that are written in TypeScript.
func passes(t *testing.T, folder string, patterns ...string) {
	t.Helper()
	args := []string{"--test", "--test-reporter=tap"}
	for _, pattern := range patterns {
		files, err := filepath.Glob(filepath.Join(folder, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(files), err)
		}
		args = append(args, files...)
	}
	if said := do(t, folder, "node", args...); strings.Contains(said, "# tests 0\n") {
		t.Errorf("no test ran:\n%s", said)
	}
}

func TestTypeScript_Units(t *testing.T) {
	passes(t, languagetest.TypeScript().Folder(t), "dist/tests/*.test.js", "dist/examples/*/*.test.js")
}

// TestTypeScript_Template: what a service begins with can be built, and passes its tests.
func TestTypeScript_Template(t *testing.T) {
	runtime, folder := languagetest.TypeScript().Folder(t), t.TempDir()
	if err := os.CopyFS(folder, os.DirFS(filepath.Join(runtime, "template"))); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(folder, "node_modules"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, of := range map[string]string{"hotpair": runtime, "typescript": runtime + "/node_modules/typescript", "@types": runtime + "/node_modules/@types"} {
		if err := os.Symlink(of, filepath.Join(folder, "node_modules", name)); err != nil {
			t.Fatal(err)
		}
	}
	do(t, folder, filepath.Join(runtime, "node_modules", ".bin", "tsc"))
	passes(t, folder, "dist/*.test.js")
}

// TestTypeScript_IsWhatIsPublished: the package has what it exports, and neither tests nor addresses of where its dependencies came from.
func TestTypeScript_IsWhatIsPublished(t *testing.T) {
	folder := languagetest.TypeScript().Folder(t)
	var packed []struct {
		Files []struct {
			Path string `json:"path"`
		} `json:"files"`
	}
	said := do(t, folder, "npm", "pack", "--dry-run", "--json", "--ignore-scripts", "--loglevel=error")
	if err := json.Unmarshal([]byte(said), &packed); err != nil || len(packed) != 1 {
		t.Fatalf("%v: %s", err, said)
	}
	var names []string
	for _, file := range packed[0].Files {
		names = append(names, file.Path)
		if !regexp.MustCompile(`^(package\.json|README\.md|src/\w+\.ts|dist/src/\w+\.(js|d\.ts|js\.map))$`).MatchString(file.Path) {
			t.Errorf("%s is published", file.Path)
		}
	}
	for _, name := range []string{"README.md", "dist/src/index.js", "dist/src/index.d.ts", "dist/src/testing.js", "dist/src/testing.d.ts"} {
		if !slices.Contains(names, name) {
			t.Errorf("%s is not published", name)
		}
	}
	lock, err := os.ReadFile(filepath.Join(folder, "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(lock), `"resolved"`) {
		t.Error("package-lock.json has addresses of a registry")
	}
}
