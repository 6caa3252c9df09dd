package operatortest

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/hotpair/hotpair/services/config"
)

// Main runs the tests of a package of commands, and gives the exit code. It takes from the commands what they would find by themselves: a
// cluster that runs on this machine meanwhile, perhaps one of another package's tests, and settings in the environment.
func Main(m *testing.M) int {
	temp, err := os.MkdirTemp("", "hotpair-commands-")
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
}

// ClosedPort gives an address where nobody listens.
func ClosedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
