package archives

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/operator/operatortest"
	"github.com/hotpair/hotpair/services/operator/web"
)

// TestMain takes from the commands what they would find by themselves: a cluster that runs on this machine meanwhile, perhaps one
// of another package's tests, and settings in the environment.
func TestMain(m *testing.M) {
	os.Exit(func() int {
		temp, err := os.MkdirTemp("", "hotpair-archives-")
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

// serve serves a host as tests make them.
func serve(t *testing.T, h *operatortest.Host) *web.Server {
	t.Helper()
	s := web.NewServer(web.ServerConfig{Listen: "127.0.0.1:0", Host: h, Backups: h, Live: h, Operations: h.Registry(), Clock: operatortest.Clock, Gate: operatortest.Gate()})
	operatortest.Start(t, s)
	return s
}

// closedPort gives an address where nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
