package command

import (
	"net/http/httptest"
	"testing"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/operatortest"
	"github.com/hotpair/hotpair/services/operator/web"
)

// configOf is what the server of a host has in a test.
func configOf(h operator.Host) web.ServerConfig {
	return web.ServerConfig{Listen: "127.0.0.1:0", Host: h, Clock: operatortest.Clock, Token: operatortest.Token}
}

func serve(t *testing.T, h operator.Host) *web.Server {
	t.Helper()
	s := web.NewServer(configOf(h))
	operatortest.Start(t, s)
	return s
}

func request(t *testing.T, h operator.Host, method, target, body string, header map[string]string) *httptest.ResponseRecorder {
	t.Helper()
	return operatortest.Request(web.NewHandler(configOf(h)), method, target, body, header)
}
