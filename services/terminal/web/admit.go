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
)

// admit says what keeps a call from being looked at, nil if nothing does: where it comes from, the name that it asks for, and the page
// that has a browser send it.
func (s *Server) admit(r *http.Request) *problem {
	if r.RemoteAddr != "" && !isLocal(r.RemoteAddr) && !inProcess(r.RemoteAddr) {
		return refusal(http.StatusForbidden, "elsewhere", "Refused from another machine",
			"only applications on this machine are allowed", "Send the request from the terminal itself.")
	}
	// A page can point its own name at this address and so be of the same origin. It can't do so with a number, nor with localhost.
	if !isLoopbackName(r.Host) {
		return refusal(http.StatusMisdirectedRequest, "host", "Refused because of the Host header",
			fmt.Sprintf("the Host header is %.100q, and only names of this machine are allowed: a web page could have pointed its own name here", r.Host),
			"Use http://127.0.0.1 or http://localhost with the port of this agent.")
	}
	origin, given := originOf(r)
	if given && (origin == ownOrigin(r) || s.listed(origin)) {
		return nil
	}
	site := r.Header.Get("Sec-Fetch-Site")
	foreign := given || site == "cross-site" || site == "same-site"
	// A link on another page may lead here: that shows a page, and tells the other one nothing.
	if !foreign || isPage(r) && r.Header.Get("Sec-Fetch-Mode") == "navigate" {
		return nil
	}
	what := "a page of another origin"
	if given {
		what = fmt.Sprintf("a page of %.100q", origin)
	}
	return refusal(http.StatusForbidden, "origin", "Refused because of the origin of the page",
		what+" sent this request, and only pages that this agent serves and pages of listed origins are allowed",
		"Serve the page from HOTPAIR_TERMINAL_FILES, or list its origin in HOTPAIR_TERMINAL_ORIGINS.")
}

// inProcess reports whether a caller has no address, because it is a part of this process.
func inProcess(address string) bool { return address == "pipe" }

// isLoopbackName reports whether a Host header names this machine: a loopback address or localhost, with or without port.
func isLoopbackName(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	} else {
		name = strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
	}
	at, err := netip.ParseAddr(name)
	return err == nil && at.Zone() == "" && at.Unmap().IsLoopback() || strings.EqualFold(name, "localhost")
}

// originOf is the origin of the page that has a browser send a call, if it says one.
func originOf(r *http.Request) (origin string, given bool) {
	list := r.Header.Values("Origin")
	if len(list) == 0 {
		return "", false
	}
	return strings.Join(list, ","), true // two of them are none
}

// ownOrigin is that of a page which is served here.
func ownOrigin(r *http.Request) string { return "http://" + strings.ToLower(r.Host) }

// listed reports whether pages of an origin may ask.
func (s *Server) listed(origin string) bool { return slices.Contains(s.config.Origins, origin) }

// share lets a listed page read the answer, and see the headers of it.
func (s *Server) share(w http.ResponseWriter, r *http.Request) {
	if len(s.config.Origins) == 0 {
		return
	}
	h := w.Header()
	h.Add("Vary", "Origin")
	if origin, given := originOf(r); given && s.listed(origin) {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Expose-Headers", "Hotpair-Position, Hotpair-Request-Id, Retry-After")
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	}
}

// preflight answers a browser that asks before a page of a listed origin asks.
func (s *Server) preflight(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Allow", "GET, HEAD, POST, DELETE, OPTIONS")
	if origin, given := originOf(r); given && s.listed(origin) && r.Header.Get("Access-Control-Request-Method") != "" {
		h.Set("Access-Control-Allow-Methods", "GET, POST, DELETE")
		h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Last-Event-ID, Hotpair-Request-Id, Hotpair-Deadline, Hotpair-Queue, Hotpair-Queue-Key, Hotpair-Lane")
		h.Set("Access-Control-Max-Age", "600")
		if r.Header.Get("Access-Control-Request-Private-Network") == "true" {
			h.Set("Access-Control-Allow-Private-Network", "true")
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// proved says what is wrong with the token of a call, nil if nothing is.
func (s *Server) proved(w http.ResponseWriter, r *http.Request) *problem {
	if s.config.Token == "" {
		return nil
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	given, wanted := sha256.Sum256([]byte(strings.TrimSpace(token))), sha256.Sum256([]byte(s.config.Token))
	if strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(given[:], wanted[:]) == 1 {
		return nil
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="hotpair terminal"`)
	said := "the request has none"
	if token != "" {
		said = "the request has another one"
	}
	return refusal(http.StatusUnauthorized, "token", "The terminal's token is missing or wrong", "this terminal requires a token of its applications, and "+said,
		"Send the header Authorization: Bearer TOKEN, with the token in HOTPAIR_TERMINAL_APP_TOKEN_FILE.")
}
