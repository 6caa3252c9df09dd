package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"net/netip"
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
		writeProblem(w, r, &operator.Problem{Type: operator.ProblemType + "origin", Title: "Refused for this origin", Status: http.StatusForbidden, Detail: err.Error()})
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
	// A page can point its own name at this address and so be of the same origin; it can't do so with a number.
	browser := r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != ""
	if browser && !isNumberOrLocal(r.Host) {
		return fmt.Errorf("browsers must use this host's IP address instead of the name %q", r.Host)
	}
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(interface{ String() string }); ok && isLoopback(local.String()) && !isNumberOrLocal(r.Host) {
		return fmt.Errorf("the name %q is not one of this loopback address", r.Host)
	}
	return nil
}

// isLoopback reports whether host:port is on this machine alone.
func isLoopback(address string) bool {
	a, err := netip.ParseAddrPort(address)
	return err == nil && a.Addr().Unmap().IsLoopback()
}

// isNumberOrLocal reports whether a Host header is an IP address or localhost, with or without port.
func isNumberOrLocal(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	_, err := netip.ParseAddr(strings.Trim(name, "[]"))
	return err == nil || strings.EqualFold(name, "localhost")
}

// authorize lets a call pass that reads, or that carries the token. Reading is open to whoever reaches the address, as
// health checks and scrapers need it; what changes something must come from somebody who can read the host's files.
func (h *handler) authorize(r *http.Request) error {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return nil
	}
	given, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	// Digests, so that the comparison tells nothing of the token's length either.
	want, got := sha256.Sum256([]byte(h.token)), sha256.Sum256([]byte(given))
	if h.token != "" && found && subtle.ConstantTimeCompare(want[:], got[:]) == 1 {
		return nil
	}
	return fmt.Errorf("%w: a call that changes something carries it as Authorization: Bearer …; it stands in %s of the host's data directory (HOTPAIR_DATA), where its owner may read it; commands also take it from HOTPAIR_HTTP_TOKEN", operator.ErrToken, operator.TokenFile)
}
