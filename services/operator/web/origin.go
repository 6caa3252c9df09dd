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

// page answers with a page that is no part of the API, if there is one at the path: the console's files, which tell nothing of the
// pair, and metrics.
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

// admit refuses what a web page of somebody else makes a browser send: being able to reach the address is all that
// reading needs, and a browser on an operator's machine lends that to every page it shows.
func (h *handler) admit(r *http.Request) error {
	if err := h.origin.Check(r); err != nil {
		return err
	}
	// A page can point its own name at this address and so be of the same origin, and the browser says nothing of that in a plain
	// GET; it can't do so with a number, nor with a name that it does not own. Who names no host is no browser.
	if r.Host != "" && !isNumberOrLocal(r.Host) && !slices.ContainsFunc(h.names, func(name string) bool { return strings.EqualFold(name, hostName(r.Host)) }) {
		return fmt.Errorf("the name %q is not one of this host: ask by its IP address, or name it in HOTPAIR_HTTP_HOSTS", hostName(r.Host))
	}
	return nil
}

// hostName is a Host header, or an address, without its port.
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
