package command

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/hotpair/hotpair/services/config"
)

// TestMain takes from the commands what they would find by themselves: a cluster that runs on this machine meanwhile, perhaps one
// of another package's tests, and settings in the environment.
func TestMain(m *testing.M) {
	os.Exit(func() int {
		temp, err := os.MkdirTemp("", "hotpair-command-")
		if err == nil {
			defer os.RemoveAll(temp)
			err = os.Setenv("TMPDIR", temp)
		}
		for _, entry := range os.Environ() {
			if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, config.Prefix+"_") && err == nil {
				err = os.Unsetenv(name)
			}
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}
