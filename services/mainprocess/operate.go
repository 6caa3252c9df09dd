package mainprocess

import (
	"context"
	"net"
	"net/http"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/console"
	"github.com/hotpair/hotpair/services/metrics"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/registry"
	"github.com/hotpair/hotpair/services/operator/web"
)

// newServer makes the operator interface.
func (h *host) newServer(answers *registry.Registry) *web.Server {
	socket := operator.SocketIn(h.config.Data, h.config.HTTPSocket)
	if h.run.network != nil {
		socket = "" // no files in this environment
	}
	return web.NewServer(web.ServerConfig{
		Listen: h.config.HTTP, Network: h.run.network, Operations: answers, Host: h, Backups: h.operations, Live: h.operations, Clock: h.clock, Log: h.log,
		Gate: h.operations.Gate, Reasons: h.config.Reasons == config.ReasonsRequired, Socket: socket, Cert: h.config.HTTPTlsCert, Key: h.config.HTTPTlsKey,
		Pages: h.pages(), Guarded: map[string]operator.Role{"/metrics": operator.View}, Names: h.names(), Refused: &h.measures.refused, Trail: h.trail,
	})
}

// serveHTTP runs the operator interface.
func (h *host) serveHTTP(ctx context.Context) error {
	go func() {
		select {
		case <-h.run.web.Ready():
			address := h.run.web.Address()
			h.peer.own.Store(&address)
			h.log.Info("listening for operators", "http", "http://"+address)
		case <-ctx.Done():
		}
	}()
	if err := h.run.web.Run(ctx); err != nil {
		return listening("HOTPAIR_HTTP", err)
	}
	return ctx.Err()
}

// names are the host names under which the operator interface accepts requests.
func (h *host) names() []string {
	name, _, _ := net.SplitHostPort(h.config.HTTP) // checked; none is no harm
	return append([]string{name}, h.config.HTTPHosts...)
}

// pages are what is served beside the API.
func (h *host) pages() map[string]http.Handler {
	all := console.Pages()
	all["/metrics"] = metrics.Handler(h)
	return all
}
