package mainprocess

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/console"
	"github.com/hotpair/hotpair/services/metrics"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/registry"
	"github.com/hotpair/hotpair/services/operator/web"
	"github.com/hotpair/hotpair/services/role"
)

// switchoverDeadline bounds a planned switchover as an operator waits for it.
const switchoverDeadline = 15 * time.Second

// wake tells who waits for something that the machine has just come to.
func (h *host) wake(v role.View) {
	h.waitMu.Lock()
	defer h.waitMu.Unlock()
	for c, come := range h.waiters {
		if come(v) {
			close(c)
			delete(h.waiters, c)
		}
	}
}

// await waits until the machine's view is as wanted.
func (h *host) await(ctx context.Context, wanted func(role.View) bool) error {
	c := make(chan struct{})
	h.waitMu.Lock()
	h.waiters[c] = wanted
	h.waitMu.Unlock()
	defer func() {
		h.waitMu.Lock()
		delete(h.waiters, c)
		h.waitMu.Unlock()
	}()
	select {
	case <-c:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// history asks the updater for a page of the update history.
func (h *host) history(ctx context.Context, _ operator.Caller, request bus.HistoryRequest) (bus.HistoryPage, error) {
	page, err := bus.CallHistory.PostWait(ctx, h.orders, request, orderDeadline)
	return page, updaterSaid(err)
}

// switchover hands over to the other host and returns when it serves.
func (h *host) switchover(ctx context.Context, caller operator.Caller, _ operator.None) (operator.Switchover, error) {
	ctx, cancel := context.WithTimeout(ctx, switchoverDeadline)
	defer cancel()
	began := time.Now()
	events, stop := h.events.Listen()
	defer stop()
	before := h.driver.View()
	// Waiting begins before the order, so that nothing is missed.
	serves := make(chan error, 1)
	go func() {
		serves <- h.await(ctx, func(v role.View) bool {
			return v.Peer.Role == role.Active && v.Peer.Epoch > before.Epoch && v.Peer.Serving ||
				v.Role == role.Active && v.Epoch > before.Epoch && v.Serving
		})
	}()
	actions, _, err := h.driver.ask(ctx, role.SwitchoverWanted{Cause: "operator " + caller.From})
	if err != nil {
		return operator.Switchover{}, fmt.Errorf("%w: %w", operator.ErrUnavailable, err)
	}
	for _, a := range actions {
		if refusal, ok := a.(role.Refuse); ok {
			return operator.Switchover{}, fmt.Errorf("%w: %s", operator.ErrRefused, refusal.Reason)
		}
	}
	err = <-serves
	after := h.driver.View()
	result := operator.Switchover{ID: caller.ID, From: h.config.Host, Active: after.Record.Active.Host, Epoch: after.Record.Epoch, Took: time.Since(began)}
	for drained := false; !drained; {
		select {
		case e := <-events:
			result.Steps = append(result.Steps, e)
		default:
			drained = true
		}
	}
	switch {
	case err != nil:
		return result, fmt.Errorf("%w: nobody was seen to serve in a higher epoch within %s", operator.ErrUnfinished, switchoverDeadline)
	case after.Record.Active == after.Self:
		return result, fmt.Errorf("%w: %s did not take over; %s serves again", operator.ErrUnfinished, before.Peer.Host, h.config.Host)
	}
	return result, nil
}

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
func (h *host) serveHTTP(ctx context.Context) error {
	token := h.config.HTTPToken.Reveal()
	if token == "" {
		token = config.DeriveKey(h.config.PairSecret.Reveal(), config.PurposeOperator)
	}
	// Beside the driver, which waits for no disk. Without the file calls are answered all the same.
	if err := operator.WriteToken(h.config.Data, token); err != nil {
		h.log.Warn("commands on this machine won't find the token of the operator interface", "error", err)
	}
	server := web.NewServer(web.ServerConfig{
		Listen: h.config.HTTP, Network: h.network, Operations: h.operations, Host: h, Live: h, Clock: h.clock, Log: h.log, Token: token, Pages: h.pages(),
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

// ownLook is how this host sees itself.
func (h *host) ownLook(ctx context.Context, _ operator.Caller, q operator.LookRequest) (operator.Look, error) {
	return operator.Look{Status: h.Status(ctx), Points: h.measures.recorder.Points(q.After)}, nil
}

// PeerLook gives the other host's own view. Errors: ErrForward, and ErrUnavailable while there is no other host.
func (h *host) PeerLook(ctx context.Context, after time.Time) (operator.Look, error) {
	if !h.driver.View().HasPeer {
		return operator.Look{}, fmt.Errorf("%w: the other host has not been heard", operator.ErrUnavailable)
	}
	return registry.Other(ctx, h.operations, operator.PartLook, operator.Caller{Via: h.config.Host}, operator.LookRequest{After: after})
}
