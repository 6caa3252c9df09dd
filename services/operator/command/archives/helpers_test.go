package archives

import (
	"os"
	"testing"

	"github.com/hotpair/hotpair/services/operator/operatortest"
	"github.com/hotpair/hotpair/services/operator/web"
)

func TestMain(m *testing.M) { os.Exit(operatortest.Main(m)) }

// serve serves a host as tests make them.
func serve(t *testing.T, h *operatortest.Host) *web.Server {
	t.Helper()
	s := web.NewServer(web.ServerConfig{Listen: "127.0.0.1:0", Host: h, Backups: h, Live: h, Operations: h.Registry(), Clock: operatortest.Clock, Gate: operatortest.Gate()})
	operatortest.Start(t, s)
	return s
}
