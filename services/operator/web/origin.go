package web

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/hotpair/hotpair/services/operator"
)

// page answers with a page that is not part of the API, if there is one at the path: the console's files, which show
// nothing of the pair, and metrics.
func (h *handler) page(w http.ResponseWriter, r *http.Request) bool {
	page, known := h.pages[r.URL.Path]
	if !known || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	if err := h.admit(r); err != nil {
		h.tellRefused(r, operator.Person{}, r.URL.Path, err)
		h.refuse(w, r, &operator.Problem{Type: operator.ProblemType + "origin", Title: "Refused for this origin", Status: http.StatusForbidden, Detail: err.Error()})
		return true
	}
	if need, guarded := h.guarded[r.URL.Path]; guarded {
		let, err := h.authorize(r, r.URL.Path, need)
		if err != nil {
			h.turnAway(w, r, err)
			return true
		}
		r = let
	}
	page.ServeHTTP(w, r)
	return true
}

// admit refuses requests that a foreign web page makes a browser send: a browser on an operator's machine can reach
// the address for every page that it shows.
func (h *handler) admit(r *http.Request) error {
	if err := h.origin.Check(r); err != nil {
		return err
	}
	// A page can point its own name at this address and so be of the same origin, which a plain GET does not reveal
	// (DNS rebinding); it can't do so with an IP address, nor with a name that it does not own. A request without a
	// host is not from a browser.
	if r.Host != "" && !isNumberOrLocal(r.Host) && !slices.ContainsFunc(h.names, func(name string) bool { return strings.EqualFold(name, hostName(r.Host)) }) {
		return fmt.Errorf("%q is not a name of this host: use its IP address, or add the name to HOTPAIR_HTTP_HOSTS", hostName(r.Host))
	}
	return nil
}

// hostName returns a Host header, or an address, without its port.
func hostName(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return host
}

// isNumberOrLocal reports whether a Host header is an IP address or localhost, with or without port.
func isNumberOrLocal(host string) bool {
	name := hostName(host)
	_, err := netip.ParseAddr(strings.Trim(name, "[]"))
	return err == nil || strings.EqualFold(name, "localhost")
}
