package command

import (
	"net/http/httptest"
	"testing"

	"github.com/hotpair/hotpair/services/operator/operatortest"
	"github.com/hotpair/hotpair/services/operator/registry"
	"github.com/hotpair/hotpair/services/operator/web"
)

// configOf is what the server of a host has in a test.
func configOf(h fake) web.ServerConfig {
	return web.ServerConfig{Listen: "127.0.0.1:0", Host: h, Backups: h, Live: h, Operations: h.Registry(), Clock: operatortest.Clock, Gate: operatortest.Gate()}
}

func serve(t *testing.T, h fake) *web.Server {
	t.Helper()
	s := web.NewServer(configOf(h))
	operatortest.Start(t, s)
	return s
}

func request(t *testing.T, h fake, method, target, body string, header map[string]string) *httptest.ResponseRecorder {
	t.Helper()
	return operatortest.Request(web.NewHandler(configOf(h)), method, target, body, header)
}

// fake is a host as tests make them.
type fake interface {
	web.Host
	web.Backups
	web.Live
	Registry() *registry.Registry
}
