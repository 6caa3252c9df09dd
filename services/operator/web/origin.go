package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/hotpair/hotpair/services/operator"
)

// page answers with a page that is no part of the API, if there is one at the path: console, metrics.
func (h *handler) page(w http.ResponseWriter, r *http.Request) bool {
	page, known := h.pages[r.URL.Path]
	if !known || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	if err := h.admit(r); err != nil {
		h.refuse(w, r, &operator.Problem{Type: operator.ProblemType + "origin", Title: "Refused for this origin", Status: http.StatusForbidden, Detail: err.Error()})
		return true
	}
	page.ServeHTTP(w, r)
	return true
}

// letPeer lets the other host's console read: its page goes on with this host when its own has failed. Only reading,
// and only that one origin, which the other host itself has said over the link.
func (h *handler) letPeer(w http.ResponseWriter, r *http.Request) {
	origin := r.Header.Get("Origin")
	if origin == "" || r.Method != http.MethodGet {
		return
	}
	w.Header().Add("Vary", "Origin")
	if peer := h.host.Status(r.Context()).Peer.HTTP; peer != "" && origin == "http://"+peer {
		w.Header().Set("Access-Control-Allow-Origin", origin)
	}
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

// isLoopback reports whether host:port is on this machine alone.
func isLoopback(address string) bool {
	a, err := netip.ParseAddrPort(address)
	return err == nil && a.Addr().Unmap().IsLoopback()
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

// authorize lets a call pass that reads little, or that carries the token. Such reading is open to whoever reaches the address, as
// health checks and scrapers need it; what changes something, or costs the host much, must come from somebody who can read the host's files.
func (h *handler) authorize(r *http.Request, o operator.Info) error {
	if !o.NeedsToken() || h.holdsToken(r) {
		return nil
	}
	why := "changes something"
	if o.Costly {
		why = "asks for much"
	}
	return fmt.Errorf("%w: whoever %s must show the host's token (Authorization: Bearer …). The token is the file %s in the host's data directory, which the host's own user may read: run the command as that user or root, with HOTPAIR_DATA set unless /etc/hotpair/host.env says it, or give the token by HOTPAIR_HTTP_TOKEN", operator.ErrToken, why, operator.TokenFile)
}

// holdsToken reports whether a call carries the token.
func (h *handler) holdsToken(r *http.Request) bool {
	given, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	// Digests, so that the comparison tells nothing of the token's length either.
	want, got := sha256.Sum256([]byte(h.token)), sha256.Sum256([]byte(given))
	return h.token != "" && found && subtle.ConstantTimeCompare(want[:], got[:]) == 1
}
