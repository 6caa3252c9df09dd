package mainprocess

import (
	"context"
	"net"
	"net/http"
	"net/netip"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/console"
	"github.com/hotpair/hotpair/services/metrics"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/registry"
	"github.com/hotpair/hotpair/services/operator/web"
)

// peerHTTP is the other main's operator address, as it says in its beats; empty while it is not known.
func (h *host) peerHTTP() string {
	if a := h.peerHTTPAddr.Load(); a != nil {
		return reachable(*a, h.config.PeerLink)
	}
	return ""
}

// reachable gives an address that a host says it listens on as others reach it: one that listens on all its addresses
// is where its link is.
func reachable(address, link string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip, err := netip.ParseAddr(host); host != "" && (err != nil || !ip.IsUnspecified()) {
		return address
	}
	host, _, err = net.SplitHostPort(link)
	if err != nil {
		return address
	}
	return net.JoinHostPort(host, port)
}

// serveHTTP runs the operator interface.
func (h *host) serveHTTP(ctx context.Context, answers *registry.Registry) error {
	token := h.config.HTTPToken.Reveal()
	if token == "" {
		token = config.DeriveKey(h.config.PairSecret.Reveal(), config.PurposeOperator)
	}
	// Beside the driver, which waits for no disk. Without the file calls are answered all the same.
	if err := operator.WriteToken(h.config.Data, token); err != nil {
		h.log.Warn("commands on this machine won't find the token of the operator interface", "error", err)
	}
	server := web.NewServer(web.ServerConfig{
		Listen: h.config.HTTP, Network: h.network, Operations: answers, Host: h, Backups: h.operations, Live: h.operations, Clock: h.clock, Log: h.log, Token: token, Pages: h.pages(),
	})
	go func() {
		select {
		case <-server.Ready():
			address := server.Address()
			h.httpAddr.Store(&address)
			h.log.Info("operators are answered", "http", "http://"+address)
		case <-ctx.Done():
		}
	}()
	if err := server.Run(ctx); err != nil {
		return listening("HOTPAIR_HTTP", err)
	}
	return ctx.Err()
}

// pages are what is served beside the API.
func (h *host) pages() map[string]http.Handler {
	all := console.Pages(h.peerHTTP)
	all["/metrics"] = metrics.Handler(h)
	return all
}
