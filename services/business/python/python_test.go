package python_test

import (
	"bytes"
	"os"
	"os/exec"
	"testing"

	"github.com/hotpair/hotpair/services/business/languagetest"
)

// TestPython_Units runs the tests that are written in Python, those of the template too.
func TestPython_Units(t *testing.T) {
	here := languagetest.Python().Folder(t)
	for _, folder := range []string{"tests", "template", "examples/tickets"} {
		c := exec.CommandContext(t.Context(), "python3", "-W", "error", "-m", "unittest", "discover", "-s", folder)
		c.Env = append(os.Environ(), "PYTHONPATH="+here, "PYTHONDONTWRITEBYTECODE=1")
		said, err := c.CombinedOutput()
		if err != nil || bytes.Contains(said, []byte("Ran 0 tests")) {
			t.Errorf("%s: %v\n%s", folder, err, said)
		}
	}
}
